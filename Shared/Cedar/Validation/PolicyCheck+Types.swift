/// The types of scope and conditions, in every environment that the schema has.
extension PolicyCheck {
    /// A part of the conjunction that a policy is.
    private enum Part {
        case expr(Expr)
        /// A slot of a template takes entities of every type that can match, so that nothing is known of it.
        case open
    }

    /// What an environment is but for the action.
    private struct Kind: Hashable {
        let principal: Name
        let resource: Name
        let context: Int
    }

    mutating func checkTypes() {
        let principal = parts(of: policy.principal, .principal)
        let action = parts(of: policy.action)
        let condition = condition
        let rest = parts(of: policy.resource, .resource) + [.expr(condition)]
        let parts = principal + action + rest
        let candidates = candidates
        // Where it does not matter which action it is, environments are the same that differ only in it.
        var seen: Set<Kind>? = candidates.areChosen && !condition.mentionsActions ? [] : nil
        var isPossible = false
        for candidate in candidates.actions {
            for principal in candidate.principals {
                for resource in candidate.resources {
                    let kind = Kind(
                        principal: principal.name, resource: resource.name, context: candidate.contextNumber)
                    if seen?.insert(kind).inserted == false { continue }
                    let environment = RequestEnvironment(principal: principal, action: candidate, resource: resource)
                    if check(parts, in: environment) != .no { isPossible = true }
                }
            }
        }
        if !isPossible {
            addWarning(.impossiblePolicy, "this policy is false for every request that the schema allows")
        }
    }

    /// The type of the policy.
    private mutating func check(_ parts: [Part], in environment: RequestEnvironment) -> StaticType? {
        var checker = TypeChecker(
            index: index, mode: mode, environment: environment, recordsTypes: maximumDereferences != nil)
        var answer = TypeChecker.Answer(.yes)
        for part in parts {
            if answer.type == .no { break }
            switch part {
            case .expr(let expr): answer = checker.and(answer, expr, .none)
            case .open: answer = TypeChecker.Answer(.bool).given(answer)
            }
        }
        for issue in checker.issues { add(issue) }
        if let maximumDereferences, let types = checker.types, answer.isValid || answer.type == .no {
            var levels = DereferenceCheck(types: types, environment: environment, maximum: maximumDereferences)
            for case .expr(let expr) in parts {
                levels.check(expr)
                if types[ObjectIdentifier(expr)] == .no { break }
            }
            for issue in levels.issues { add(issue) }
        }
        return answer.type
    }

    /// The actions whose environments are worth looking at: without those that the scope leaves out for certain.
    /// `areChosen` when it is true of all that are left; otherwise it has something wrong with it that is to be reported.
    private var candidates: (actions: [SchemaIndex.Action], areChosen: Bool) {
        switch policy.action {
        case .any: (index.actions, true)
        case .equal(let uid): index.action(uid).map { ([$0], true) } ?? (index.actions, false)
        case .in(let group): candidates(in: [group])
        case .inAny(let groups): candidates(in: groups)
        }
    }

    private func candidates(in groups: [EntityUID]) -> (actions: [SchemaIndex.Action], areChosen: Bool) {
        guard let first = groups.first, groups.allSatisfy({ index.action($0) != nil && $0.type == first.type }) else {
            return (index.actions, false)
        }
        let members = index.actions.filter { action in
            groups.contains { index.isAction(action.definition.uid, in: $0) }
        }
        return (members, true)
    }

    private func parts(of constraint: ScopeConstraint, _ variable: Variable) -> [Part] {
        let variable = Expr(.variable(variable))
        func isType(_ type: Name) -> Part { .expr(Expr(.isType(variable, type, in: nil))) }
        func compared(_ op: BinaryOperator, _ uid: EntityUID) -> Part {
            .expr(Expr(.binary(op, variable, Expr(.literal(.entity(uid))))))
        }
        return switch constraint {
        case .any: []
        case .equal(.slot), .in(.slot): [.open]
        case .equal(.entity(let uid)): [compared(.equal, uid)]
        case .in(.entity(let uid)): [compared(.in, uid)]
        case .isType(let type): [isType(type)]
        case .isTypeIn(let type, .slot): [isType(type), .open]
        case .isTypeIn(let type, .entity(let uid)): [isType(type), compared(.in, uid)]
        }
    }

    private func parts(of constraint: ActionConstraint) -> [Part] {
        let action = Expr(.variable(.action))
        func literal(_ uid: EntityUID) -> Expr { Expr(.literal(.entity(uid))) }
        return switch constraint {
        case .any: []
        case .equal(let uid): [.expr(Expr(.binary(.equal, action, literal(uid))))]
        case .in(let uid): [.expr(Expr(.binary(.in, action, literal(uid))))]
        case .inAny(let uids): [.expr(Expr(.binary(.in, action, Expr(.set(uids.map(literal))))))]
        }
    }

    /// All conditions as one expression.
    private var condition: Expr {
        let all = policy.conditions.map { condition in
            let body = condition.body.core
            return condition.kind == .when ? body : Expr(.not(body), range: body.range)
        }
        guard var result = all.last else { return Expr(.literal(.bool(true))) }
        // From the right, as the reference groups them: what is proven by one condition helps those that follow.
        for condition in all.dropLast().reversed() { result = Expr(.and([condition, result]), range: condition.range) }
        return result
    }
}

extension Expr {
    /// Whether `action` or an action stands somewhere in it.
    fileprivate var mentionsActions: Bool {
        switch kind {
        case .variable(.action): true
        case .literal(.entity(let uid)): uid.isAction
        default: children.contains(where: \.mentionsActions)
        }
    }
}
