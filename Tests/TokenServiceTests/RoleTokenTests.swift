import APISecurity
import Database
import SecurityClient
import StrictJSON
import TestSupport
import Testing

@testable import TokenService

/// What tokens say of roles, and from when on they do not any more.
@Suite(.serialized) struct RoleTokenTests {
    private let desk = RoleScope(type: "Desk", id: "fx")

    @Test func assignedRolesApplyAtTheNextRefresh() async throws {
        try await RoleWorld.run { world in
            let maria = try await world.people.user("maria", roles: ["viewer"])
            let first = try await world.start(maria)
            try await world.tell(whole: 1, [(maria, AssignedRole(id: 1, role: "trader", scope: desk))])
            // Nobody is signed out, and nothing is void.
            #expect(try await world.identity(first).scopedRoles == [])
            let next = try await world.refresh(first)
            let identity = try await world.identity(next)
            #expect(identity.roles == ["viewer"])
            #expect(identity.scopedRoles == [ScopedRole(role: "trader", type: "Desk", id: "fx")])
            #expect(identity.has("orders:place") && identity.has("positions:view"))
            #expect(next.expiresIn == 900)
            #expect(try await world.revoked() == [])
            // A sign-in has them at once.
            #expect(try await world.identity(try await world.start(maria)).scopedRoles == identity.scopedRoles)
        }
    }

    /// RFC 9068 section 2.2: `exp` is not later than what the token says is true.
    @Test func noTokenOutlivesARole() async throws {
        try await RoleWorld.run { world in
            let maria = try await world.people.user("maria", roles: ["viewer"])
            let session = try await world.start(maria)
            let end = world.people.now + 61_700
            try await world.tell(whole: 1, [(maria, AssignedRole(id: 1, role: "trader", endsAt: end))])
            let elevated = try await world.refresh(session)
            let identity = try await world.identity(elevated)
            #expect(identity.roles == ["viewer", "trader"])
            #expect(identity.expiresAt == end / 1000)
            #expect(elevated.expiresIn == 61)
            // With less than a second left it is not given any more: such a token would have ended before it began.
            world.people.advance(seconds: 60)
            let late = try await world.refresh(elevated)
            #expect(late.expiresIn == 1)
            world.people.advance(seconds: 1)
            let after = try await world.refresh(late)
            #expect(try await world.identity(after).roles == ["viewer"])
            #expect(after.expiresIn == 900)
            // That it has ended is told later, and voids nothing.
            world.people.advance(seconds: 1)
            try await world.tell(from: 1, 2, removed: [(maria, 1)])
            #expect(await !world.isVoid(after))
            #expect(try await world.revoked() == [])
            #expect(try await world.refresh(after).scope?.contains("orders:place") == false)
        }
    }

    @Test func whatIsTakenAwayVoidsTokensAndEndsNoSession() async throws {
        try await RoleWorld.run(onBoth: true) { world in
            let maria = try await world.people.user("maria", roles: ["viewer"])
            let otto = try await world.people.user("otto", roles: ["viewer"])
            let role = AssignedRole(id: 1, role: "trader", endsAt: world.people.now + 600_000)
            try await world.tell(whole: 1, [(maria, role), (otto, AssignedRole(id: 2, role: "trader"))])
            let hers = try await world.start(maria)
            let his = try await world.start(otto)
            let other = try await world.another()
            #expect(try await world.identity(hers).has("orders:place"))
            world.people.advance(seconds: 1)
            try await world.tell(from: 1, 2, removed: [(maria, 1)])
            #expect(await world.isVoid(hers))
            #expect(await !world.isVoid(his))
            #expect(try await world.revoked() == [maria.id])
            // The other replica knows by SQL, and goes on with the session.
            try await other.revocations.catchUp(since: 0)
            #expect(await world.isVoid(hers, at: other))
            let next = try await world.refresh(hers, at: other)
            let identity = try await world.identity(next, at: other)
            #expect(identity.roles == ["viewer"] && !identity.has("orders:place"))
        }
    }

