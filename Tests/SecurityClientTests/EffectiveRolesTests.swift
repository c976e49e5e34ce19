import APISecurity
import Testing

@testable import SecurityClient

/// Which of the roles that somebody has are for a token: examples, and what holds for all.
@Suite struct EffectiveRolesTests {
    private let now: Int64 = 1_000_000
    private let fx = RoleScope(type: "Desk", id: "fx")

    private func catalogue(_ constraints: [RoleCatalogue.Constraint] = [], privileged: Set<String> = []) throws
        -> RoleCatalogue
    {
        var roles: [String: RoleCatalogue.Role] = [:]
        for name in ["a", "b", "c", "d", "e"] {
            roles[name] = RoleCatalogue.Role(permissions: ["p:\(name)"])
            roles[name]?.isPrivileged = privileged.contains(name)
        }
        return try RoleCatalogue(
            permissions: ["p:a", "p:b", "p:c", "p:d", "p:e"], roles: roles, constraints: constraints)
    }

    private func effective(
        _ catalogue: RoleCatalogue, _ account: [String], _ assigned: [AssignedRole], selected: Set<String>? = nil,
        factor: Bool = true
    ) -> EffectiveRoles {
        catalogue.effective(account: account, assigned: assigned, selected: selected, hasSecondFactor: factor, now: now)
    }

    @Test func timesAndScopes() throws {
        let catalogue = try catalogue()
        let roles = effective(
            catalogue, ["a"],
            [
                AssignedRole(id: 1, role: "b", scope: fx), AssignedRole(id: 2, role: "b", scope: fx, endsAt: now + 500),
                AssignedRole(id: 3, role: "c", startsAt: now, endsAt: now + 900),
                AssignedRole(id: 4, role: "d", startsAt: now + 1), AssignedRole(id: 5, role: "e", endsAt: now),
                AssignedRole(id: 6, role: "unknown"), AssignedRole(id: 7, role: "a", scope: fx),
            ])
        #expect(roles.roles == ["a", "c"])
        // Once, and not beside what is held everywhere.
        #expect(roles.scoped == [ScopedRole(role: "b", type: "Desk", id: "fx")])
        #expect(roles.endsAt == now + 500)
        #expect(roles.names == ["a", "c", "b"] && roles.withheld == [])
    }

    @Test func secondFactor() throws {
        let catalogue = try catalogue(privileged: ["a", "b"])
        let assigned = [AssignedRole(id: 1, role: "b"), AssignedRole(id: 2, role: "c")]
        #expect(effective(catalogue, ["a"], assigned).roles == ["a", "b", "c"])
        let plain = effective(catalogue, ["a"], assigned, factor: false)
        #expect(plain.roles == ["a", "c"])
        #expect(plain.withheld == [.init(role: "b", reason: .secondFactor)])
    }

    @Test func separationOfDuties() throws {
        let apart = try catalogue([.init(name: "s", kind: .static, roles: ["c", "b", "a"], maximum: 1)])
        // The account's first, then the older one.
        #expect(effective(apart, ["a"], [AssignedRole(id: 1, role: "b")]).roles == ["a"])
        let older = effective(apart, [], [AssignedRole(id: 2, role: "c"), AssignedRole(id: 1, role: "b")])
        #expect(older.roles == ["b"] && older.withheld == [.init(role: "c", reason: .separationOfDuties)])
        let oneAtATime = try catalogue([.init(name: "d", kind: .dynamic, roles: ["c", "b", "a"], maximum: 2)])
        let all = ["a", "b", "c"]
        #expect(effective(oneAtATime, all, []).roles == ["b", "c"])
        #expect(effective(oneAtATime, all, [], selected: ["a", "c"]).roles == ["a", "c"])
        #expect(effective(oneAtATime, all, [], selected: ["a"]).withheld.map(\.reason) == [.notSelected, .notSelected])
        #expect(effective(oneAtATime, all, [], selected: ["e"]).isEmpty)
    }

    // MARK: What holds for all

    private struct Case {
        let catalogue: RoleCatalogue
        let account: [String]
        let assigned: [AssignedRole]
        let selected: Set<String>?
        let factor: Bool
    }

