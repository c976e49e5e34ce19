import RouteTesting
import StrictJSON
import Testing

@testable import PolicyService

/// Roles that people were assigned count where somebody asks about them.
@Suite("Decisions by assigned roles")
struct RoleDecisionTests {
    private func furnish(_ world: PolicyWorld) async throws {
        func desk(_ id: String) -> JSONValue {
            [
                "uid": ["type": "Desk", "id": .string(id)],
                "attrs": ["halted": false, "order_limit": 1_000_000, "networks": []],
                "parents": [["type": "Platform", "id": "platform"]],
            ]
        }
        try await world.put([
            ["uid": ["type": "Platform", "id": "platform"], "attrs": ["halted": false], "parents": []], desk("fx"),
            desk("eq"),
            ["uid": ["type": "Account", "id": "a1"], "attrs": [:], "parents": [["type": "Desk", "id": "fx"]]],
            ["uid": ["type": "User", "id": "tess"], "attrs": ["order_limit": 5], "parents": []],
        ])
    }

    private func decides(
        _ world: PolicyWorld, _ subject: String, _ action: String, _ type: String, _ id: String
    ) async throws -> Bool? {
        let question: JSONValue = [
            "subject": ["type": "User", "id": .string(subject)], "action": ["name": .string(action)],
            "resource": ["type": .string(type), "id": .string(id)],
            "context": ["amr": ["pwd"], "client_certificate": false],
        ]
        let decided = try await world.caller.send(.post, "/access/v1/evaluation", question, as: RoleCallers.decider)
        let explained = try await world.caller.send(.post, "/v1/explain", question, as: RoleCallers.decider)
        #expect(decided["decision"]?.bool == explained["decision"]?.bool, "\(explained.json)")
        return decided["decision"]?.bool
    }

    private func decides(_ world: PolicyWorld, _ subject: String, _ type: String, _ id: String) async throws -> Bool? {
        try await decides(world, subject, "positions:view", type, id)
    }

    @Test("from their start to their end, everywhere or where they are held")
    func evaluation() async throws {
        let world = try await PolicyWorld()
        try await furnish(world)
        // Whoever is stored, and whoever is not.
        for subject in ["tess", "vera"] {
            #expect(try await decides(world, subject, "Desk", "fx") == false)
            let given = try await world.assign(
                "viewer", to: subject, scope: RoleAssignmentTests.desk, startsIn: 1_000, endsIn: 3_000)
            #expect(given.status == 201)
            #expect(try await decides(world, subject, "Desk", "fx") == false, "it is to come")
            world.advance(milliseconds: 1_000)
            #expect(try await decides(world, subject, "Desk", "fx") == true)
            #expect(try await decides(world, subject, "Account", "a1") == true, "the account is of the desk")
            #expect(try await decides(world, subject, "Desk", "eq") == false)
            world.advance(milliseconds: 2_000)
            #expect(try await decides(world, subject, "Desk", "fx") == false, "it is over, marked or not")
        }
        let id = try #require(try await world.assign("viewer", to: "vera")["id"]?.int)
        #expect(try await decides(world, "vera", "Desk", "eq") == true)
        // A service of the same name has none of it.
        let service = try await world.caller.send(
            .post, "/access/v1/evaluation",
            [
                "subject": ["type": "Service", "id": "vera"], "action": ["name": "positions:view"],
                "resource": ["type": "Desk", "id": "eq"], "context": ["amr": [], "client_certificate": false],
            ], as: RoleCallers.decider)
        #expect(service["decision"]?.bool == false, "\(service.json)")
        _ = try await world.caller.send(.delete, "/v1/assignments/\(id)", as: RoleCallers.ada)
        #expect(try await decides(world, "vera", "Desk", "eq") == false)
    }

    @Test("another replica learns of it")
    func replicas() async throws {
        let world = try await PolicyWorld()
        try await furnish(world)
        let other = try await PolicyWorld(replicaOf: world)
        #expect(try await world.assign("viewer", to: "vera").status == 201)
        try await other.service.roles.follower.follow()
        #expect(try await decides(other, "vera", "Desk", "fx") == true)
        let id = try #require(try await world.roles().assignments.first?.assigned.id)
        _ = try await world.caller.send(.delete, "/v1/assignments/\(id)", as: RoleCallers.ada)
        try await other.service.roles.follower.follow()
        #expect(try await decides(other, "vera", "Desk", "fx") == false)
    }

    @Test("roles that are apart do not count together: the older one does")
    func separation() async throws {
        let world = try await PolicyWorld()
        try await furnish(world)
        #expect(try await world.assign("trader", to: "vera").status == 201)
        let gone = try await world.caller.send(.delete, "/v1/constraints/trading-apart-from-risk", as: RoleCallers.ada)
        #expect(gone.status == 204)
        #expect(try await world.assign("risk-manager", to: "vera").status == 201)
        #expect(try await decides(world, "vera", "killswitch:use", "Desk", "eq") == true)
        let made = try await world.caller.send(
            .put, "/v1/constraints/trading-apart-from-risk", ["kind": "static", "roles": ["trader", "risk-manager"]],
            as: RoleCallers.ada)
        #expect(made.status == 200)
        #expect(try await decides(world, "vera", "killswitch:use", "Desk", "eq") == false)
    }
}
