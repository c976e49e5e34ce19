import Foundation
import StrictJSON
import TestSupport
import Testing

/// order-api decides in its own process, whatever becomes of policy-service and its database.
@Suite struct PolicyFaultTests {
    /// Decisions go on and are the same as before.
    private func expectDecisions(_ world: PolicySystem, _ what: String) async throws {
        for _ in 0..<5 {
            let placed = try await world.place(PolicySystem.limit)
            #expect(placed.status == 201, "\(what): \(placed.status) \(placed.text)")
            let refused = try await world.place(PolicySystem.limit + 1)
            #expect(refused.json["policies"]?.strings == ["order-above-own-limit"], "\(what): \(refused.text)")
            guard let order = placed.json["id"]?.string else { continue }
            #expect(try await world.cancel(order).status == 200, "\(what)")
        }
    }

    @Test func pausedAndKilled() async throws {
        try await PolicySystem.run { world in
            let service = try world.policyService()
            service.pause()
            try await expectDecisions(world, "policy-service stands still")
            service.resume()
            service.kill()
            try await expectDecisions(world, "policy-service is gone")

            // What was decided by before the restart comes from disk, with signatures younger than policies may be old.
            let orderAPI = try world.orderAPI()
            orderAPI.kill()
            try await orderAPI.start()
            try await world.untilPlaced(PolicySystem.limit)
            try await expectDecisions(world, "order-api has started without policy-service")

            try await service.start()
            try await world.system.policies.call(
                "PUT", "/v1/kill-switches/Desk/fx", json: ["reason": "test"], token: world.managerToken
            ).require(200)
            try await world.untilRefused(by: "desk-halted")
        }
    }

    /// Where nothing is known of how fresh policies are, nothing is decided that adds risk, and what takes it away goes on.
    @Test func staleAfterARestart() async throws {
        var options = TestSystemOptions()
        options.orderEnvironment = ["POLICY_STALE_AFTER": "3s", "POLICY_REFRESH": "1s"]
        try await PolicySystem.run(options) { world in
            let placed = try await world.untilPlaced()
            let other = try await world.untilPlaced()
            try world.policyService().kill()
            try await eventually("policies are stale", within: .seconds(20), poll: .milliseconds(100)) {
                try await world.place(10).status == 503
            }
            try await world.cancel(placed).require(200)
            let orderAPI = try world.orderAPI()
            orderAPI.kill()
            try await orderAPI.start()
            let refused = try await world.place(10)
            #expect(refused.status == 503, "\(refused.text)")
            try await world.cancel(other).require(200)
            try await world.policyService().start()
            try await world.untilPlaced()
        }
    }

    /// Killed at whatever moment of an activation: every order is decided by the old set or by the new one.
    @Test func killedDuringActivations() async throws {
        try await PolicySystem.run { world in
            var proposals: [Int64] = []
            for round in 0..<4 {
                let version = try await world.store(try PolicySystem.smallOrdersOnly(below: 500 + round))
                proposals.append(try await world.propose(version))
            }
            let load = Load(clients: 2) { _, _ in
                let answer = try await world.place(600)
                let isOld = answer.status == 201
                let isNew = answer.status == 403 && answer.json["policies"]?.strings == ["small-orders-only"]
                guard isOld || isNew else {
                    throw TestHTTP.Unexpected(description: "neither: \(answer.status) \(answer.text)")
                }
                let other = try await world.place(400)
                guard other.status == 201 else {
                    throw TestHTTP.Unexpected(description: "\(other.status) \(other.text)")
                }
            }
            for (round, proposal) in proposals.enumerated() {
                async let approval = try? await world.approve(proposal, as: world.managerToken)
                try await Task.sleep(for: .milliseconds(round * 12))
                try world.policyService().kill()
                _ = await approval
                try await world.policyService().start()
                let active = try await world.system.policies.call(
                    "GET", "/v1/policies/activations", token: world.managerToken
                ).require(200).json["active"]?["version"]?.int
                // What was committed is what is decided by, here as there.
                if active == 1 {
                    try await world.untilPlaced(600)
                } else {
                    try await eventually("order-api decides by it", within: .seconds(20), poll: .milliseconds(50)) {
                        try await world.place(600).json["policy_version"]?.int == active
                    }
                }
            }
            let (count, faults) = await load.stop()
            #expect(faults == [])
            #expect(count > 20)
        }
    }

