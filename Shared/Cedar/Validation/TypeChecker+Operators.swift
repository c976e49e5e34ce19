/// Operators and methods of two operands.
extension TypeChecker {
    mutating func checkBinary(
        _ op: BinaryOperator, _ left: Expr, _ right: Expr, _ known: Capabilities, _ expr: Expr
    ) -> Answer {
        switch op {
        // `Expr.core` has no others of these groups.
        case .equal, .notEqual: checkEqual(left, right, known, expr)
        case .less, .lessOrEqual, .greater, .greaterOrEqual: checkOrder(left, right, known)
        case .add, .subtract, .multiply: checkArithmetic(op, left, right, known)
        case .in: checkIn(left, right, known)
        case .contains: checkContains(left, right, known, expr)
        case .containsAll, .containsAny: checkContainsSet(op, left, right, known, expr)
        case .hasTag: checkHasTag(left, right, known)
        case .getTag: checkGetTag(left, right, known, expr)
        }
    }

    private mutating func checkEqual(_ left: Expr, _ right: Expr, _ known: Capabilities, _ expr: Expr) -> Answer {
        let first = check(left, known)
        let second = check(right, known)
        let answer = Answer(typeOfEqual(left, first.type, right, second.type)).given(first, second)
        guard answer.type == .bool else { return answer }
        return strictly(answer, first.type, second.type, "both sides of `==`", at: expr)
    }

    private func typeOfEqual(
        _ left: Expr, _ leftType: StaticType?, _ right: Expr, _ rightType: StaticType?
    ) -> StaticType {
        if let leftType, let rightType, leftType.isDisjoint(with: rightType) { return .no }
        guard let a = literal(left), let b = literal(right) else { return .bool }
        return .bool(a == b)
    }

    /// A literal; for `action` the action of the environment.
    private func literal(_ expr: Expr) -> Literal? {
        switch expr.kind {
        case .literal(let literal): literal
        case .variable(.action): .entity(environment.action.definition.uid)
        default: nil
        }
    }

    private func entity(_ expr: Expr) -> EntityUID? {
        if case .entity(let uid) = literal(expr) { uid } else { nil }
    }

    /// In strict mode, the types must have a common one.
    private mutating func strictly(
        _ answer: Answer, _ left: StaticType?, _ right: StaticType?, _ what: String, at expr: Expr
    ) -> Answer {
        guard mode == .strict, let left, let right else { return answer }
        do {
            _ = try left.union(right, .strict)
            return answer
        } catch {
            reportIncompatible([left, right], error, what, at: expr)
            return .invalid(answer.type)
        }
    }

    private static func isOrdered(_ type: StaticType) -> Bool {
        switch type {
        case .long, .extension(.datetime), .extension(.duration): true
        default: false
        }
    }

    private mutating func checkOrder(_ left: Expr, _ right: Expr, _ known: Capabilities) -> Answer {
        let first = check(left, known)
        let second = check(right, known)
        guard let leftType = first.type, let rightType = second.type else { return .invalid(.bool) }
        let answer = Answer(.bool).given(first, second)
        if leftType == rightType && Self.isOrdered(leftType) { return answer }
        // One may be of the type of the other, when that type has an order.
        if Self.isOrdered(leftType) && (rightType != .long || leftType == .long) {
            reportUnexpected(rightType, expected: [leftType], at: right)
        } else if Self.isOrdered(rightType) {
            reportUnexpected(leftType, expected: [rightType], at: left)
        } else {
            let ordered: [StaticType] = [.long, .extension(.datetime), .extension(.duration)]
            reportUnexpected(leftType, expected: ordered, at: left)
            reportUnexpected(rightType, expected: ordered, at: right)
        }
        return .invalid(.bool)
    }

    private mutating func checkArithmetic(
        _ op: BinaryOperator, _ left: Expr, _ right: Expr, _ known: Capabilities
    ) -> Answer {
        func help(_ type: StaticType) -> String? {
            switch type {
            case .string: "strings cannot be put together; match parts with `like`"
            case .set, .anySet: "sets cannot be joined; use `contains`, `containsAll` or `containsAny`"
            default: nil
            }
        }
        let first = expect([.long], left, known, help: help)
        let second = expect([.long], right, known, help: help)
        return Answer(.long).given(first, second)
    }

    private static func helpForSet(_ type: StaticType) -> String? {
        switch type {
        case .entity, .anyEntity: "use `in` to ask whether an entity is in another"
        case .record: "use `has` to ask for an attribute"
        case .string: "use `like` to look into a string"
        default: nil
        }
    }

    private mutating func checkContains(_ left: Expr, _ right: Expr, _ known: Capabilities, _ expr: Expr) -> Answer {
        let first = expect([.anySet], left, known, help: Self.helpForSet)
        let second = check(right, known)
        let answer = Answer(.bool).given(first, second)
        guard case .set(let element) = first.type else { return answer }
        return strictly(
            answer, element, second.type, "the elements of the set and the argument of `contains`", at: expr)
    }

    private mutating func checkContainsSet(
        _ op: BinaryOperator, _ left: Expr, _ right: Expr, _ known: Capabilities, _ expr: Expr
    ) -> Answer {
        let first = expect([.anySet], left, known, help: Self.helpForSet)
        let second = expect([.anySet], right, known) { _ in "use `contains` to ask for one element" }
        let answer = Answer(.bool).given(first, second)
        return strictly(answer, first.type, second.type, "the two sets of `\(op.rawValue)`", at: expr)
    }

    private mutating func checkIn(_ left: Expr, _ right: Expr, _ known: Capabilities) -> Answer {
        let first = expect([.anyEntity], left, known) { _ in "use `contains` to ask whether a set has an element" }
        let second = expect([.anyEntity, .set(.anyEntity)], right, known) { type in
            switch type {
            case .set: "use `contains` to ask whether a set has an element"
            case .string: "use `like` to look into a string"
            default: nil
            }
        }
        guard first.isValid && second.isValid else { return .invalid(.bool) }
        return Answer(typeOfIn(left, first.type, right, second.type))
    }

    private func typeOfIn(
        _ left: Expr, _ leftType: StaticType?, _ right: Expr, _ rightType: StaticType?
    ) -> StaticType {
        if let action = entity(left), action.isAction, let groups = entities(right) {
            // Which actions are in which groups is known.
            return .bool(groups.contains { $0.isAction && index.isAction(action, in: $0) })
        }
        guard case .entity(let members) = leftType, let groups = rightType?.entityTypesOfGroup else { return .bool }
        let isPossible = members.names.contains { member in groups.names.contains { index.mayBe(member, in: $0) } }
        return isPossible ? .bool : .no
    }

    /// Entities that are written down, one or a set; nil when some are computed.
    private func entities(_ expr: Expr) -> [EntityUID]? {
        if let one = entity(expr) { return [one] }
        guard case .set(let elements) = expr.kind else { return nil }
        let all = elements.compactMap { entity($0) }
        return all.count == elements.count ? all : nil
    }
}

extension StaticType {
    /// The types of entities that something may be `in`: of this one, or of the elements of this set.
    fileprivate var entityTypesOfGroup: EntityTypes? {
        switch self {
        case .entity(let types), .set(.entity(let types)): types
        default: nil
        }
    }
}
