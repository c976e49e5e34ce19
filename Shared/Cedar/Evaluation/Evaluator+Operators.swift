extension Evaluator {
    func binary(_ op: BinaryOperator, _ left: Value, _ right: Value) throws(EvaluationError) -> Value {
        switch op {
        // Values of different types are different.
        case .equal: .bool(left == right)
        case .notEqual: .bool(left != right)
        case .less: .bool(try left.compared(with: right) { $0 < $1 })
        case .greater: .bool(try left.compared(with: right) { $0 > $1 })
        case .lessOrEqual: .bool(try left.compared(with: right) { $0 <= $1 })
        case .greaterOrEqual: .bool(try left.compared(with: right) { $0 >= $1 })
        case .in: .bool(try isIn(try left.asEntity(), right))
        case .add, .subtract, .multiply: .int(try arithmetic(op, try left.asInt(), try right.asInt()))
        case .contains: .bool(try left.asSet().contains(right))
        case .containsAll: .bool(try left.asSet().isSuperset(of: try right.asSet()))
        case .containsAny: .bool(!(try left.asSet().isDisjoint(with: try right.asSet())))
        case .hasTag: .bool(tag(of: try left.asEntity(), try right.asString()) != nil)
        case .getTag: try requiredTag(of: try left.asEntity(), try right.asString())
        }
    }

    func negated(_ value: Value) throws(EvaluationError) -> Value {
        let (result, overflows) = (0 as Int64).subtractingReportingOverflow(try value.asInt())
        guard !overflows else { throw .overflow("-") }
        return .int(result)
    }

    private func arithmetic(_ op: BinaryOperator, _ left: Int64, _ right: Int64) throws(EvaluationError) -> Int64 {
        let (result, overflows) =
            switch op {
            case .add: left.addingReportingOverflow(right)
            case .subtract: left.subtractingReportingOverflow(right)
            default: left.multipliedReportingOverflow(by: right)
            }
        guard !overflows else { throw .overflow(op.rawValue) }
        return result
    }

    /// Whether an entity is in another one, or in one of a set that holds entities only.
    func isIn(_ member: EntityUID, _ group: Value) throws(EvaluationError) -> Bool {
        switch group {
        case .entity(let group): return entities.isIn(member, group)
        case .set(let set):
            var groups: [EntityUID] = []
            for element in set.elements { groups.append(try element.asEntity()) }
            return groups.contains { entities.isIn(member, $0) }
        default: throw group.mismatch("entity", "set")
        }
    }

    func attribute(_ name: CedarString, of value: Value) throws(EvaluationError) -> Value {
        switch value {
        case .record(let record):
            guard let found = record[name] else { throw .noSuchAttribute(of: nil, name: name) }
            return found
        case .entity(let uid):
            guard let entity = entities[uid] else { throw .noSuchEntity(uid) }
            guard let found = entity.attributes[name] else { throw .noSuchAttribute(of: uid, name: name) }
            return found
        default: throw value.mismatch("entity", "record")
        }
    }

    /// Whether there is an attribute at the end of a path. An entity that does not exist has none.
    func has(_ path: [CedarString], _ value: Value) throws(EvaluationError) -> Bool {
        var value = value
        for name in path {
            let record: Record
            switch value {
            case .record(let found): record = found
            case .entity(let uid): record = entities[uid]?.attributes ?? .empty
            default: throw value.mismatch("entity", "record")
            }
            guard let found = record[name] else { return false }
            value = found
        }
        return true
    }

    private func tag(of uid: EntityUID, _ name: CedarString) -> Value? { entities[uid]?.tags[name] }

    private func requiredTag(of uid: EntityUID, _ name: CedarString) throws(EvaluationError) -> Value {
        guard let entity = entities[uid] else { throw .noSuchEntity(uid) }
        guard let found = entity.tags[name] else { throw .noSuchTag(of: uid, name: name) }
        return found
    }
}

extension Value {
    func asInt() throws(EvaluationError) -> Int64 {
        guard case .int(let value) = self else { throw mismatch("long") }
        return value
    }

    func asString() throws(EvaluationError) -> CedarString {
        guard case .string(let value) = self else { throw mismatch("string") }
        return value
    }

    func asEntity() throws(EvaluationError) -> EntityUID {
        guard case .entity(let value) = self else { throw mismatch("entity") }
        return value
    }

    func asSet() throws(EvaluationError) -> ValueSet {
        guard case .set(let value) = self else { throw mismatch("set") }
        return value
    }

    /// Compares numbers, instants or spans of time, each with its like.
    func compared(
        with other: Value, _ holds: (Int64, Int64) -> Bool
    ) throws(EvaluationError) -> Bool {
        switch (self, other) {
        case (.int(let a), .int(let b)): holds(a, b)
        case (.extension(.datetime(let a)), .extension(.datetime(let b))): holds(a.milliseconds, b.milliseconds)
        case (.extension(.duration(let a)), .extension(.duration(let b))): holds(a.milliseconds, b.milliseconds)
        case (.int, _): throw other.mismatch("long")
        case (.extension(.datetime), _): throw other.mismatch("datetime")
        case (.extension(.duration), _): throw other.mismatch("duration")
        default: throw mismatch("long", "datetime", "duration")
        }
    }
}
