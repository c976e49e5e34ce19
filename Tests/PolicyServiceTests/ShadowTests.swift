import APISecurity
import Contracts
import SecurityClient
import StrictJSON
import TestSupport
import Testing

@testable import PolicyService

@Suite("Shadow sets")
struct ShadowTests {
    private static let asks = "svc/decisions:evaluate"
    /// The shipped set, but desk members view no positions, and one policy cannot always be evaluated.
    private static func files() throws -> JSONValue {
        try PolicyWorld.files(
            PolicyWorld.shipped,
            [
                "none.cedar":
                    "@id(\"no-positions\") forbid (principal is User, action == Action::\"positions:view\", resource) when { principal in Role::\"trader\" };"
            ])
    }

    private func world() async throws -> PolicyWorld {
        let world = try await PolicyWorld()
        try await world.put([
            [
                "uid": ["type": "Desk", "id": "fx"],
                "attrs": ["halted": false, "order_limit": 1_000_000, "networks": []], "parents": [],
            ],
            [
                "uid": ["type": "User", "id": "alice"], "attrs": [:],
                "parents": [["type": "Desk", "id": "fx"], ["type": "Role", "id": "trader"]],
            ],
        ])
        return world
    }

    private func store(_ files: JSONValue, _ world: PolicyWorld) async throws -> Int64 {
        let answer = try await world.caller.send(
            .post, "/v1/policies/versions", ["files": files, "reason": "x"], as: PolicyWorld.administrator)
        return try #require(answer["version"]?.int, "\(answer.json)")
    }

    private func ask(_ action: String, _ world: PolicyWorld) async throws -> Bool? {
        let answer = try await world.caller.send(
            .post, "/access/v1/evaluation",
            [
                "subject": ["type": "User", "id": "alice"], "action": ["name": .string(action)],
                "resource": ["type": "Desk", "id": "fx"],
                "context": ["amr": ["pwd"], "client_certificate": false],
            ], as: ShadowTests.asks)
        return answer["decision"]?.bool
    }

    private func report(_ world: PolicyWorld) async throws -> JSONValue {
        try await world.caller.send(.get, "/v1/policies/shadow/report", as: PolicyWorld.administrator).json
    }

