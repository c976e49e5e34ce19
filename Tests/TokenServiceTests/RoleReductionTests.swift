import SecurityClient
import Testing

@testable import TokenService

/// What is taken away, told from what is given and what runs out.
@Suite struct RoleReductionTests {
    private func catalogue(_ change: (inout [String: RoleCatalogue.Role], inout [RoleCatalogue.Constraint]) -> Void)
        throws -> RoleCatalogue
    {
        var roles = [
            "a": RoleCatalogue.Role(permissions: ["p:1", "p:2"]), "b": RoleCatalogue.Role(permissions: ["p:3"]),
        ]
        var constraints = [RoleCatalogue.Constraint(name: "c", kind: .dynamic, roles: ["a", "b"], maximum: 1)]
        change(&roles, &constraints)
        return try RoleCatalogue(permissions: ["p:1", "p:2", "p:3"], roles: roles, constraints: constraints)
    }

    @Test func ofCatalogues() throws {
        let old = try catalogue { _, _ in }
        func reduction(
            _ change: (inout [String: RoleCatalogue.Role], inout [RoleCatalogue.Constraint]) -> Void
        ) throws -> RoleReduction { RoleReduction(from: old, to: try catalogue(change)) }
        // Nothing, or more.
        #expect(try reduction { _, _ in }.isEmpty)
        #expect(try reduction { roles, _ in roles["a"]?.permissions.append("p:3") }.isEmpty)
        #expect(try reduction { roles, _ in roles["d"] = .init(permissions: []) }.isEmpty)
        #expect(try reduction { _, constraints in constraints = [] }.isEmpty)
        #expect(
            try reduction { roles, _ in roles["a"]?.sessionLimit = .init(maximum: 1, whenReached: .refuse) }.isEmpty)
        // Less.
        #expect(try reduction { roles, _ in roles["a"]?.permissions = ["p:1", "p:3"] }.roles == ["a"])
        #expect(try reduction { roles, _ in roles["b"]?.isPrivileged = true }.roles == ["b"])
        let gone = try reduction { roles, constraints in (roles["b"], constraints) = (nil, []) }
        #expect(gone.roles == ["b"])
        #expect(gone.concerns(["b"]) && !gone.concerns(["a"]) && !gone.concerns([String]()))
        // Not together any more: whoever has both is concerned.
        let apart = try reduction { _, constraints in
            constraints.append(.init(name: "d", kind: .static, roles: ["a", "b"], maximum: 1))
        }
        #expect(apart.concerns(["a", "b"]) && !apart.concerns(["a"]) && !apart.concerns(["b"]))
    }

    @Test func ofAssignments() {
        let now: Int64 = 1_000_000
        let desk = RoleScope(type: "Desk", id: "fx")
        func loses(_ old: AssignedRole, _ new: [AssignedRole], account: [String] = []) -> Bool {
            [old].loses(to: new, account: account, at: now)
        }
        let everywhere = AssignedRole(id: 1, role: "a")
        let there = AssignedRole(id: 1, role: "a", scope: desk)
        let shortly = AssignedRole(id: 1, role: "a", endsAt: now + 10_000)
        #expect(loses(everywhere, []) && loses(there, []) && loses(shortly, []))
        #expect(!loses(everywhere, [everywhere]) && !loses(everywhere, [AssignedRole(id: 2, role: "a")]))
        // Another role is none.
        #expect(loses(everywhere, [AssignedRole(id: 1, role: "b")]))
        // Narrower, shorter, later.
        #expect(loses(everywhere, [there]) && !loses(there, [everywhere]))
        #expect(loses(there, [AssignedRole(id: 1, role: "a", scope: RoleScope(type: "Desk", id: "rates"))]))
        #expect(loses(everywhere, [shortly]) && !loses(shortly, [everywhere]))
        #expect(loses(shortly, [AssignedRole(id: 1, role: "a", endsAt: now + 9_999)]))
        #expect(loses(everywhere, [AssignedRole(id: 1, role: "a", startsAt: now + 1)]))
        // What ran out, and what had not begun, nobody has a token of.
        #expect(!loses(AssignedRole(id: 1, role: "a", endsAt: now), []))
        #expect(!loses(AssignedRole(id: 1, role: "a", startsAt: now + 1), []))
        // The account has it anyway.
        #expect(!loses(there, [], account: ["a"]) && loses(there, [], account: ["b"]))
    }

    @Test func whatABundleTellsOfSomebody() {
        let (one, two) = (AssignedRole(id: 1, role: "a"), AssignedRole(id: 2, role: "b"))
        func told(_ from: Int64?, _ given: [AssignedRole], removed: [Int64] = [], _ subject: String = "x")
            -> [AssignedRole]
        {
            RolesBySubject(
                RolesBundle(
                    from: from, sequence: 9, catalogue: nil,
                    assignments: given.map { .init(subject: "x", assigned: $0) },
                    removed: removed.map { .init(id: $0, subject: "x") })
            ).roles(of: subject, after: [one])
        }
        #expect(told(nil, [two]) == [two])
        #expect(told(nil, [two], "y") == [])
        #expect(told(3, [two]) == [one, two])
        #expect(told(3, [two], "y") == [one])
        #expect(told(3, [], removed: [1]) == [])
        #expect(told(3, [], removed: [2]) == [one])
        var narrower = one
        narrower.scope = RoleScope(type: "Desk", id: "fx")
        #expect(told(3, [narrower]) == [narrower])
        #expect(told(3, [narrower], removed: [1]) == [])
    }

    // MARK: Scope

    @Test func aScopeNamesRolesAndPermissions() {
        #expect(RequestedScope(nil) == RequestedScope(nil))
        #expect(RequestedScope(nil).roles == nil && RequestedScope(nil).permissions == nil)
        #expect(RequestedScope([]).permissions == [])
        let roles = RequestedScope(["role:a", "role:b"])
        #expect(roles.roles == ["a", "b"] && roles.permissions == nil)
        let both = RequestedScope(RequestedScope.values("role:a p:1  p:2"))
        #expect(both.roles == ["a"] && both.permissions == ["p:1", "p:2"])
        // A permission of the catalogue is none.
        #expect(RequestedScope(["roles:read"]).roles == nil)
    }
}
