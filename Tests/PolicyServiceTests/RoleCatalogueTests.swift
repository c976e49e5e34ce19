import Database
import SecurityClient
import RouteTesting
import StrictJSON
import TestSupport
import Testing

@testable import PolicyService

/// What roles mean, and which are apart, over HTTP and SQL.
@Suite("Role catalogue")
struct RoleCatalogueTests {
    private func put(
        _ world: PolicyWorld, _ role: String, _ document: JSONValue, as caller: String = RoleCallers.ada
    ) async throws -> RouteCaller.Answer {
        try await world.caller.send(.put, "/v1/roles/\(role)", document, as: caller)
    }

    /// A role as it is, to be put again.
    private func document(_ world: PolicyWorld, _ role: String) async throws -> JSONObject {
        let shown = try await world.caller.send(.get, "/v1/roles/\(role)", as: RoleCallers.ada)
        var object = try #require(shown.json.object)
        object["name"] = nil
        object["holders"] = nil
        return object
    }

    @Test("the first start takes the file, further ones only permissions that are new", arguments: SQLDialect.allCases)
    func firstStart(_ dialect: SQLDialect) async throws {
        let world = try await PolicyWorld(dialect)
        let shipped = try RoleCatalogue(contentsOf: Project.file("deploy/config/roles.yaml"))
        let bundle = try await world.roles()
        #expect(bundle.catalogue == shipped && bundle.sequence == 1)
        #expect(world.service.roles.assigned.sequence == 1)
        let changed = try await put(world, "viewer", ["permissions": ["orders:view"], "scopes": ["Desk"]])
        #expect(changed.status == 200 && changed["changed"]?.bool == true, "\(changed.json)")
        // Another replica starts, of the same program and then of a newer one.
        _ = try await PolicyWorld(dialect, replicaOf: world)
        #expect(try await world.roles().sequence == 2)
        let newer = try RoleCatalogue(
            permissions: shipped.permissions + ["reports:write"], roles: shipped.roles, constraints: [])
        for _ in 0..<2 { try await world.service.roles.store.bootstrap(newer, at: world.now) }
        let after = try await world.roles()
        #expect(after.sequence == 3 && after.catalogue?.permissions.contains("reports:write") == true)
        #expect(after.catalogue?.roles["viewer"]?.permissions == ["orders:view"])
        #expect(after.catalogue?.constraints == shipped.constraints)
    }

    @Test(
        "a role is made, changed and removed; each change has a number and is told of", arguments: SQLDialect.allCases)
    func life(_ dialect: SQLDialect) async throws {
        let world = try await PolicyWorld(dialect)
        let made = try await put(world, "clerk", ["permissions": ["orders:view"], "reason": "settlement"])
        #expect(made.status == 200 && made["standing"]?.bool == true, "\(made.json)")
        let first = try await world.roles(after: 1)
        #expect(first.sequence == 2 && first.catalogue?.roles["clerk"]?.permissions == ["orders:view"])
        let same = try await put(world, "clerk", ["permissions": ["orders:view"]])
        #expect(same.status == 200 && same["changed"]?.bool == false)
        #expect(try await world.roles().sequence == 2)
        #expect(try await world.assign("clerk", to: "vera").status == 201)
        let list = try await world.caller.send(.get, "/v1/roles", as: RoleCallers.ada)
        let clerk = list["roles"]?.array?.first { $0["name"]?.string == "clerk" }
        #expect(clerk?["holders"]?.int == 1)
        #expect(list["permissions"]?.array?.isEmpty == false && list["session_limit"]?["maximum"]?.int == 10)
        let held = try await world.caller.send(.delete, "/v1/roles/clerk", as: RoleCallers.ada)
        #expect(held.status == 409 && held.problem == "role-in-use")
        let onlyForAWhile = try await put(
            world, "clerk",
            [
                "permissions": ["orders:view"], "standing": false,
                "elevation": ["eligible": ["viewer"], "approvers": ["admin"], "maximum_seconds": 60],
            ])
        #expect(onlyForAWhile.problem == "role-in-use")
        let id = try #require(try await world.roles().assignments.first?.assigned.id)
        _ = try await world.caller.send(.delete, "/v1/assignments/\(id)", as: RoleCallers.ada)
        #expect(try await world.caller.send(.delete, "/v1/roles/clerk", as: RoleCallers.ada).status == 204)
        #expect(try await world.caller.send(.delete, "/v1/roles/clerk", as: RoleCallers.ada).status == 404)
        #expect(try await world.caller.send(.get, "/v1/roles/clerk", as: RoleCallers.ada).status == 404)
        let events = try await world.securityEvents([.roleChanged, .roleRemoved]).compactMap { $0["data"]?["fields"] }
        // The first is the file's.
        #expect(events.dropFirst().compactMap { $0["role"]?.string } == ["clerk", "clerk"])
        #expect(events[1]["stated_reason"]?.string == "settlement")
    }

