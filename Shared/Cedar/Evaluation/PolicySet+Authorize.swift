extension PolicySet {
    /// Decides a request by evaluating every policy of the set; templates take part by what is linked of them.
    ///
    /// It is allowed when a permit holds and no forbid does. A policy that cannot be evaluated counts for nothing.
    public func authorize(_ request: AuthorizationRequest, entities: Entities) -> AuthorizationResponse {
        let evaluator = Evaluator(request: request, entities: entities)
        var permits: [PolicyID] = []
        var forbids: [PolicyID] = []
        var errors: [PolicyError] = []
        for policy in policies {
            do throws(EvaluationError) {
                guard try evaluator.holds(policy) else { continue }
                if policy.effect == .forbid { forbids.append(policy.id) } else { permits.append(policy.id) }
            } catch {
                errors.append(PolicyError(policy: policy.id, error: error))
            }
        }
        let isAllowed = forbids.isEmpty && !permits.isEmpty
        return AuthorizationResponse(
            decision: isAllowed ? .allow : .deny, reasons: isAllowed ? permits : forbids, errors: errors)
    }
}

extension Evaluator {
    /// Whether the scope of a policy takes the request and all its conditions hold.
    ///
    /// - Throws: why a condition has no truth value.
    public func holds(_ policy: Policy) throws(EvaluationError) -> Bool {
        guard holds(policy.principal, request.principal), holds(policy.action, request.action),
            holds(policy.resource, request.resource)
        else { return false }
        for condition in policy.conditions {
            guard condition.body.depth <= Self.maximumDepth else { throw .tooDeep }
            guard try bool(condition.body) == (condition.kind == .when) else { return false }
        }
        return true
    }

    private func holds(_ constraint: ScopeConstraint, _ entity: EntityUID) -> Bool {
        switch constraint {
        case .any: true
        case .equal(let other): holds(other) { entity == $0 }
        case .in(let group): holds(group) { entities.isIn(entity, $0) }
        case .isType(let type): entity.type == type
        case .isTypeIn(let type, let group): entity.type == type && holds(group) { entities.isIn(entity, $0) }
        }
    }

    /// Nothing is true of a slot that nobody filled: a template is no policy.
    private func holds(_ reference: EntityReference, _ body: (EntityUID) -> Bool) -> Bool {
        if case .entity(let uid) = reference { body(uid) } else { false }
    }

    private func holds(_ constraint: ActionConstraint, _ action: EntityUID) -> Bool {
        switch constraint {
        case .any: true
        case .equal(let other): action == other
        case .in(let group): entities.isIn(action, group)
        case .inAny(let groups): groups.contains { entities.isIn(action, $0) }
        }
    }
}
