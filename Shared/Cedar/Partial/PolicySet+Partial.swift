extension PolicySet {
    /// Decides a request as far as that is possible without what is unknown of it; all entities are known.
    public func partiallyAuthorize(_ request: PartialRequest, entities: Entities) -> PartialResponse {
        let check = PartialPolicyCheck(request: request, entities: entities)
        var satisfied: [Policy] = []
        var errors: [PolicyError] = []
        var residuals: [Policy] = []
        for policy in policies {
            switch check.check(policy) {
            case .holds: satisfied.append(policy)
            case .doesNotHold: break
            case .fails(let error): errors.append(PolicyError(policy: policy.id, error: error))
            case .depends(let residual): residuals.append(residual)
            }
        }
        func has(_ effect: Effect, _ policies: [Policy]) -> Bool { policies.contains { $0.effect == effect } }
        let decision: AuthorizationResponse.Decision? =
            if has(.forbid, satisfied) {
                .deny
            } else if has(.permit, satisfied) {
                has(.forbid, residuals) ? nil : .allow
            } else {
                has(.permit, residuals) ? nil : .deny
            }
        return PartialResponse(
            decision: decision, satisfied: satisfied.map(\.id), errors: errors, residuals: residuals)
    }
}

/// Evaluates policies as far as possible.
private struct PartialPolicyCheck {
    enum Outcome {
        case holds, doesNotHold
        case fails(EvaluationError)
        case depends(Policy)
    }

    let request: PartialRequest
    let entities: Entities
    private let evaluator: PartialEvaluator

    init(request: PartialRequest, entities: Entities) {
        self.request = request
        self.entities = entities
        evaluator = PartialEvaluator(request: request, entities: entities)
    }

    func check(_ policy: Policy) -> Outcome {
        var residual = policy
        residual.range = nil
        residual.conditions = []
        var isOpen = false
        // The scope cannot fail: whatever of it is known not to hold decides.
        for (role, party) in [(Slot.principal, request.principal), (.resource, request.resource)] {
            let constraint = role == .principal ? policy.principal : policy.resource
            guard constraint != .any else { continue }
            guard let party else {
                isOpen = true
                continue
            }
            guard holds(constraint, party) else { return .doesNotHold }
            if role == .principal { residual.principal = .any } else { residual.resource = .any }
        }
        if policy.action != .any {
            if let action = request.action {
                guard holds(policy.action, action) else { return .doesNotHold }
                residual.action = .any
            } else {
                isOpen = true
            }
        }
        return check(policy.conditions, &residual, isOpen: isOpen)
    }

    /// - Parameter isOpen: whether the scope depends on what is unknown.
    private func check(_ conditions: [Condition], _ residual: inout Policy, isOpen: Bool) -> Outcome {
        for condition in conditions {
            switch evaluator.bool(condition.body) {
            case .value(let value):
                guard value != .bool(condition.kind == .when) else { continue }
                // Conditions before this one may fail; the policy cannot hold.
                guard !residual.conditions.isEmpty else { return .doesNotHold }
                residual.conditions.append(Condition(.when, Expr(.literal(.bool(false)))))
                return .depends(residual)
            case .failure(let error):
                guard isOpen || !residual.conditions.isEmpty else { return .fails(error) }
                residual.conditions.append(condition)
                return .depends(residual)
            case .residual(let rest): residual.conditions.append(Condition(condition.kind, rest))
            }
        }
        return isOpen || !residual.conditions.isEmpty ? .depends(residual) : .holds
    }

    private func holds(_ constraint: ScopeConstraint, _ entity: EntityUID) -> Bool {
        switch constraint {
        case .any: true
        case .equal(.entity(let other)): entity == other
        case .in(.entity(let group)): entities.isIn(entity, group)
        case .isType(let type): entity.type == type
        case .isTypeIn(let type, .entity(let group)): entity.type == type && entities.isIn(entity, group)
        case .equal(.slot), .in(.slot), .isTypeIn(_, .slot): false
        }
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