    /// Whoever issues on what was read before a removal committed issues a token that is void.
    @Test func aRefreshThatRacesARemovalIssuesAVoidToken() async throws {
        try await RoleWorld.run { world in
            let maria = try await world.people.user("maria", roles: ["viewer"])
            try await world.tell(whole: 1, [(maria, AssignedRole(id: 1, role: "trader"))])
            let session = try await world.start(maria)
            // The other replica reads, and before it goes on the removal commits.
            let pausing = PausingDatabase(world.people.database)
            let other = try await world.another(pausing)
            let removed = { @Sendable () async throws -> Void in
                try await world.tell(from: 1, 2, removed: [(maria, 1)])
            }
            pausing.afterNextRead { try? await removed() }
            let racing = try await world.refresh(session, at: other)
            try await other.revocations.catchUp(since: 0)
            #expect(await world.isVoid(racing) && !pausing.isArmed)
            #expect(await world.isVoid(racing, at: other))
            #expect(try await world.identity(try await world.refresh(racing)).roles == ["viewer"])
        }
    }

    /// A sign-in takes a while: what was read at its beginning may be gone at its end.
    @Test func aSignInThatRacesARemovalHasTheRolesOfItsEnd() async throws {
        try await RoleWorld.run { world in
            let maria = try await world.people.user("maria", roles: ["trader", "viewer"])
            let before = maria
            world.people.advance(seconds: 1)
            _ = try await world.people.people.users.setRoles(maria.id, to: ["viewer"], world.people.act())
            let identity = try await world.identity(try await world.start(before))
            #expect(identity.roles == ["viewer"] && !identity.has("orders:place"))
        }
    }

    /// A replica that has not heard of another catalogue does not issue by the old one.
    @Test func aReplicaThatIsBehindReadsBeforeItIssues() async throws {
        try await RoleWorld.run(onBoth: true) { world in
            let maria = try await world.people.user("maria")
            let other = try await world.another()
            let session = try await world.start(maria, at: other)
            #expect(try await world.identity(session, at: other).has("orders:place"))
            let secret = "jss_secret"
            _ = try await world.people.services.create(
                clientID: "robot", name: "", roles: ["trader"], permissions: [], keys: nil,
                secret: ClientSecret.digest(secret), world.people.act())
            world.people.advance(seconds: 1)
            try await world.tell(
                whole: 1, catalogue: try Catalogues.shipped { $0["trader"]?.permissions = ["orders:view"] })
            #expect(other.catalogue.edition.number == RoleBook.unheard)
            #expect(Set(try await world.revoked()) == [maria.id, "robot"])
            let next = try await world.refresh(session, at: other)
            #expect(next.scope == "orders:view")
            #expect(other.catalogue.edition.number == 1 && other.catalogue.sequence == 1)
            // Services likewise.
            let third = try await world.another()
            let clients = ClientAuthenticator(
                database: world.people.database, redis: world.people.redis, outbox: world.people.redisOutbox,
                catalogue: third.catalogue, clock: { world.people.now })
            world.people.advance(seconds: 1)
            try await world.tell(
                from: 1, 2, catalogue: try Catalogues.shipped { $0["trader"]?.permissions = ["risk:view"] })
            let account = try await clients.authenticate(
                .secret(clientID: "robot", secret: secret), audience: [], address: "192.0.2.1")
            let issued = try third.sessions.issuer.issue(
                TokenIssuer.Grant(
                    subject: "robot", clientID: "robot", roles: account.roles, asOf: world.people.now,
                    voidBefore: account.tokensVoidBefore))
            #expect(issued.scope == "risk:view")
        }
    }

