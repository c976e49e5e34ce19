/// Evaluates expressions for a request, the plain way: each part when it is needed, from the left. What it answers is what
/// the language means; the compiled engine has to answer the same.
public struct Evaluator: Sendable {
    let request: AuthorizationRequest
    let entities: Entities
    /// Levels of nesting that are evaluated: expressions made by parsers have fewer.
    static let maximumDepth = 256

    public init(request: AuthorizationRequest, entities: Entities) {
        self.request = request
        self.entities = entities
    }

    /// - Throws: why the expression has no value.
    public func evaluate(_ expr: Expr) throws(EvaluationError) -> Value {
        guard expr.depth <= Self.maximumDepth else { throw .tooDeep }
        return try value(expr)
    }

    /// Evaluates an expression whose value has to be a truth value.
    func bool(_ expr: Expr) throws(EvaluationError) -> Bool {
        let value = try value(expr)
        guard case .bool(let bool) = value else { throw value.mismatch("bool") }
        return bool
    }

    /// Only hands out: what a case needs on the stack is in a function of its own, as this one is on it for every level.
    func value(_ expr: Expr) throws(EvaluationError) -> Value {
        switch expr.kind {
        case .literal(let literal): literal.value
        case .variable(let variable): value(of: variable)
        case .unknown(let name): throw .unknown(name)
        case .not, .negate, .isEmpty, .like, .has, .attribute: try unary(expr.kind)
        case .and(let operands): .bool(try conjunction(operands))
        case .or(let operands): .bool(try disjunction(operands))
        case .binary(let op, let left, let right): try binary(op, left, right)
        case .conditional(let condition, let then, let otherwise): try value(try bool(condition) ? then : otherwise)
        case .isType(let e, let type, let group): .bool(try isType(e, type, group))
        case .set(let elements): .set(ValueSet(try values(elements)))
        case .record(let fields): .record(try record(fields))
        case .call(let function, let arguments): try function.apply(try values(arguments))
        }
    }

    private func unary(_ kind: Expr.Kind) throws(EvaluationError) -> Value {
        switch kind {
        case .not(let e): return .bool(!(try bool(e)))
        case .negate(let e): return try negated(try value(e))
        case .isEmpty(let e): return .bool(try value(e).asSet().isEmpty)
        case .like(let e, let pattern): return .bool(pattern.matches(try value(e).asString()))
        case .has(let e, let path): return .bool(try has(path, try value(e)))
        case .attribute(let e, let name): return try attribute(name, of: try value(e))
        default: preconditionFailure("not one operand")
        }
    }

    private func conjunction(_ operands: [Expr]) throws(EvaluationError) -> Bool {
        for operand in operands where !(try bool(operand)) { return false }
        return true
    }

    private func disjunction(_ operands: [Expr]) throws(EvaluationError) -> Bool {
        for operand in operands where try bool(operand) { return true }
        return false
    }

    /// Both sides are evaluated before their types are looked at.
    private func binary(_ op: BinaryOperator, _ left: Expr, _ right: Expr) throws(EvaluationError) -> Value {
        let left = try value(left)
        return try binary(op, left, try value(right))
    }

    private func isType(_ e: Expr, _ type: Name, _ group: Expr?) throws(EvaluationError) -> Bool {
        let entity = try value(e).asEntity()
        guard entity.type == type else { return false }
        guard let group else { return true }
        return try isIn(entity, try value(group))
    }

    /// In the order of their names, as the reference does: it shows in which error comes first.
    private func record(_ fields: [Expr.Field]) throws(EvaluationError) -> Record {
        let fields = fields.sorted { $0.name < $1.name }
        return Record(zip(fields.map(\.name), try values(fields.map(\.value))))
    }

    private func values(_ exprs: [Expr]) throws(EvaluationError) -> [Value] {
        var values: [Value] = []
        values.reserveCapacity(exprs.count)
        for expr in exprs { values.append(try value(expr)) }
        return values
    }

    private func value(of variable: Variable) -> Value {
        switch variable {
        case .principal: .entity(request.principal)
        case .action: .entity(request.action)
        case .resource: .entity(request.resource)
        case .context: .record(request.context)
        }
    }
}
