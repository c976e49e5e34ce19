/// Whether there is a request that the scope of a policy can match.
extension PolicyCheck {
    mutating func checkApplication() {
        let actions = actionsOfScope
        let isApplicable = actions.contains { action in
            action.principals.contains { mayMatch(policy.principal, $0.name) }
                && action.resources.contains { mayMatch(policy.resource, $0.name) }
        }
        if isApplicable { return }
        let clauses =
            (wouldMatchWithIn(policy.principal, actions.flatMap(\.principals)) ? ["principal"] : [])
            + (wouldMatchWithIn(policy.resource, actions.flatMap(\.resources)) ? ["resource"] : [])
        report(
            .inapplicableScope, "no action of the schema can be asked for what this scope describes",
            help: clauses.isEmpty
                ? actionsHelp(actions)
                : "replace `==` with `in` for \(clauses.joined(separator: " and "))")
    }

    private func actionsHelp(_ actions: [SchemaIndex.Action]) -> String? {
        guard actions.count == 1, let action = actions.first else { return nil }
        func list(_ parties: [SchemaIndex.Party]) -> String {
            parties.isEmpty ? "none" : parties.map { "`\($0.name)`" }.joined(separator: ", ")
        }
        return "`\(action.definition.uid)` takes as principal: \(list(action.principals)); "
            + "as resource: \(list(action.resources))"
    }

    /// The actions that the scope names, or all.
    private var actionsOfScope: [SchemaIndex.Action] {
        func members(of groups: [EntityUID]) -> [SchemaIndex.Action] {
            guard groups.allSatisfy({ index.action($0) != nil }) else { return [] }
            return index.actions.filter { action in
                groups.contains { index.isAction(action.definition.uid, in: $0) }
            }
        }
        switch policy.action {
        case .any: return index.actions
        case .equal(let action): return index.action(action).map { [$0] } ?? []
        case .in(let group): return members(of: [group])
        case .inAny(let groups): return members(of: groups)
        }
    }

    private func mayMatch(_ constraint: ScopeConstraint, _ type: Name) -> Bool {
        switch constraint {
        case .any, .equal(.slot), .in(.slot): true
        case .equal(.entity(let uid)): uid.type == type
        case .in(.entity(let group)): isMember(type, of: group.type)
        case .isType(let wanted), .isTypeIn(let wanted, .slot): wanted == type
        case .isTypeIn(let wanted, .entity(let group)): wanted == type && isMember(type, of: group.type)
        }
    }

    private func isMember(_ type: Name, of group: Name) -> Bool {
        type == group || index.schema.entityTypes[type]?.ancestors.contains(group) == true
    }

    /// Whether somebody wrote `==` and a group.
    private func wouldMatchWithIn(_ constraint: ScopeConstraint, _ parties: [SchemaIndex.Party]) -> Bool {
        guard case .equal(.entity(let uid)) = constraint, !parties.contains(where: { $0.name == uid.type }) else {
            return false
        }
        return parties.contains { isMember($0.name, of: uid.type) }
    }
}