    @Test("the report says what another set would have decided, and answers stay as they are")
    func report() async throws {
        let world = try await world()
        let before = try await world.caller.send(
            .get, "/v1/policies/shadow/report", as: PolicyWorld.administrator)
        #expect(before.status == 404)
        let version = try await store(try ShadowTests.files(), world)
        let set = try await world.caller.send(
            .put, "/v1/policies/shadow", ["version": .int(version), "reason": "trial"], as: PolicyWorld.administrator)
        #expect(set.status == 200 && set["version"]?.int == version, "\(set.json)")
        let shown = try await world.caller.send(.get, "/v1/policies/shadow", as: PolicyWorld.second)
        #expect(shown["version"]?.int == version)
        for _ in 0..<3 { #expect(try await ask("positions:view", world) == true) }
        #expect(try await ask("orders:view", world) == true)
        #expect(try await ask("orders:cancel", world) == false)
        let report = try await report(world)
        #expect(report["same"]?.int == 2 && report["different"]?.int == 3, "\(report)")
        #expect(report["errors"]?.int == 0 && report["skipped"]?.int == 0)
        #expect(report["shadow_version"]?.int == version && report["active_version"]?.int == 1)
        let difference = try #require(report["differences"]?.array?.first)
        #expect(report["differences"]?.array?.count == 1)
        #expect(difference["action"]?.string == "positions:view" && difference["count"]?.int == 3)
        #expect(difference["active"]?.string == "allow" && difference["shadow"]?.string == "deny")
        #expect(difference["active_policies"]?.strings == ["desk-members-view-their-desk"])
        #expect(difference["shadow_policies"]?.strings == ["no-positions"])
        #expect(difference["principal_type"]?.string == "User" && difference["resource_type"]?.string == "Desk")
        #expect(difference["sample"]?["principal"]?.string == "User::\"alice\"")
        // Another set is activated: what was found is about a pair that is no more.
        world.advance(milliseconds: 60_000)
        try await world.activate(try ShadowTests.files())
        #expect(try await ask("positions:view", world) == false)
        let after = try await self.report(world)
        #expect(after["same"]?.int == 1 && after["different"]?.int == 0, "\(after)")
        #expect(after["since"]?.string != report["since"]?.string)
        let ended = try await world.caller.send(.delete, "/v1/policies/shadow", as: PolicyWorld.administrator)
        #expect(ended.status == 204)
        let gone = try await world.caller.send(
            .get, "/v1/policies/shadow/report", as: PolicyWorld.administrator)
        #expect(gone.status == 404)
        #expect(try await world.events().filter { $0 == "org.jts.security.policy-shadow-changed" }.count == 2)
    }

    @Test(
        "those that decide by themselves get the set, and what they find counts with what is found here, at every replica"
    )
    func reportsOfOthers() async throws {
        let world = try await world()
        let other = try await PolicyWorld(replicaOf: world)
        let service = "order-api/bundles:read"
        #expect(try await world.caller.send(.get, "/v1/bundles/shadow", as: service).status == 404)
        let version = try await store(try ShadowTests.files(), world)
        let set = try await world.caller.send(
            .put, "/v1/policies/shadow", ["version": .int(version), "reason": "trial"], as: PolicyWorld.administrator)
        #expect(set.status == 200)
        #expect(try await world.caller.send(.get, "/v1/bundles/shadow", as: "eve/policies:read").status == 403)
        let bundle = try await world.caller.send(.get, "/v1/bundles/shadow", as: service)
        #expect(bundle.status == 200 && bundle["version"]?.int == version)

        var found = ShadowReport(
            .init(activeSequence: 1, activeVersion: 1, shadowVersion: version), since: world.now - 1_000)
        found.addSame(withErrors: false)
        let kind = ShadowReport.Kind(
            action: "orders:place", principalType: "User", resourceType: "Order", active: .allow, shadow: .deny,
            activePolicies: ["a"], shadowPolicies: ["b"])
        found.add(kind, .init(principal: "User::\"p\"", resource: "Order::\"1\"", at: world.now), withErrors: true)
        func tell(_ report: JSONValue, _ name: String = "one", as caller: String = service) async throws -> Int {
            let body: JSONValue = ["reporter": .string(name), "report": report]
            return try await world.caller.send(.post, "/v1/policies/shadow/reports", body, as: caller).status
        }
        #expect(try await tell(found.json) == 204)
        // The same again takes its own place; another process counts beside it.
        #expect(try await tell(found.json) == 204)
        #expect(try await tell(found.json, "two") == 204)
        #expect(try await tell(found.json, as: "eve/policies:read") == 403)
        #expect(try await tell(["same": 1]) == 422)
        var strange = found.json.object ?? [:]
        strange["shadow_version"] = .int(version + 1)
        #expect(try await tell(.object(strange)) == 409)
        #expect(try await ask("positions:view", world) == true)
        try await world.service.follower.follow()
        try await other.service.follower.follow()
        let here = try await report(world)
        #expect(here["same"]?.int == 2 && here["different"]?.int == 3 && here["errors"]?.int == 2, "\(here)")
        #expect(here["reporters"]?.array?.count == 3)
        #expect(here["differences"]?.array?.first?["count"]?.int == 2)
        #expect(here["since"]?.string == RFC3339.string(milliseconds: world.now - 1_000))
        // The other replica has found nothing by itself, and tells of what all found but of what this one has not shared.
        let there = try await report(other)
        #expect(there["same"]?.int == 2 && there["different"]?.int == 2, "\(there)")
        _ = try await world.caller.send(.delete, "/v1/policies/shadow", as: PolicyWorld.administrator)
        #expect(try await tell(found.json) == 409)
    }

    @Test("a report is read as it was written")
    func reportsAsJSON() throws {
        var report = ShadowReport(.init(activeSequence: 4, activeVersion: 2, shadowVersion: 3), since: 5_000)
        for index in 0..<20 {
            let kind = ShadowReport.Kind(
                action: "a\(index % 7)", principalType: "User", resourceType: "Desk", active: .allow, shadow: .deny,
                activePolicies: ["p"], shadowPolicies: [])
            report.add(
                kind, .init(principal: "p", resource: "r", at: Int64(6_000 + index)), withErrors: index % 3 == 0)
        }
        report.skip(3)
        let read = try #require(ShadowReport(json: report.json))
        #expect(read.json == report.json)
        var sum = report
        sum.add(read)
        #expect(sum.different == 40 && sum.skipped == 6 && sum.kinds == 7)
        for member in try #require(report.json.object).keys {
            var broken = try #require(report.json.object)
            broken[member] = "x"
            #expect(ShadowReport(json: .object(broken)) == nil, "\(member)")
        }
    }

