extension Evaluation {
    @inline(__always)
    func entity(_ operand: Operand) throws(EvaluationError) -> Unmanaged<EntityName> {
        guard case .entity(let name) = operand else { throw operand.mismatch("entity") }
        return name
    }

    @inline(__always)
    func symbol(_ name: Unmanaged<EntityName>) -> Int32 { name._withUnsafeGuaranteedRef { $0.symbol } }

    @inline(__always)
    func type(_ name: Unmanaged<EntityName>) -> Int32 { name._withUnsafeGuaranteedRef { $0.type } }

    func uid(_ name: Unmanaged<EntityName>) -> EntityUID { name._withUnsafeGuaranteedRef { $0.uid } }

    /// What is known of an entity: what came with the request, else what is stored.
    @inline(__always)
    func node(_ name: Unmanaged<EntityName>) -> Unmanaged<EntityNode>? {
        if scratch.pointee.hasEntities, let node = given(name) { return node }
        return store.node(symbol(name))
    }

    @inline(never)
    private func given(_ name: Unmanaged<EntityName>) -> Unmanaged<EntityNode>? {
        // The scratch keeps it until the request is decided.
        scratch.node(name.takeUnretainedValue(), owners.store, program).map { .passUnretained($0) }
    }

    @inline(__always)
    func ancestors(_ name: Unmanaged<EntityName>) -> SymbolSet.View {
        node(name)?._withUnsafeGuaranteedRef { $0.ancestors.view } ?? .empty
    }

    func isIn(_ member: Unmanaged<EntityName>, _ group: Operand) throws(EvaluationError) -> Bool {
        switch group {
        case .entity(let name):
            let symbol = symbol(name)
            return self.symbol(member) == symbol || ancestors(member).contains(symbol)
        case .set(let object):
            if let entities = object._withUnsafeGuaranteedRef({ $0.entities }) { return isIn(member, anyOf: entities) }
            for element in object._withUnsafeGuaranteedRef({ $0.elements }) { _ = try entity(element) }
            return false
        case .raw(let pointer):
            guard case .set(let set) = pointer.pointee else { throw group.mismatch("entity", "set") }
            var symbols: [Int32] = []
            for element in set.elements {
                guard case .entity(let uid) = element else {
                    throw .type(expected: ["entity"], actual: element.kindName)
                }
                symbols.append(symbol(name(of: uid)))
            }
            let groups = SymbolSet(symbols)
            return withExtendedLifetime(groups) { isIn(member, anyOf: groups.view) }
        default: throw group.mismatch("entity", "set")
        }
    }

    private func isIn(_ member: Unmanaged<EntityName>, anyOf groups: SymbolSet.View) -> Bool {
        groups.contains(symbol(member)) || groups.intersects(ancestors(member))
    }

    // MARK: Attributes and tags

    func attribute(_ operand: Operand, _ attribute: Int32) throws(EvaluationError) -> Operand {
        let attribute = names + Int(attribute)
        switch operand {
        case .entity(let name):
            guard let node = node(name) else { throw .noSuchEntity(uid(name)) }
            if let value = self.attribute(attribute, of: node) { return value }
            throw .noSuchAttribute(of: uid(name), name: attribute.pointee.text)
        case .record(let record):
            if let value = record._withUnsafeGuaranteedRef({ $0.view })[attribute.pointee.symbol] { return value }
            throw .noSuchAttribute(of: nil, name: attribute.pointee.text)
        case .raw(let pointer):
            guard case .record(let record) = pointer.pointee else { throw operand.mismatch("entity", "record") }
            if let value = field(attribute.pointee.text, of: record) { return value }
            throw .noSuchAttribute(of: nil, name: attribute.pointee.text)
        default: throw operand.mismatch("entity", "record")
        }
    }

    /// An attribute of one of the request's variables; nil when there is none.
    func attributeIfAny(of variable: Variable, _ attribute: UnsafePointer<Program.AttributeName>) -> Operand? {
        let name: Unmanaged<EntityName>
        switch variable {
        case .principal: name = principal
        case .action: name = action
        case .resource: name = resource
        case .context:
            guard case .record(let record) = context.pointee else { return nil }
            return field(attribute.pointee.text, of: record)
        }
        return node(name).flatMap { self.attribute(attribute, of: $0) }
    }