    private func random(_ source: inout SplitMix) throws -> Case {
        let names = ["a", "b", "c", "d", "e"]
        var constraints: [RoleCatalogue.Constraint] = []
        for index in 0..<Int.random(in: 0...2, using: &source) {
            let roles = Array(names.shuffled(using: &source).prefix(Int.random(in: 2...4, using: &source)))
            constraints.append(
                .init(
                    name: "\(index)", kind: Bool.random(using: &source) ? .static : .dynamic, roles: roles,
                    maximum: Int.random(in: 1..<roles.count, using: &source)))
        }
        let subset = { (source: inout SplitMix) in Set(names.filter { _ in Bool.random(using: &source) }) }
        let assigned = (0..<Int.random(in: 0...5, using: &source)).map { id in
            AssignedRole(
                id: Int64(id), role: (names + ["unknown"]).randomElement(using: &source) ?? "a",
                scope: [nil, fx, RoleScope(type: "Account", id: "1")].randomElement(using: &source) ?? nil,
                startsAt: [nil, now - 1, now, now + 1].randomElement(using: &source) ?? nil,
                endsAt: [nil, now, now + 1, now + 9].randomElement(using: &source) ?? nil)
        }
        return Case(
            catalogue: try catalogue(constraints, privileged: subset(&source)),
            account: Array(names.shuffled(using: &source).prefix(Int.random(in: 0...2, using: &source))),
            assigned: assigned, selected: Bool.random(using: &source) ? nil : subset(&source),
            factor: Bool.random(using: &source))
    }

    @Test func whatHoldsWhateverIsHeld() throws {
        var source = SplitMix(state: 0x726F_6C65_7301)
        var (withheld, scoped, ended) = (0, 0, 0)
        for round in 0..<20_000 {
            let one = try random(&source)
            let result = effective(
                one.catalogue, one.account, one.assigned, selected: one.selected, factor: one.factor)
            let names = Set(result.names)
            let inEffect = one.assigned.filter { $0.isInEffect(at: now) && one.catalogue.contains($0.role) }
            let held = Set(one.account).union(inEffect.map(\.role))
            // Nothing that is not held, and in no wider place; everything else is accounted for.
            #expect(names.isSubset(of: held), "\(round)")
            for role in result.roles {
                #expect(
                    one.account.contains(role) || inEffect.contains { $0.role == role && $0.scope == nil }, "\(round)")
            }
            for role in result.scoped {
                let scope = RoleScope(type: role.type, id: role.id)
                #expect(inEffect.contains { $0.role == role.role && $0.scope == scope }, "\(round)")
                #expect(!result.roles.contains(role.role), "\(round)")
            }
            #expect(names.union(result.withheld.map(\.role)) == held, "\(round)")
            #expect(Set(result.roles).count == result.roles.count && Set(result.scoped).count == result.scoped.count)
            // No constraint is broken, of either kind.
            for constraint in one.catalogue.constraints {
                #expect(constraint.roles.count(where: names.contains) <= constraint.maximum, "\(round)")
            }
            if let selected = one.selected { #expect(names.isSubset(of: selected), "\(round)") }
            if !one.factor {
                for role in names where one.catalogue.isPrivileged([role]) {
                    #expect(one.account.contains(role), "\(round)")
                }
            }
            // It is true up to its end: nothing of it has ended a moment before.
            if let end = result.endsAt {
                #expect(end > now, "\(round)")
                for role in names where !one.account.contains(role) {
                    #expect(inEffect.contains { $0.role == role && $0.isInEffect(at: end - 1) }, "\(round)")
                }
                ended += 1
            }
            // The order of what was assigned says nothing.
            #expect(
                result
                    == effective(
                        one.catalogue, one.account, one.assigned.shuffled(using: &source), selected: one.selected,
                        factor: one.factor), "\(round)")
            withheld += result.withheld.isEmpty ? 0 : 1
            scoped += result.scoped.isEmpty ? 0 : 1
        }
        #expect(withheld > 1_000 && scoped > 1_000 && ended > 1_000)
    }

    /// The short way for nearly everybody says what the long way says.
    @Test func theShortWayIsNoOther() throws {
        var source = SplitMix(state: 0x726F_6C65_7302)
        for round in 0..<2_000 {
            let one = try random(&source)
            let short = effective(one.catalogue, one.account, [], factor: one.factor)
            let long = effective(
                one.catalogue, one.account, [AssignedRole(id: 1, role: "e", endsAt: now)], factor: one.factor)
            #expect(short == long, "\(round)")
        }
    }

    /// What a second factor adds, it adds to what is there without one, where nothing keeps roles apart.
    @Test func aSecondFactorTakesNothingAway() throws {
        var source = SplitMix(state: 0x726F_6C65_7303)
        for round in 0..<2_000 {
            let one = try random(&source)
            var free = one.catalogue
            free.constraints = []
            let without = effective(free, one.account, one.assigned, selected: one.selected, factor: false)
            let with = effective(free, one.account, one.assigned, selected: one.selected, factor: true)
            #expect(Set(without.names).isSubset(of: with.names), "\(round)")
            #expect(!with.withheld.contains { $0.reason == .secondFactor }, "\(round)")
        }
    }
}

/// Randomness that is the same each time.
private struct SplitMix: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var value = state
        value = (value ^ (value >> 30)) &* 0xBF58_476D_1CE4_E5B9
        value = (value ^ (value >> 27)) &* 0x94D0_49BB_1331_11EB
        return value ^ (value >> 31)
    }
}
