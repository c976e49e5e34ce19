import StrictJSON
import Testing

@testable import PolicyService

@Suite("Kill switches")
struct KillSwitchTests {
    private func furnished() async throws -> PolicyWorld {
        let world = try await PolicyWorld()
        try await world.put([
            ["uid": ["type": "Platform", "id": "platform"], "attrs": ["halted": false], "parents": []],
            [
                "uid": ["type": "Desk", "id": "fx"],
                "attrs": ["halted": false, "order_limit": 10, "networks": []],
                "parents": [["type": "Platform", "id": "platform"]],
            ],
            ["uid": ["type": "User", "id": "ann"], "attrs": [:], "parents": [["type": "Desk", "id": "fx"]]],
        ])
        return world
    }

    @Test("a member halts her desk and no other thing; lifting needs a fresh factor; each change is told of once")
    func halts() async throws {
        let world = try await furnished()
        let (member, stale) = ("ann/killswitch:use", "ann!/killswitch:use")
        let body: JSONValue = ["reason": "test"]
        let halted = try await world.caller.send(.put, "/v1/kill-switches/Desk/fx", body, as: stale)
        #expect(halted.status == 200 && halted["changed"]?.bool == true, "\(halted.json)")
        let again = try await world.caller.send(.put, "/v1/kill-switches/Desk/fx", body, as: stale)
        #expect(again.status == 200 && again["changed"]?.bool == false)
        let list = try await world.caller.send(.get, "/v1/kill-switches", as: member)
        #expect(list["halted"]?.array?.count == 1)
        let platform = try await world.caller.send(.put, "/v1/kill-switches/Platform/platform", body, as: member)
        #expect(platform.status == 403 && platform.problem == "denied-by-policy")
        let unproven = try await world.caller.send(.delete, "/v1/kill-switches/Desk/fx", body, as: stale)
        #expect(unproven.problem == "step-up-required")
        let own = try await world.caller.send(.delete, "/v1/kill-switches/Desk/fx", body, as: member)
        #expect(own.problem == "denied-by-policy", "whoever may halt need not be who may let it go on")
        let lifted = try await world.caller.send(
            .delete, "/v1/kill-switches/Desk/fx", body, as: "rita/killswitch:use/risk-manager")
        #expect(lifted.status == 200 && lifted["halted"]?.bool == false)
        let events = try await world.events()
        #expect(events.filter { $0 == "org.jts.security.kill-switch-engaged" }.count == 1)
        #expect(events.filter { $0 == "org.jts.security.kill-switch-lifted" }.count == 1)
        #expect(events.filter { $0 == "org.jts.policy.entities-changed" }.count == 3)
    }

    @Test("what does not exist or cannot be halted is said so")
    func refusals() async throws {
        let world = try await furnished()
        let body: JSONValue = ["reason": "test"]
        let admin = "ada/killswitch:use"
        let account = try await world.caller.send(.put, "/v1/kill-switches/Account/a", body, as: admin)
        #expect(account.status == 422 && account.problem == "not-haltable", "\(account.json)")
        let missing = try await world.caller.send(.put, "/v1/kill-switches/Desk/none", body, as: "ann/killswitch:use")
        #expect(missing.status == 403 || missing.status == 404)
        #expect(try await world.caller.send(.put, "/v1/kill-switches/a%20b/x", body, as: admin).status == 404)
        #expect(try await world.caller.send(.put, "/v1/kill-switches/Desk/fx", [:], as: admin).status == 400)
    }

    @Test("entities must conform to the schema, and are in no circle")
    func entities() async throws {
        let world = try await furnished()
        func put(_ entity: JSONValue) async throws -> Int {
            try await world.caller.send(
                .post, "/v1/entities", ["put": [entity], "reason": "x"], as: PolicyWorld.administrator
            ).status
        }
        #expect(try await put(["uid": ["type": "Desk", "id": "d"], "attrs": [:], "parents": []]) == 422)
        #expect(try await put(["uid": ["type": "Nope", "id": "d"], "attrs": [:], "parents": []]) == 422)
        #expect(
            try await put([
                "uid": ["type": "Action", "id": "orders:place"], "attrs": [:], "parents": [],
            ]) == 422)
        #expect(
            try await put([
                "uid": ["type": "User", "id": "b"], "attrs": ["order_limit": "x"], "parents": [],
            ]) == 422)
        #expect(
            try await put(["uid": ["type": "User", "id": "b"], "attrs": ["order_limit": 5], "parents": []]) == 200)
        let page = try await world.caller.send(
            .get, "/v1/entities?limit=2", as: PolicyWorld.administrator)
        #expect(page["entities"]?.array?.count == 2)
        let cursor = try #require(page["next_cursor"]?.string)
        let rest = try await world.caller.send(
            .get, "/v1/entities?limit=200&cursor=\(cursor)", as: PolicyWorld.administrator)
        #expect(rest["entities"]?.array?.count == 2, "\(rest.json)")
        let gone = try await world.caller.send(
            .post, "/v1/entities", ["removed": [["type": "User", "id": "b"]], "reason": "x"],
            as: PolicyWorld.administrator)
        #expect(gone.status == 200)
        #expect(try await world.caller.send(.get, "/v1/entities/User/b", as: PolicyWorld.administrator).status == 404)
    }
}
