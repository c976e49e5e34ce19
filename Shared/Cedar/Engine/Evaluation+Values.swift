extension Evaluation {
    func equal(_ left: Operand, _ right: Operand) -> Bool {
        switch (left, right) {
        case (.bool(let a), .bool(let b)): a == b
        case (.int(let a), .int(let b)): a == b
        case (.entity(let a), .entity(let b)):
            symbol(a) == symbol(b)
        case (.string(let a), .string(let b)):
            a.toOpaque() == b.toOpaque()
                || a._withUnsafeGuaranteedRef { a in
                    b._withUnsafeGuaranteedRef { b in a.string.string.isSame(as: b.string.string) }
                }
        case (.raw, .string), (.string, .raw):
            if let a = left.string, let b = right.string { a == b } else { false }
        case (.decimal(let a), .decimal(let b)): a == b
        case (.datetime(let a), .datetime(let b)): a == b
        case (.duration(let a), .duration(let b)): a == b
        default: left.value == right.value
        }
    }

    func contains(_ set: Operand, _ element: Operand) throws(EvaluationError) -> Bool {
        if case .set(let object) = set {
            return object._withUnsafeGuaranteedRef { set in
                if let entities = set.entities {
                    guard case .entity(let name) = element else { return false }
                    return entities.contains(symbol(name))
                }
                // Few are told apart quicker one by one, in numbers, than by the order of values.
                if set.elements.count <= 8 { return set.elements.contains { equal($0, element) } }
                return set.value.contains(element.value)
            }
        }
        return try values(set).contains(element.value)
    }

    private func values(_ operand: Operand) throws(EvaluationError) -> ValueSet {
        switch operand {
        case .set(let object): return object._withUnsafeGuaranteedRef { $0.value }
        case .raw(let pointer):
            if case .set(let set) = pointer.pointee { return set }
            throw operand.mismatch("set")
        default: throw operand.mismatch("set")
        }
    }

    /// Operations that decisions rarely need, by way of plain values.
    @inline(never)
    func evaluateRare(_ i: Instruction) throws(EvaluationError) -> Operand {
        switch i.operation {
        case .containsAll:
            let (left, right) = (try evaluate(i.a), try evaluate(i.b))
            return .bool(try values(left).isSuperset(of: try values(right)))
        case .containsAny:
            let (left, right) = (try evaluate(i.a), try evaluate(i.b))
            return .bool(!(try values(left).isDisjoint(with: try values(right))))
        case .isEmpty: return .bool(try values(try evaluate(i.a)).isEmpty)
        case .like:
            let operand = try evaluate(i.a)
            guard let string = operand.string else { throw operand.mismatch("string") }
            return .bool(program.patterns[Int(i.b)].matches(string))
        case .set:
            var values: [Value] = []
            for element in i.b.run(from: i.a) { values.append(try evaluate(operand(element)).value) }
            return keep(.set(ValueSet(values)))
        case .record:
            var fields: [(CedarString, Value)] = []
            for pair in stride(from: i.a, to: i.a + i.b, by: 2) {
                let name = names[Int(operand(pair))].text
                fields.append((name, try evaluate(operand(pair + 1)).value))
            }
            return keep(.record(Record(fields)))
        case .call:
            var arguments: [Value] = []
            for argument in i.c.run(from: i.b) { arguments.append(try evaluate(operand(argument)).value) }
            return keep(try program.functions[Int(i.a)].apply(arguments))
        default:
            throw .unknown(names[Int(i.a)].text)
        }
    }

    private func keep(_ value: Value) -> Operand {
        let object = ValueObject(value)
        scratch.keep(object)
        return raw(object.pointer)
    }
}
