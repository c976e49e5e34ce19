import Cedar
import SecurityClient

/// A search of AuthZEN (section 8): of all subjects, resources or actions, those of which evaluation would say yes.
///
/// What is left of the policies without the one that is searched for says of whom they can hold at all (`SearchCandidates`);
/// each of these is then decided by the engine.
struct Search: Sendable {
    /// The work of one page. When it is used up the page ends, with what was found, and the next one goes on.
    struct Bounds: Sendable {
        /// Decisions.
        var decisions = 5_000
        /// Of the decisions.
        var time = Duration.milliseconds(200)
        /// Entities that are looked at to find out who is a candidate; where they are more, everybody of the type is one.
        var entities = 20_000
    }

    struct Found: Sendable {
        /// In the order of their ids.
        var ids: [CedarString] = []
        /// Whoever comes later was not looked at, when it is not complete; nil when nobody was.
        var last: CedarString?
        var isComplete = false
        /// How many were decided.
        var decided = 0
    }

    let kind: AccessQuestion.Search
    let question: AccessQuestion
    let snapshot: PolicySnapshot
    let roles: AssignedRoles
    let index: SearchIndex
    var bounds = Bounds()
    /// Milliseconds since the epoch.
    let now: Int64

    /// - Throws: what evaluation would throw of every candidate.
    func run(after place: CedarString?, limit: Int) throws(AccessQuestion.Fault) -> Found {
        try PreparedQuestion.check(question.context, snapshot)
        switch kind {
        case .subject, .resource: return try entities(after: place, limit)
        case .action: return try actions(after: place, limit)
        }
    }

    // MARK: Subjects and resources

    private var searched: AccessQuestion.Party { kind == .subject ? question.subject : question.resource }

    private func entities(after place: CedarString?, _ limit: Int) throws(AccessQuestion.Fault) -> Found {
        let other = kind == .subject ? question.resource : question.subject
        guard let known = other.uid, let action = question.action else {
            throw AccessQuestion.Fault(message: "subject, action and resource are expected")
        }
        try PreparedQuestion.check(searched.properties, of: searched.type, snapshot)
        let asserted = try PreparedQuestion.asserted(other.properties, of: known, snapshot)
        let actionUID = EntityUID(type: AuthorizationSubject.Names.action, id: CedarString(action))
        let context = try PreparedQuestion.context(question.context, of: actionUID, snapshot, now: now)
        var request = AuthorizationRequest(principal: known, action: actionUID, resource: known, context: context)
        let candidates = candidates(request, asserted: asserted)
        return try walk(candidates, after: place, limit) { uid throws(AccessQuestion.Fault) in
            let own = try PreparedQuestion.asserted(searched.properties, of: uid, snapshot)
            if kind == .subject { request.principal = uid } else { request.resource = uid }
            // In the order in which evaluation takes them: subject before resource.
            var entities = (kind == .subject ? [own, asserted] : [asserted, own]).compactMap { $0 }
            roles.join(request.principal, for: request.resource, in: snapshot, now: now, &entities)
            return isAllowed(request, entities)
        }
    }

    /// Everybody of whom the answer can be yes, in the order of ids: of what is stored, what the schema enumerates, and people
    /// who were assigned roles.
    /// - Parameter request: whose principal and resource are the known one.
    func candidates(_ request: AuthorizationRequest, asserted: Entity?) -> [EntityUID] {
        let type = searched.type
        let enumeration = snapshot.policies.loaded.schema.entityTypes[type]?.enumeration ?? []
        let enumerated = Set(enumeration.map { EntityUID(type: type, id: $0) })
        // The store does not know whom their roles make them, so that they are always asked about.
        let isPerson = kind == .subject && type == AuthorizationSubject.Names.user
        let assigned = isPerson ? roles.subjects.map { EntityUID(type: type, id: CedarString($0)) } : []
        guard case .some(let exactly, let groups) = narrowed(request, asserted: asserted),
            let members = snapshot.store.members(of: groups, ofType: type, limit: bounds.entities)
        else {
            let stored = index.uids(ofType: type, in: snapshot.store)
            let others = enumerated.union(assigned)
            return others.isEmpty ? stored : others.union(stored).sorted()
        }
        let named = exactly.union(groups.filter { $0.type == type })
            .filter { enumerated.contains($0) || snapshot.store[$0] != nil }
        return members.union(named).union(assigned).sorted()
    }

