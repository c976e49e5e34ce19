import StrictJSON

/// Writes the JSON format of policies.
enum PolicyJSONWriter {
    /// JSON and how deeply its arrays and objects nest.
    private typealias Nested = (json: JSONValue, depth: Int)

    /// Chains are written as operands nested to the left; where that would nest more than this, in halves.
    private static let maximumDepth = 400

    static func json(_ expr: Expr) -> JSONValue { nested(expr).json }

    static func json(_ entity: EntityUID) -> JSONValue {
        ["type": .string(entity.type.text), "id": .string(entity.id.string)]
    }

    private static func nested(_ expr: Expr) -> Nested {
        switch expr.kind {
        case .literal(let literal): return (["Value": json(literal)], 3)
        case .variable(let variable): return (["Var": .string(variable.rawValue)], 1)
        case .unknown(let name): return (["unknown": [["Value": .string(name.string)]]], 3)
        case .not(let operand): return form("!", [("arg", nested(operand))])
        case .negate(let operand): return form("neg", [("arg", nested(operand))])
        case .isEmpty(let operand): return form("isEmpty", [("arg", nested(operand))])
        case .and(let operands): return chain("&&", operands.map(nested))
        case .or(let operands): return chain("||", operands.map(nested))
        case .binary(let symbol, let left, let right):
            return form(symbol.rawValue, [("left", nested(left)), ("right", nested(right))])
        case .conditional(let condition, let then, let otherwise):
            return form(
                "if-then-else", [("if", nested(condition)), ("then", nested(then)), ("else", nested(otherwise))])
        case .attribute(let receiver, let name):
            return form(".", [("left", nested(receiver)), ("attr", (.string(name.string), 0))])
        case .has(let receiver, let names): return has(receiver, names)
        case .like(let operand, let pattern):
            return form("like", [("left", nested(operand)), ("pattern", (json(pattern), 2))])
        case .isType(let operand, let type, let group):
            var members: [(String, Nested)] = [("left", nested(operand)), ("entity_type", (.string(type.text), 0))]
            if let group { members.append(("in", nested(group))) }
            return form("is", members)
        case .set(let elements): return list("Set", elements)
        case .call(let function, let arguments): return list(function.rawValue, arguments)
        case .record(let fields):
            return form("Record", fields.map { ($0.name.string, nested($0.value)) })
        }
    }

    private static func form(_ key: String, _ members: [(String, Nested)]) -> Nested {
        let object = JSONObject(members.map { ($0.0, $0.1.json) })
        return ([key: .object(object)], 2 + (members.map(\.1.depth).max() ?? 0))
    }

    private static func list(_ key: String, _ exprs: [Expr]) -> Nested {
        let elements = exprs.map(nested)
        return ([key: .array(elements.map(\.json))], 2 + (elements.map(\.depth).max() ?? 0))
    }

    /// `a && b && c` as `(a && b) && c`.
    private static func chain(_ key: String, _ operands: [Nested]) -> Nested {
        let depth = operands.enumerated().map { $1.depth + 2 * (operands.count - max($0, 1)) }.max() ?? 0
        guard depth > maximumDepth, operands.count > 2 else { return left(key, operands[...]) }
        return halves(key, operands[...])
    }

    private static func left(_ key: String, _ operands: ArraySlice<Nested>) -> Nested {
        guard let first = operands.first else { return (["Value": .bool(key == "&&")], 1) }
        return operands.dropFirst().reduce(first) { form(key, [("left", $0), ("right", $1)]) }
    }

    /// Operands are evaluated from the left however they are grouped, so that this means the same.
    private static func halves(_ key: String, _ operands: ArraySlice<Nested>) -> Nested {
        guard operands.count > 2 else { return left(key, operands) }
        let middle = operands.startIndex + operands.count / 2
        return form(
            key, [("left", halves(key, operands[..<middle])), ("right", halves(key, operands[middle...]))])
    }

    /// `e has a.b` is written as `e has a && e.a has b`, as older readers know it, unless that would repeat much.
    private static func has(_ receiver: Expr, _ names: [CedarString]) -> Nested {
        if names.count == 1 || receiver.isPath && names.count + receiver.depth <= 64 {
            let tests = Expr.tests(of: receiver, names).map { test -> Nested in
                guard case .has(let receiver, let name) = test.kind else { return nested(test) }
                return form("has", [("left", nested(receiver)), ("attr", (.string(name[0].string), 0))])
            }
            return left("&&", tests[...])
        }
        let path = JSONValue.array(names.map { .string($0.string) })
        return form("has", [("left", nested(receiver)), ("attr", (path, 1))])
    }

    private static func json(_ literal: Literal) -> JSONValue {
        switch literal {
        case .bool(let value): .bool(value)
        case .int(let value): .int(value)
        case .string(let value): .string(value.string)
        case .entity(let entity): ["__entity": json(entity)]
        }
    }

    private static func json(_ pattern: Pattern) -> JSONValue {
        .array(
            pattern.elements.map {
                switch $0 {
                case .wildcard: "Wildcard"
                case .scalar(let scalar): ["Literal": .string(String(scalar))]
                }
            })
    }
}
