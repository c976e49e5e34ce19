/// Evaluates as much of an expression as is possible without what is unknown: variables of the request, and `unknown`
/// in the expression. All entities are known.
struct PartialEvaluator {
    /// What an expression is without what is unknown.
    enum Outcome {
        case value(Value)
        /// It fails whatever is unknown.
        case failure(EvaluationError)
        case residual(Expr)
    }

    private let evaluator: Evaluator
    private let unknowns: Set<Variable>

    init(request: PartialRequest, entities: Entities) {
        // Stands for what is unknown, and is never looked at.
        let nobody = EntityUID(type: "Unknown", id: "")
        let known = AuthorizationRequest(
            principal: request.principal ?? nobody, action: request.action ?? nobody,
            resource: request.resource ?? nobody, context: request.context ?? .empty)
        evaluator = Evaluator(request: known, entities: entities)
        unknowns = request.unknowns
    }

    func evaluate(_ expr: Expr) -> Outcome {
        if isKnown(expr) { return known(expr) }
        switch expr.kind {
        case .variable, .unknown, .literal: return .residual(expr)
        case .and(let operands): return chain(operands, endsAt: false)
        case .or(let operands): return chain(operands, endsAt: true)
        case .conditional(let condition, let then, let otherwise):
            switch bool(condition) {
            case .value(.bool(let holds)): return evaluate(holds ? then : otherwise)
            case .value(let value): return .failure(value.mismatch("bool"))
            case .failure(let error): return .failure(error)
            case .residual(let condition):
                return .residual(Expr(.conditional(if: condition, then: rest(of: then), else: rest(of: otherwise))))
            }
        case .isType(let e, let type, let group?):
            // What it may be in matters only to an entity of the type.
            if case .value(.entity(let uid)) = evaluate(e), uid.type != type { return .value(.bool(false)) }
            return strict(expr, [e, group])
        default:
            var operands: [Expr] = []
            expr.kind.forEachChild { operands.append($0) }
            return strict(expr, operands)
        }
    }

    /// The same, of which only the truth value is of interest; something else fails.
    func bool(_ expr: Expr) -> Outcome {
        let outcome = evaluate(expr)
        guard case .value(let value) = outcome else { return outcome }
        if case .bool = value { return outcome }
        return .failure(value.mismatch("bool"))
    }

    // MARK: Parts

    private func isKnown(_ expr: Expr) -> Bool {
        switch expr.kind {
        case .unknown: return false
        case .variable(let variable): return !unknowns.contains(variable)
        default:
            var isKnown = true
            expr.kind.forEachChild { isKnown = isKnown && self.isKnown($0) }
            return isKnown
        }
    }

    private func known(_ expr: Expr) -> Outcome {
        do throws(EvaluationError) { return .value(try evaluator.evaluate(expr)) } catch { return .failure(error) }
    }

    /// An expression that is evaluated later if at all; what fails stays as it is, to fail then.
    private func rest(of expr: Expr) -> Expr {
        switch evaluate(expr) {
        case .value(let value): value.expr ?? expr
        case .failure: expr
        case .residual(let rest): rest
        }
    }

    /// An operator that needs all of its operands.
    private func strict(_ expr: Expr, _ operands: [Expr]) -> Outcome {
        var rests: [Expr] = []
        var isKnown = true
        for operand in operands {
            switch evaluate(operand) {
            // Should an operand before this one fail instead, it is a failure too.
            case .failure(let error):
                // Of `e is T in g` the second one is not always needed.
                if case .isType = expr.kind, !rests.isEmpty, !isKnown {
                    rests.append(operand)
                } else {
                    return .failure(error)
                }
            case .value(let value):
                rests.append(value.expr ?? operand)
                isKnown = isKnown && (value.expr != nil || self.isKnown(operand))
            case .residual(let rest):
                rests.append(rest)
                isKnown = false
            }
        }
        let rest = Expr(expr.kind.replacingOperands(rests), range: expr.range)
        return isKnown ? known(rest) : .residual(rest)
    }

    /// `&&` or `||`, which end at an operand that is `end`.
    private func chain(_ operands: [Expr], endsAt end: Bool) -> Outcome {
        var rests: [Expr] = []
        for operand in operands {
            let outcome = bool(operand)
            switch outcome {
            case .value(.bool(let bool)) where bool != end: continue
            case .residual(let rest):
                rests.append(rest)
                continue
            // What comes before may fail, or end the chain first.
            case .value where rests.isEmpty: return .value(.bool(end))
            case .failure(let error) where rests.isEmpty: return .failure(error)
            case .value: rests.append(Expr(.literal(.bool(end))))
            case .failure: rests.append(operand)
            }
            break
        }
        guard let first = rests.first else { return .value(.bool(!end)) }
        if rests.count == 1 {
            // Alone it could be something else than a truth value without being a failure.
            guard !first.isTruthValue else { return .residual(first) }
            rests.append(Expr(.literal(.bool(!end))))
        }
        return .residual(Expr(end ? .or(rests) : .and(rests)))
    }
}
