import APISecurity
import Contracts
import JOSE
import SecurityClient
import ServiceKit
import StrictJSON
import TestSupport
import Testing

@testable import TokenService

/// Roles on the routes of people, and this service's own token.
@Suite(.serialized) struct RoleAPITests {
    @Test func constraintsAreCheckedWhereRolesAreGiven() async throws {
        try await RoleWorld.run { world in
            let api = PeopleHTTP(world.people)
            let admin = try await api.administrator()
            let both: JSONValue = ["username": "maria", "roles": ["trader", "risk-manager"]]
            let refused = try await api.send(.post, "/v1/users", both, token: admin)
            #expect(refused.status == 409 && refused.problem == "separation-of-duties")
            #expect(refused["detail"]?.contains("trading-apart-from-risk") == true)
            let elevated: JSONValue = ["username": "maria", "roles": ["risk-override"]]
            let unfit = try await api.send(.post, "/v1/users", elevated, token: admin)
            #expect(unfit.status == 422 && unfit.problem == "not-standing")
            let made = try await api.send(
                .post, "/v1/users", ["username": "maria", "roles": ["trader"]], token: admin)
            let id = try #require(made["id"])
            func set(_ roles: JSONValue) async throws -> PeopleHTTP.Answer {
                try await api.send(.put, "/v1/users/\(id)/roles", ["roles": roles], token: admin)
            }
            #expect(try await set(["trader", "risk-manager"]).problem == "separation-of-duties")
            #expect(try await set(["risk-override"]).problem == "not-standing")
            #expect(try await set(["king"]).problem == "unknown-role")
            #expect(try await set(["viewer"]).status == 200)
            // With what is assigned, and with what is to come; not with what is over.
            let user = try await world.people.people.users.user(id)
            let now = world.people.now
            for role in [
                AssignedRole(id: 1, role: "trader", scope: RoleScope(type: "Desk", id: "fx")),
                AssignedRole(id: 1, role: "trader", startsAt: now + 60_000),
            ] {
                try await world.tell(whole: try await world.replica.follower.sequence() + 2, [(user, role)])
                #expect(try await set(["viewer", "risk-manager"]).problem == "separation-of-duties")
            }
            let over = AssignedRole(id: 1, role: "trader", endsAt: now)
            try await world.tell(whole: try await world.replica.follower.sequence() + 1, [(user, over)])
            #expect(try await set(["viewer", "risk-manager"]).status == 200)
            // Taking away is never refused, whatever is left.
            try await world.people.database.execute(
                "UPDATE users SET roles = ? WHERE id = ?", [.strings(["risk-manager", "trader", "viewer"]), .text(id)])
            #expect(try await set(["risk-manager", "trader"]).status == 200)
            #expect(try await set(["risk-manager", "strategist", "trader"]).problem == "separation-of-duties")
            // Services likewise.
            let robot: JSONValue = ["client_id": "robot", "roles": ["trader", "risk-manager"]]
            #expect(
                try await api.send(.post, "/v1/service-accounts", robot, token: admin).problem
                    == "separation-of-duties")
        }
    }

    /// A replica that is behind decides by what stands in SQL all the same.
    @Test func constraintsOfAnotherReplicasCatalogue() async throws {
        try await RoleWorld.run { world in
            let api = PeopleHTTP(world.people)
            let admin = try await api.administrator()
            let other = try await world.another()
            let shipped = try PeopleCatalogueTests.shipped()
            let stricter = try RoleCatalogue(
                permissions: shipped.permissions, roles: shipped.roles,
                constraints: [.init(name: "apart", kind: .static, roles: ["viewer", "strategist"], maximum: 1)])
            try await world.tell(whole: 1, catalogue: stricter, to: other)
            #expect(world.replica.catalogue.edition.number == RoleBook.unheard)
            let body: JSONValue = ["username": "maria", "roles": ["viewer", "strategist"]]
            let refused = try await api.send(.post, "/v1/users", body, token: admin)
            #expect(refused.problem == "separation-of-duties" && refused["detail"]?.contains("apart") == true)
        }
    }

    @Test func assignedRolesAreShownBesideThoseOfTheAccount() async throws {
        try await RoleWorld.run { world in
            let api = PeopleHTTP(world.people)
            let admin = try await api.administrator()
            let maria = try await world.people.user("maria", roles: ["viewer"])
            let now = world.people.now
            try await world.tell(
                whole: 1,
                [
                    (maria, AssignedRole(id: 7, role: "trader", scope: RoleScope(type: "Desk", id: "fx"))),
                    (maria, AssignedRole(id: 8, role: "strategist", startsAt: now + 1_000, endsAt: now + 2_000)),
                    (maria, AssignedRole(id: 6, role: "strategist", endsAt: now)),
                ])
            let expected: JSONValue = [
                ["id": 7, "role": "trader", "scope": ["type": "Desk", "id": "fx"]],
                [
                    "id": 8, "role": "strategist", "starts_at": .string(RFC3339.string(milliseconds: now + 1_000)),
                    "ends_at": .string(RFC3339.string(milliseconds: now + 2_000)),
                ],
            ]
            let shown = try await api.send(.get, "/v1/users/\(maria.id)", token: admin)
            #expect(shown.json?["assigned_roles"] == expected)
            #expect(shown.json?["roles"] == ["viewer"])
            let own = try await api.send(.get, "/v1/users/me", token: try await api.token(of: maria))
            #expect(own.json?["assigned_roles"] == expected)
            let list = try await api.send(.get, "/v1/users?limit=10", token: admin)
            let listed = list.json?["users"]?.array?.first { $0["id"]?.string == maria.id }
            #expect(listed?["assigned_roles"] == expected)
        }
    }

    /// The second factor of whoever was assigned a role that takes one is not given up.
    @Test func anAssignedPrivilegedRoleKeepsTheFactor() async throws {
        try await RoleWorld.run { world in
            let maria = try await world.people.user("maria")
            _ = try await world.people.enrol(maria)
            let end = world.people.now + 60_000
            try await world.tell(whole: 1, [(maria, AssignedRole(id: 1, role: "risk-override", endsAt: end))])
            await #expect(throws: PeopleFault.factorRequired) {
                try await world.people.people.factors.remove(maria.id, world.people.act())
            }
            world.people.advance(seconds: 60)
            try await world.people.people.factors.remove(maria.id, world.people.act())
        }
    }

    /// What policy-service sees of this service: a service with one permission, whose token is renewed before it ends.
    @Test func theOwnToken() async throws {
        try await RoleWorld.run { world in
            let own = OwnToken(world.replica.sessions.issuer)
            let token = try await own.token()
            let identity = try await world.replica.verifier.verify(token.exposed)
            #expect(identity.isService && identity.subject == "token-service" && identity.clientID == "token-service")
            #expect(identity.permissions == [Permission.readBundles.rawValue])
            #expect(identity.roles == [] && identity.sessionID == nil)
            world.people.advance(seconds: 839)
            #expect(try await own.token().exposed == token.exposed)
            world.people.advance(seconds: 1)
            let next = try await own.token()
            #expect(next.exposed != token.exposed)
            own.forget()
            #expect(try await own.token().exposed != next.exposed)
        }
    }

    /// RFC 7662: what is introspected says what the token says.
    @Test func introspectionNamesScopedRoles() throws {
        func written(_ scoped: [ScopedRole]) throws -> JSONValue {
            var identity = Identity(subject: "usr_1", clientID: "jts", roles: ["viewer"])
            identity.scopedRoles = scoped
            var json = JSONWriter(capacity: 256)
            json.beginObject()
            identity.writeClaims(&json)
            json.endObject()
            return try JSONValue(parsing: json.bytes)
        }
        let scoped = [ScopedRole(role: "trader", type: "Desk", id: "f\"x")]
        #expect(try ScopedRole.list(#require(written(scoped)["scoped_roles"])) == scoped)
        #expect(try written([])["scoped_roles"] == nil)
    }
}
