import Cedar

/// Sets of any number of policies: what a trading platform grants to roles on desks, with limits.
extension PolicyWorkload {
    private static let actions = ["view", "place", "cancel", "modify", "flatten", "override", "approve", "report"]
    private static let classes = ["equity", "bond", "fx", "future", "option"]

    /// - Parameters:
    ///   - policies: of which five hold for everybody and forbid, nine tenths grant to a role on a desk or what is below it,
    ///     and the rest grant to one person.
    ///   - people: as many, and as many accounts.
    ///   - depth: levels of desks between the platform and an account.
    static func trading(
        policies count: Int, people: Int = 1_000, depth: Int = 3, requests: Int, seed: UInt64
    ) -> PolicyWorkload {
        var random = SeededRandom(seed)
        let roles = max(4, count / 8)
        let desks = max(4, count / 40)
        var policies = ["kill", "halted", "stale", "closed", "untrusted"].map {
            "forbid (principal, action, resource) when { context has \($0) && context.\($0) };"
        }
        for number in policies.count..<max(count, policies.count) {
            let action = actions[number % actions.count]
            let limit = 1_000 * (1 + random.below(100))
            let condition =
                number % 3 == 0 ? "" : " when { context.notional <= \(limit) && \(condition(number, &random)) }"
            let principal =
                number % 10 == 9
                ? "principal == User::\"user_\(random.below(people))\""
                : "principal in Role::\"role_\(random.below(roles))\""
            let desk = "resource in Desk::\"desk_\(random.below(desks))_\(random.below(depth))\""
            policies.append("permit (\(principal), action == Action::\"\(action)\", \(desk))\(condition);")
        }
        return PolicyWorkload(
            name: "\(count) policies", policies: policies.joined(separator: "\n"),
            entities: tradingEntities(roles: roles, desks: desks, people: people, depth: depth, &random),
            requests: (0..<requests).map { _ in
                AuthorizationRequest(
                    principal: EntityUID("User", "user_\(random.below(people))"),
                    action: EntityUID("Action", actions[random.below(actions.count)]),
                    resource: EntityUID("Account", "account_\(random.below(people))"),
                    context: [
                        "notional": .int(Int64(random.below(100_000))), "mfaAge": .int(Int64(random.below(3_600))),
                        "halted": .bool(random.below(50) == 0),
                    ])
            })
    }

    private static func condition(_ number: Int, _ random: inout SeededRandom) -> String {
        switch number % 3 {
        case 1: "resource.class == \"\(classes[random.below(classes.count)])\""
        default: "principal.isActive && context.mfaAge < 1800"
        }
    }

    private static func tradingEntities(
        roles: Int, desks: Int, people: Int, depth: Int, _ random: inout SeededRandom
    ) -> [Entity] {
        let platform = EntityUID("Platform", "main")
        var entities = [Entity(uid: platform)] + actions.map { Entity(uid: EntityUID("Action", $0)) }
        entities += (0..<roles).map { Entity(uid: EntityUID("Role", "role_\($0)")) }
        for desk in 0..<desks {
            for level in 0..<depth {
                let above = level == 0 ? platform : EntityUID("Desk", "desk_\(desk)_\(level - 1)")
                entities.append(Entity(uid: EntityUID("Desk", "desk_\(desk)_\(level)"), parents: [above]))
            }
        }
        for person in 0..<people {
            entities.append(
                Entity(
                    uid: EntityUID("User", "user_\(person)"),
                    attributes: ["isActive": .bool(random.below(10) > 0), "level": .int(Int64(random.below(5)))],
                    parents: Set((0..<3).map { _ in EntityUID("Role", "role_\(random.below(roles))") })))
            entities.append(
                Entity(
                    uid: EntityUID("Account", "account_\(person)"),
                    attributes: [
                        "class": .string(CedarString(classes[random.below(classes.count)])),
                        "owner": .entity(EntityUID("User", "user_\(random.below(people))")),
                    ], parents: [EntityUID("Desk", "desk_\(random.below(desks))_\(depth - 1)")]))
        }
        return entities
    }
}
