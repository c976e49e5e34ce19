/// `!`, `&&`, `||` and `if`: what is always true or false leaves out what is never evaluated.
extension TypeChecker {
    mutating func checkNot(_ operand: Expr, _ known: Capabilities) -> Answer {
        let answer = expect([.bool], operand, known)
        return switch answer.type {
        case .yes: answer.typed(.no)
        case .no: answer.typed(.yes)
        default: answer.typed(.bool)
        }
    }

    mutating func checkAnd(_ operands: [Expr], _ known: Capabilities) -> Answer {
        guard let first = operands.first else { return Answer(.yes) }
        var left = expect([.bool], first, known)
        for operand in operands.dropFirst() {
            left = and(left, operand, known)
        }
        return left
    }

    /// `left && operand`.
    mutating func and(_ left: Answer, _ operand: Expr, _ known: Capabilities) -> Answer {
        // Also what was proven before counts for nothing when it is never true.
        if left.type == .no { return left.typed(.no) }
        let right = expect([.bool], operand, known.union(left.proven))
        guard let leftType = left.type, let rightType = right.type else { return .invalid(.bool) }
        return switch (leftType, rightType) {
        case (_, .no): Answer(.no).given(left, right)
        case (_, .yes): Answer(leftType, proven: left.proven.union(right.proven)).given(left, right)
        case (.yes, _): Answer(rightType, proven: right.proven).given(left, right)
        default: Answer(.bool, proven: left.proven.union(right.proven)).given(left, right)
        }
    }

    mutating func checkOr(_ operands: [Expr], _ known: Capabilities) -> Answer {
        guard let first = operands.first else { return Answer(.no) }
        var left = expect([.bool], first, known)
        for operand in operands.dropFirst() {
            left = or(left, operand, known)
        }
        return left
    }

    private mutating func or(_ left: Answer, _ operand: Expr, _ known: Capabilities) -> Answer {
        if left.type == .yes { return left }
        let right = expect([.bool], operand, known)
        guard let leftType = left.type, let rightType = right.type else { return .invalid(.bool) }
        return switch (leftType, rightType) {
        case (_, .yes): Answer(.yes, proven: right.proven).given(left, right)
        case (_, .no): Answer(leftType, proven: left.proven).given(left, right)
        case (.no, _): Answer(rightType, proven: right.proven).given(left, right)
        default: Answer(.bool, proven: left.proven.intersection(right.proven)).given(left, right)
        }
    }

    mutating func checkConditional(
        _ condition: Expr, _ then: Expr, _ otherwise: Expr, _ known: Capabilities, _ expr: Expr
    ) -> Answer {
        let test = expect([.bool], condition, known)
        if test.type == .yes {
            let answer = check(then, known.union(test.proven))
            return Answer(answer.type, proven: answer.proven.union(test.proven)).given(test, answer)
        }
        if test.type == .no {
            let answer = check(otherwise, known)
            return answer.given(test)
        }
        let first = check(then, known.union(test.proven))
        let second = check(otherwise, known)
        guard let firstType = first.type, let secondType = second.type else { return .invalid() }
        do {
            let type = try firstType.union(secondType, mode)
            let proven = first.proven.union(test.proven).intersection(second.proven)
            return Answer(type, proven: proven).given(test, first, second)
        } catch {
            reportIncompatible([firstType, secondType], error, "both branches of an `if`", at: expr)
            return .invalid()
        }
    }

    mutating func reportIncompatible(
        _ types: [StaticType], _ mismatch: StaticType.Mismatch, _ what: String, at expr: Expr
    ) {
        var names: [String] = []
        for type in types.map(\.brief) where !names.contains(type) { names.append(type) }
        let reason =
            switch mismatch {
            case .different: "\(what) must have one type"
            case .optionality: "an attribute must be required in both records or optional in both"
            case .attributes: "both records must have the same attributes"
            case .entityTypes: "entities of different types are not compatible, whatever attributes they have"
            case .entityAndRecord: "entities are no records, whatever attributes they have"
            }
        report(
            .incompatibleTypes, "\(what) have incompatible types: \(names.joined(separator: " and "))",
            help: reason, at: expr)
    }
}