    @Test("what names a role keeps it")
    func inUse() async throws {
        let world = try await PolicyWorld()
        // Named by a constraint; by an elevation, once the constraint is gone.
        #expect(try await world.caller.send(.delete, "/v1/roles/trader", as: RoleCallers.ada).problem == "role-in-use")
        for constraint in ["trading-apart-from-risk", "administration-apart-from-overriding"] {
            let gone = try await world.caller.send(.delete, "/v1/constraints/\(constraint)", as: RoleCallers.ada)
            #expect(gone.status == 204)
        }
        #expect(try await world.caller.send(.delete, "/v1/roles/trader", as: RoleCallers.ada).status == 204)
        let manager = try await world.caller.send(.delete, "/v1/roles/risk-manager", as: RoleCallers.ada)
        #expect(manager.problem == "role-in-use")
        #expect(try await world.ask().status == 201)
        let requested = try await world.caller.send(.delete, "/v1/roles/risk-override", as: RoleCallers.ada)
        #expect(requested.problem == "role-in-use")
    }

    @Test("what is no role is not taken, and changes nothing")
    func invalid() async throws {
        let world = try await PolicyWorld()
        let before = try await world.roles()
        for (name, document, status) in [
            ("clerk", ["permissions": ["nothing:known"]], 422), ("clerk", [:], 422),
            ("clerk", ["permissions": ["orders:view"], "more": 1], 422),
            ("clerk", ["permissions": ["orders:view"], "standing": false], 422),
            ("clerk", ["permissions": "orders:view"], 422), ("Clerk", ["permissions": ["orders:view"]], 422),
            ("clerk", ["permissions": ["orders:view"], "reason": 1], 400), ("clerk", [], 400),
            (
                "clerk",
                [
                    "permissions": ["orders:view"],
                    "elevation": ["eligible": ["nobody"], "approvers": ["admin"], "maximum_seconds": 60],
                ], 422
            ),
        ] as [(String, JSONValue, Int)] {
            let answer = try await put(world, name, document)
            #expect(answer.status == status, "\(name) \(document): \(answer.json)")
        }
        for (name, document) in [
            ("pair", ["kind": "static", "roles": ["trader", "nobody"], "maximum": 1]),
            ("pair", ["kind": "static", "roles": ["trader", "viewer"], "maximum": 2]),
            ("pair", ["kind": "other", "roles": ["trader", "viewer"]]), ("pair", ["roles": ["trader", "viewer"]]),
            ("pair", ["name": "other", "kind": "static", "roles": ["trader", "viewer"]]),
        ] as [(String, JSONValue)] {
            let answer = try await world.caller.send(.put, "/v1/constraints/\(name)", document, as: RoleCallers.ada)
            #expect(answer.status == 422 && answer.problem == "invalid-constraint", "\(document): \(answer.json)")
        }
        let stale = try await put(world, "clerk", ["permissions": ["orders:view"]], as: "ada!/roles:write/admin")
        #expect(stale.problem == "step-up-required")
        #expect(try await world.caller.send(.delete, "/v1/constraints/none", as: RoleCallers.ada).status == 404)
        #expect(try await world.roles() == before)
    }

    @Test("whoever holds a role does not widen it, whatever her token leaves out")
    func ownRole() async throws {
        let world = try await PolicyWorld()
        let before = try await world.roles()
        var wider = try await document(world, "admin")
        wider["permissions"] = .array((wider["permissions"]?.array ?? []) + ["orders:place"])
        // By the token; by the account, of which the token does not speak; and as a role that was assigned.
        for caller in [RoleCallers.ada, "ada/roles:write/", "ada/roles:write/viewer"] {
            let answer = try await put(world, "admin", .object(wider), as: caller)
            #expect(answer.status == 409 && answer.problem == "own-role", "\(caller): \(answer.json)")
        }
        world.people.stop()
        #expect(try await put(world, "admin", .object(wider), as: "ada/roles:write/").status == 503)
        world.people.start()
        #expect(try await world.roles() == before)
        world.people.set("carl", [])
        #expect(try await world.assign("admin", to: "carl").status == 201)
        #expect(try await put(world, "admin", .object(wider), as: "carl/roles:write/").problem == "own-role")
        // Others may, and to take something away anybody may who may write roles.
        world.people.set("dora", ["viewer"])
        #expect(try await put(world, "admin", .object(wider), as: "dora/roles:write/").status == 200)
        var narrower = try await document(world, "admin")
        narrower["permissions"] = .array(
            (narrower["permissions"]?.array ?? []).filter { $0.string != "orders:place" && $0.string != "audit:read" })
        #expect(try await put(world, "admin", .object(narrower)).status == 200)
    }

    @Test("a constraint holds from the next assignment on", arguments: SQLDialect.allCases)
    func constraints(_ dialect: SQLDialect) async throws {
        let world = try await PolicyWorld(dialect)
        let made = try await world.caller.send(
            .put, "/v1/constraints/looking-apart-from-strategies",
            ["kind": "static", "roles": ["viewer", "strategist"], "maximum": 1, "reason": "audit"],
            as: RoleCallers.ada)
        #expect(made.status == 200, "\(made.json)")
        let refused = try await world.assign("strategist", to: "vera")
        #expect(refused["constraint"]?.string == "looking-apart-from-strategies")
        let list = try await world.caller.send(.get, "/v1/constraints", as: RoleCallers.ada)
        #expect(list["constraints"]?.array?.count == 3)
        let gone = try await world.caller.send(
            .delete, "/v1/constraints/looking-apart-from-strategies", as: RoleCallers.ada)
        #expect(gone.status == 204)
        #expect(try await world.assign("strategist", to: "vera").status == 201)
        #expect(try await world.securityEvents([.roleConstraintChanged, .roleConstraintRemoved]).count == 2)
    }
}