    /// The database is away: what is decided by stays, and nothing is vouched for that was not read.
    @Test func databaseAway() async throws {
        var options = TestSystemOptions()
        options.policyStore = .postgres
        try await PolicySystem.run(options) { world in
            let postgres = try #require(world.system.policyPostgres)
            postgres.pause()
            try await expectDecisions(world, "PostgreSQL stands still")
            postgres.resume()
            await postgres.stop()
            try await expectDecisions(world, "PostgreSQL is stopped")
            try await eventually("policy-service says so", within: .seconds(40), poll: .milliseconds(200)) {
                try await !world.policyService().isReady
            }
            try await expectDecisions(world, "policy-service knows")
            try await postgres.start()
            try await eventually("policy-service is back", within: .seconds(60), poll: .milliseconds(200)) {
                try await world.policyService().isReady
            }
            let halted = try await eventuallyValue("the desk is halted", within: .seconds(30)) {
                let answer = try await world.system.policies.call(
                    "PUT", "/v1/kill-switches/Desk/fx", json: ["reason": "test"], token: world.managerToken)
                return answer.status == 200 ? answer : nil
            }
            #expect(halted.json["halted"]?.bool == true)
            try await world.untilRefused(by: "desk-halted")
        }
    }

    /// What was changed on disk is not decided by, and is put on record.
    @Test func changedOnDisk() async throws {
        try await PolicySystem.run { world in
            let orderAPI = try world.orderAPI()
            let folder = world.system.folder.file("order-api")
            let file = URL(fileURLWithPath: folder + "/policy/policies.bundle")
            try await eventually("policies are on disk") { FileManager.default.isReadableFile(atPath: file.path) }
            orderAPI.kill()
            var bytes = try Data(contentsOf: file)
            let attributes = try FileManager.default.attributesOfItem(atPath: file.path)
            #expect(attributes[.posixPermissions] as? Int == 0o600)
            bytes[bytes.count / 2] ^= 1
            try bytes.write(to: file)
            try await orderAPI.start()
            try await world.untilPlaced()
            try await eventually("it is on record", within: .seconds(20), poll: .milliseconds(200)) {
                let found = try await ChildProcess.check(
                    Project.python,
                    [
                        "-c",
                        "import sqlite3, sys; print(sqlite3.connect(sys.argv[1], timeout=5).execute("
                            + "\"SELECT count(*) FROM outbox_events WHERE CAST(payload AS TEXT) LIKE "
                            + "'%policy-bundle-refused%untrusted%'\").fetchone()[0])",
                        folder + "/order-api.db",
                    ])
                return found.contains("1")
            }
        }
    }

    /// The feed is heard and policy-service is not: what changed before the feed was read is not known, so that old
    /// policies from disk do not become fresh by it.
    @Test func theFeedAloneMakesNothingFresh() async throws {
        try await PolicySystem.run { world in
            let system = world.system
            let folder = try TemporaryDirectory("jts-order-api")
            let cache = system.folder.file("order-api") + "/policy"
            try await eventually("policies are on disk") {
                ["/policies.bundle", "/entities.bundle"].allSatisfy {
                    FileManager.default.isReadableFile(atPath: cache + $0)
                }
            }
            try FileManager.default.copyItem(atPath: cache, toPath: folder.file("policy"))
            let service = try TestService(
                "order-api", name: "order-api-alone", port: try freePort(),
                environment: [
                    "ISSUER": system.http.url, "TOKEN_SERVICE_URL": system.http.url, "AUDIENCE": "jts",
                    "STATE_DIR": folder.path, "KAFKA_BOOTSTRAP_SERVERS": system.broker.bootstrapServers,
                    "CLIENT_ID": "order-api", "CLIENT_SECRET_FILE": system.folder.file("order-api.secret"),
                    // Nobody listens there.
                    "POLICY_SERVICE_URL": "http://127.0.0.1:\(try freePort())",
                    "POLICY_JWKS_FILE": system.folder.file("policy-service") + "/statement-keys.json",
                    "POLICY_CACHE_DIR": folder.file("policy"), "POLICY_STALE_AFTER": "2s",
                ], folder: folder)
            try await Task.sleep(for: .seconds(4))
            try await service.start()
            defer { service.kill() }
            let alone = TestHTTP(service.url)
            // Heartbeats come every second.
            for _ in 0..<10 {
                let answer = try await alone.call(
                    "POST", "/v1/orders", json: ["symbol": "EURUSD", "side": "buy", "quantity": 10],
                    token: world.trader)
                #expect(answer.status == 503, "\(answer.status) \(answer.text)")
                try await Task.sleep(for: .milliseconds(500))
            }
            // The other one, which fetched what it has, goes on.
            try await world.place(10).require(201)
        }
    }
}
