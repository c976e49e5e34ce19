extension Expr {
    /// Whether its value, if it has one, is a truth value.
    var isTruthValue: Bool {
        switch kind {
        case .literal(.bool), .not, .isEmpty, .and, .or, .has, .like, .isType: return true
        case .binary(let op, _, _):
            switch op {
            case .add, .subtract, .multiply, .getTag: return false
            default: return true
            }
        case .call(let function, _): return function.isPredicate
        default: return false
        }
    }
}

extension ExtensionFunction {
    fileprivate var isPredicate: Bool {
        switch self {
        case .lessThan, .lessThanOrEqual, .greaterThan, .greaterThanOrEqual, .isIpv4, .isIpv6, .isLoopback,
            .isMulticast,
            .isInRange:
            true
        default: false
        }
    }
}

extension Expr.Kind {
    /// The same with other operands, which come in the order of `forEachChild`.
    func replacingOperands(_ operands: [Expr]) -> Expr.Kind {
        switch self {
        case .literal, .variable, .unknown: self
        case .not: .not(operands[0])
        case .negate: .negate(operands[0])
        case .isEmpty: .isEmpty(operands[0])
        case .and: .and(operands)
        case .or: .or(operands)
        case .binary(let op, _, _): .binary(op, operands[0], operands[1])
        case .conditional: .conditional(if: operands[0], then: operands[1], else: operands[2])
        case .attribute(_, let name): .attribute(operands[0], name)
        case .has(_, let path): .has(operands[0], path)
        case .like(_, let pattern): .like(operands[0], pattern)
        case .isType(_, let type, let group): .isType(operands[0], type, in: group == nil ? nil : operands[1])
        case .set: .set(operands)
        case .record(let fields):
            .record(zip(fields, operands).map { Expr.Field(name: $0.name, value: $1) })
        case .call(let function, _): .call(function, operands)
        }
    }
}

extension Value {
    /// Deeper values are not written out, so that what they are part of does not become too deep to be evaluated.
    private static let maximumDepth = 100

    /// An expression of which it is the value; nil when it would be very deep.
    var expr: Expr? {
        let expr = written
        return expr.depth <= Value.maximumDepth ? expr : nil
    }

    private var written: Expr {
        switch self {
        case .bool(let value): Expr(.literal(.bool(value)))
        case .int(let value): Expr(.literal(.int(value)))
        case .string(let value): Expr(.literal(.string(value)))
        case .entity(let uid): Expr(.literal(.entity(uid)))
        case .set(let set): Expr(.set(set.elements.map(\.written)))
        case .record(let record):
            Expr(.record(record.fields.map { Expr.Field(name: $0.name, value: $0.value.written) }))
        case .extension(let value): value.written
        }
    }
}

extension ExtensionValue {
    fileprivate var written: Expr {
        switch self {
        case .decimal(let value): call(.decimal, value.description)
        case .ip(let value): call(.ip, value.description)
        case .duration(let value): call(.duration, value.description)
        case .datetime(let value) where value.hasLiteral: call(.datetime, value.description)
        case .datetime(let value):
            // Texts reach only so far; from the epoch on everything is reached.
            Expr(
                .call(
                    .offset,
                    [
                        call(.datetime, "1970-01-01"),
                        call(.duration, Duration(milliseconds: value.milliseconds).description),
                    ]))
        }
    }

    private func call(_ function: ExtensionFunction, _ argument: String) -> Expr {
        Expr(.call(function, [Expr(.literal(.string(CedarString(argument))))]))
    }
}