    func has(_ operand: Operand, _ path: Range<Int32>) throws(EvaluationError) -> Bool {
        var current = operand
        for element in path {
            let attribute = names + Int(self.operand(element))
            let value: Operand?
            switch current {
            case .entity(let name): value = node(name).flatMap { self.attribute(attribute, of: $0) }
            case .record(let record): value = record._withUnsafeGuaranteedRef { $0.view }[attribute.pointee.symbol]
            case .raw(let pointer):
                guard case .record(let record) = pointer.pointee else { throw current.mismatch("entity", "record") }
                value = field(attribute.pointee.text, of: record)
            default: throw current.mismatch("entity", "record")
            }
            guard let value else { return false }
            current = value
        }
        return true
    }

    func tag(
        _ operation: Instruction.Operation, _ left: Operand, _ right: Operand
    ) throws(EvaluationError) -> Operand {
        let name = try entity(left)
        guard let tag = right.string else { throw right.mismatch("string") }
        let node = node(name)
        let value = node.flatMap { $0._withUnsafeGuaranteedRef { field(tag, of: $0.entity.tags) } }
        if operation == .hasTag { return .bool(value != nil) }
        guard node != nil else { throw .noSuchEntity(uid(name)) }
        guard let value else { throw .noSuchTag(of: uid(name), name: tag) }
        return value
    }

    @inline(__always)
    private func attribute(
        _ attribute: UnsafePointer<Program.AttributeName>, of node: Unmanaged<EntityNode>
    ) -> Operand? {
        if let fields = node._withUnsafeGuaranteedRef({ $0.fields }) { return fields[attribute.pointee.symbol] }
        return node._withUnsafeGuaranteedRef { field(attribute.pointee.text, of: $0.entity.attributes) }
    }

    /// An attribute of a record that was not compiled. What the operand points to lies in the record's own storage, which
    /// the request or the store keeps.
    private func field(_ name: CedarString, of record: Record) -> Operand? {
        record.fields.withUnsafeBufferPointer { fields in
            var (low, high) = (0, fields.count)
            // Few names are told apart quicker by equality than by order.
            if high <= 8 {
                while low < high, !fields[low].name.string.isSame(as: name.string) { low += 1 }
            } else {
                while low < high {
                    let middle = (low + high) / 2
                    if fields[middle].name < name { low = middle + 1 } else { high = middle }
                }
                if low < fields.count, fields[low].name != name { return nil }
            }
            guard low < fields.count, let base = fields.baseAddress else { return nil }
            let offset = MemoryLayout<Record.Field>.offset(of: \.value) ?? 0
            return raw(UnsafeRawPointer(base + low).advanced(by: offset).assumingMemoryBound(to: Value.self))
        }
    }

    /// The operand for a value that lies in the request.
    func raw(_ pointer: UnsafePointer<Value>) -> Operand {
        switch pointer.pointee {
        case .bool(let value): .bool(value)
        case .int(let value): .int(value)
        case .extension(.decimal(let value)): .decimal(value.tenThousandths)
        case .extension(.datetime(let value)): .datetime(value.milliseconds)
        case .extension(.duration(let value)): .duration(value.milliseconds)
        case .entity(let uid): .entity(name(of: uid))
        case .string, .set, .record, .extension(.ip): .raw(pointer)
        }
    }

    func name(of uid: EntityUID) -> Unmanaged<EntityName> {
        let hash = hash(uid)
        // The scratch keeps a name that it makes until the request is decided.
        return store.table.find(uid, hash) ?? policyTable.find(uid, hash)
            ?? .passUnretained(scratch.name(of: uid, program))
    }
}

extension Operand {
    /// The text of a string.
    var string: CedarString? {
        switch self {
        case .string(let object): object._withUnsafeGuaranteedRef { $0.string }
        case .raw(let pointer): if case .string(let string) = pointer.pointee { string } else { nil }
        default: nil
        }
    }
}