    private func narrowed(_ request: AuthorizationRequest, asserted: Entity?) -> SearchCandidates {
        // What is asserted of whoever is searched for may change what others lead to.
        guard searched.properties.isEmpty else { return .all }
        var given = asserted.map { [$0] } ?? []
        if kind == .resource, let held = roles.roles(of: request.principal.id.string, now: now) {
            // Roles for a part of the platform come and go with the resource.
            guard held.scoped.isEmpty else { return .all }
            roles.join(request.principal, for: request.principal, in: snapshot, now: now, &given)
        }
        let partial = PartialRequest(
            principal: kind == .subject ? nil : request.principal, action: request.action,
            resource: kind == .resource ? nil : request.resource, context: request.context)
        let policies = snapshot.policies.loaded.policies(for: request.action)
        guard
            let knowledge = SearchKnowledge(
                policies, partial, given: given, in: snapshot.store, limit: bounds.entities)
        else { return .all }
        return CandidateReader(
            variable: kind == .subject ? .principal : .resource, type: searched.type, known: knowledge.entities
        ).candidates(policies.partiallyAuthorize(partial, entities: knowledge.entities), of: policies)
    }

    // MARK: Actions

    private func actions(after place: CedarString?, _ limit: Int) throws(AccessQuestion.Fault) -> Found {
        guard let principal = question.subject.uid, let resource = question.resource.uid else {
            throw AccessQuestion.Fault(message: "subject and resource are expected")
        }
        var entities: [Entity] = []
        for party in [question.subject, question.resource] {
            guard let uid = party.uid else { continue }
            if let entity = try PreparedQuestion.asserted(party.properties, of: uid, snapshot) {
                entities.append(entity)
            }
        }
        roles.join(principal, for: resource, in: snapshot, now: now, &entities)
        let applying = snapshot.policies.loaded.schema.actions.values.filter {
            $0.uid.type == AuthorizationSubject.Names.action && $0.principals.contains(principal.type)
                && $0.resources.contains(resource.type)
        }
        return try walk(applying.map(\.uid).sorted(), after: place, limit) { action in
            // Of an action that has no such context evaluation would not say yes either.
            guard let context = try? PreparedQuestion.context(question.context, of: action, snapshot, now: now) else {
                return false
            }
            let request = AuthorizationRequest(
                principal: principal, action: action, resource: resource, context: context)
            return isAllowed(request, entities)
        }
    }

    // MARK: Pages

    private func isAllowed(_ request: AuthorizationRequest, _ entities: [Entity]) -> Bool {
        let verdict = snapshot.policies.compiled.authorize(request, in: snapshot.store, with: entities)
        return verdict.isAllowed
            && Authorizer.outcome(verdict, of: request.action.id.string, snapshot.policies) == .allowed
    }

    /// Decides candidates until the page is full or its work is done.
    private func walk(
        _ candidates: [EntityUID], after place: CedarString?, _ limit: Int,
        _ isAllowed: (EntityUID) throws(AccessQuestion.Fault) -> Bool
    ) throws(AccessQuestion.Fault) -> Found {
        var found = Found()
        found.last = place
        let end = ContinuousClock.now + bounds.time
        for uid in candidates.after(place) {
            if found.ids.count >= limit || found.decided >= bounds.decisions
                || found.decided > 0 && found.decided % 64 == 0 && ContinuousClock.now >= end
            {
                return found
            }
            if try isAllowed(uid) { found.ids.append(uid.id) }
            found.decided += 1
            found.last = uid.id
        }
        found.isComplete = true
        return found
    }
}

extension LoadedPolicies {
    /// Those whose scope takes this action.
    fileprivate func policies(for action: EntityUID) -> PolicySet {
        let groups = (schema.actions[action]?.ancestors ?? []).union([action])
        let applying = policies.policies.filter { policy in
            switch policy.action {
            case .any: true
            case .equal(let other): other == action
            case .in(let group): groups.contains(group)
            case .inAny(let any): !groups.isDisjoint(with: any)
            }
        }
        // Ids are unique in any part of a set.
        return (try? PolicySet(applying)) ?? policies
    }
}