    @Test("setting a shadow takes the permission, a fresh factor and a version that is there")
    func refusals() async throws {
        let world = try await PolicyWorld()
        let body: JSONValue = ["version": 1, "reason": "x"]
        let path = "/v1/policies/shadow"
        #expect(try await world.caller.send(.put, path, body, as: "eve/policies:read").status == 403)
        #expect(try await world.caller.send(.put, path, body, as: "ada!/policies:activate").status == 401)
        #expect(try await world.caller.send(.get, path, as: "eve/orders:view").status == 403)
        let missing = try await world.caller.send(
            .put, path, ["version": 99, "reason": "x"], as: PolicyWorld.administrator)
        #expect(missing.status == 422 && missing.problem == "no-such-version")
        let unreasoned = try await world.caller.send(.put, path, ["version": 1], as: PolicyWorld.administrator)
        #expect(unreasoned.status == 422 || unreasoned.status == 400)
    }

    @Test("decisions beyond what can wait are counted and cost nothing")
    func overload() async throws {
        let world = try await world()
        try await world.service.versions.setShadow(1, Act(subject: "ada", at: world.now))
        try await world.service.follower.follow()
        let snapshot = try world.service.point.snapshot()
        let shadow = ShadowEvaluation(point: world.service.point, clock: { world.now })
        let question = try AccessQuestion([
            "subject": ["type": "User", "id": "alice"], "action": ["name": "positions:view"],
            "resource": ["type": "Desk", "id": "fx"], "context": ["amr": ["pwd"], "client_certificate": false],
        ])
        let prepared = try PreparedQuestion(
            question, principal: try #require(question.subject.uid), action: "positions:view",
            resource: try #require(question.resource.uid), snapshot,
            roles: AssignedRoles(), now: world.now)
        let verdict = snapshot.policies.compiled.authorize(prepared.request, in: snapshot.store)
        for _ in 0..<(ShadowEvaluation.capacity + 10) {
            shadow.note(
                .init(
                    request: prepared.request, entities: [], verdict: verdict, outcome: .allowed, snapshot: snapshot,
                    at: world.now))
        }
        shadow.drain(for: .seconds(60))
        let report = try #require(shadow.report())
        #expect(report.same == UInt64(ShadowEvaluation.capacity) && report.skipped == 10)
        shadow.note(
            .init(
                request: prepared.request, entities: [], verdict: verdict, outcome: .allowed, snapshot: snapshot,
                at: world.now))
        shadow.drain(for: .zero)
        #expect(shadow.report()?.skipped == 11, "what exceeds the time is counted as well")
    }

    @Test("a report tells at most a thousand kinds apart")
    func bounded() {
        var report = ShadowReport(.init(activeSequence: 1, activeVersion: 1, shadowVersion: 2), since: 0)
        for index in 0..<(ShadowReport.maximumKinds + 7) {
            let kind = ShadowReport.Kind(
                action: "a\(index)", principalType: "User", resourceType: "Desk", active: .allow, shadow: .deny,
                activePolicies: [], shadowPolicies: [])
            report.add(kind, .init(principal: "p", resource: "r", at: Int64(index)), withErrors: index == 0)
        }
        #expect(report.kinds == ShadowReport.maximumKinds && report.leftOut == 7)
        #expect(report.different == UInt64(ShadowReport.maximumKinds + 7) && report.errors == 1)
        #expect(report.json["differences"]?.array?.count == ShadowReport.maximumKinds)
    }
}
