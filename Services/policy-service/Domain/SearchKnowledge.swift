import Cedar

/// All that what is known of a request leads to: over attributes, tags and parents, from the known entities and from those that
/// policies name. Whatever an expression without the unknown looks at is among it, so that partial evaluation needs
/// no other entities.
struct SearchKnowledge {
    let entities: Entities

    /// - Parameters:
    ///   - policies: which name entities in their conditions.
    ///   - request: what is known of it.
    ///   - given: entities in the place of stored ones.
    ///   - limit: of entities.
    /// - Returns: nil when there are more.
    init?(
        _ policies: PolicySet, _ request: PartialRequest, given: [Entity], in store: EntityStore, limit: Int
    ) {
        var reached: Set<EntityUID> = []
        var pending: [EntityUID] = []
        func reach(_ uid: EntityUID) {
            if reached.insert(uid).inserted { pending.append(uid) }
        }
        for case let uid? in [request.principal, request.action, request.resource] { reach(uid) }
        request.context?.forEachEntity(reach)
        for policy in policies.policies {
            for condition in policy.conditions { condition.body.forEachEntity(reach) }
        }
        let given = Dictionary(given.map { ($0.uid, $0) }, uniquingKeysWith: { $1 })
        var found: [Entity] = []
        while let uid = pending.popLast() {
            guard reached.count <= limit else { return nil }
            guard let entity = given[uid] ?? store[uid] else { continue }
            found.append(entity)
            entity.parents.forEach(reach)
            entity.attributes.forEachEntity(reach)
            entity.tags.forEachEntity(reach)
        }
        // Each comes once, and a store has no cycles.
        guard let entities = try? Entities(found) else { return nil }
        self.entities = entities
    }
}

extension Record {
    fileprivate func forEachEntity(_ body: (EntityUID) -> Void) {
        for field in fields { field.value.forEachEntity(body) }
    }
}

extension Value {
    fileprivate func forEachEntity(_ body: (EntityUID) -> Void) {
        switch self {
        case .entity(let uid): body(uid)
        case .set(let set): for element in set.elements { element.forEachEntity(body) }
        case .record(let record): record.forEachEntity(body)
        case .bool, .int, .string, .extension: break
        }
    }
}

extension Expr {
    fileprivate func forEachEntity(_ body: (EntityUID) -> Void) {
        if case .literal(.entity(let uid)) = kind { body(uid) }
        kind.forEachChild { $0.forEachEntity(body) }
    }
}
