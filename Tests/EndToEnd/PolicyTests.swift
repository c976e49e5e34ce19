import StrictJSON
import TestSupport
import Testing

/// What policy-service is told, order-api decides by.
@Suite struct PolicyTests {
    @Test func limitsHaltsAndActivationsReachOrderAPI() async throws {
        try await PolicySystem.run { world in
            try await limits(world)
            try await killSwitch(world)
            try await activation(world)
        }
    }

    private func limits(_ world: PolicySystem) async throws {
        try await world.place(PolicySystem.limit).require(201)
        let refused = try await world.place(PolicySystem.limit + 1).require(403)
        #expect(refused.json["type"]?.string == "urn:jts:problem:denied-by-policy")
        #expect(refused.json["policies"]?.strings == ["order-above-own-limit"])
        #expect(refused.json["detail"]?.string == "The order is above your limit.")
        #expect(refused.json["policy_version"]?.int == 1)
    }

    private func killSwitch(_ world: PolicySystem) async throws {
        let placed = try await world.untilPlaced()
        func turn(_ method: String) async throws {
            let answer = try await world.system.policies.call(
                method, "/v1/kill-switches/Desk/fx", json: ["reason": "test"], token: world.managerToken
            ).require(200)
            #expect(answer.json["changed"]?.bool == true)
        }
        try await turn("PUT")
        try await world.untilRefused(by: "desk-halted")
        try await world.cancel(placed).require(200)
        try await turn("DELETE")
        try await world.untilPlaced()
        // A trader may halt her own desk, and may not let it go on.
        try await world.system.policies.call(
            "PUT", "/v1/kill-switches/Desk/fx", json: ["reason": "test"], token: world.trader
        ).require(200)
        try await world.untilRefused(by: "desk-halted")
        let lifted = try await world.system.policies.call(
            "DELETE", "/v1/kill-switches/Desk/fx", json: ["reason": "test"], token: world.trader)
        #expect([401, 403].contains(lifted.status), "\(lifted.status) \(lifted.text)")
        try await turn("DELETE")
        try await world.untilPlaced()
    }

    private func activation(_ world: PolicySystem) async throws {
        let version = try await world.store(try PolicySystem.smallOrdersOnly(below: 500))
        try await world.place(501).require(201)
        let proposed = try await world.propose(version)
        // Not by who proposed it.
        try await world.approve(proposed, as: try await world.system.adminToken()).require(403)
        try await world.place(501).require(201)
        try await world.approve(proposed, as: world.managerToken).require(200)
        let refused = try await world.untilRefused(by: "small-orders-only", 501)
        #expect(refused.json["policy_version"]?.int == version)
        try await world.place(500).require(201)
        try await world.rollBack()
        try await world.untilPlaced(501)
        let above = try await world.place(PolicySystem.limit + 1).require(403)
        #expect(above.json["policy_version"]?.int == 1)
    }
}