    /// A role that takes a second factor is not used without one, and the session goes on without the role.
    @Test func aPrivilegedRoleInASessionWithoutSecondFactor() async throws {
        try await RoleWorld.run { world in
            let maria = try await world.people.user("maria")
            let plain = try await world.start(maria)
            try await world.tell(
                whole: 1, [(maria, AssignedRole(id: 1, role: "risk-override", endsAt: world.people.now + 600_000))])
            let next = try await world.refresh(plain)
            let identity = try await world.identity(next)
            #expect(identity.roles == ["trader"] && identity.has("orders:place") && !identity.has("risk:override"))
            #expect(next.expiresIn == 900)
            let exposition = world.metrics.exposition()
            #expect(exposition.contains(#"roles_withheld_total{reason="second-factor"} 1"#))
            let stepped = try await world.replica.sessions.stepUp(
                identity, amr: ["otp", "mfa"], authTime: world.people.now / 1000, scope: nil,
                ClientInfo(address: "192.0.2.1"), requestID: "r")
            #expect(try await world.identity(stepped).roles == ["trader", "risk-override"])
            #expect(stepped.expiresIn == 600)
            // One session more, with both factors from the beginning.
            let strong = try await world.start(maria, acr: .twoFactors)
            #expect(try await world.identity(strong).has("risk:override"))
        }
    }

    /// RFC 6749 section 3.3: `role:NAME` chooses.
    @Test func aScopeChoosesRoles() async throws {
        try await RoleWorld.run { world in
            let maria = try await world.people.user("maria", roles: ["admin"])
            _ = try await world.people.enrol(maria)
            let override = AssignedRole(id: 1, role: "risk-override")
            try await world.tell(
                whole: 1, [(maria, override), (maria, AssignedRole(id: 2, role: "viewer", scope: desk))])
            let session = try await world.start(maria, acr: .twoFactors)
            // Not both at once: the one that the constraint names first.
            #expect(try await world.identity(session).roles == ["admin"])
            let chosen = try await world.refresh(session, scope: ["role:risk-override"])
            let identity = try await world.identity(chosen)
            #expect(identity.roles == ["risk-override"] && identity.scopedRoles == [])
            #expect(identity.has("risk:override") && !identity.has("users:write"))
            // The choice is of the token, not of the session.
            let stepped = try await world.replica.sessions.stepUp(
                identity, amr: ["otp", "mfa"], authTime: world.people.now / 1000,
                scope: ["role:risk-override", "role:viewer", "risk:override"],
                ClientInfo(address: "192.0.2.1"), requestID: "r")
            #expect(stepped.scope == "risk:override")
            #expect(
                try await world.identity(stepped).scopedRoles == [ScopedRole(role: "viewer", type: "Desk", id: "fx")])
            let all = try await world.refresh(chosen)
            #expect(try await world.identity(all).roles == ["admin"])
            // What is not held, or gives nothing of what is asked, leaves the token as it was.
            for scope in [["role:trader"], ["role:"], ["role:viewer", "users:write"]] {
                await #expect(throws: OAuthError.invalidScope) { try await world.refresh(all, scope: scope) }
            }
            #expect(try await world.refresh(all, scope: ["role:viewer"]).scope?.contains("positions:view") == true)
        }
    }

    /// What depends on the session is asked before the token is used up, too.
    @Test func aScopeThatTheSessionCannotHaveLeavesTheTokenUnused() async throws {
        try await RoleWorld.run { world in
            let maria = try await world.people.user("maria")
            try await world.tell(whole: 1, [(maria, AssignedRole(id: 1, role: "risk-override"))])
            let session = try await world.start(maria)
            for scope in [["role:risk-override"], ["risk:override"]] {
                await #expect(throws: OAuthError.invalidScope) { try await world.refresh(session, scope: scope) }
            }
            #expect(try await world.identity(try await world.refresh(session)).roles == ["trader"])
        }
    }
}

/// Catalogues like the shipped one.
enum Catalogues {
    static func shipped(_ change: (inout [String: RoleCatalogue.Role]) -> Void) throws -> RoleCatalogue {
        let shipped = try PeopleCatalogueTests.shipped()
        var roles = shipped.roles
        change(&roles)
        return try RoleCatalogue(
            permissions: shipped.permissions, sessionLimit: shipped.sessionLimit, roles: roles,
            constraints: shipped.constraints)
    }
}
