import Database
import StrictJSON
import Testing

@testable import PolicyService

@Suite("Policies over HTTP")
struct PoliciesAPITests {
    @Test("the shipped policies validate strictly and pass their tests", arguments: [true])
    func shipped(_: Bool) async throws {
        let checks = PolicyChecks.run(try FirstPolicies.read(PolicyWorld.shipped))
        #expect(checks.errors.isEmpty, "\(checks.errors)")
        #expect(checks.tests.count >= 25)
        #expect(checks.warnings.isEmpty, "\(checks.warnings)")
    }

    @Test(
        "a version is stored when it is valid, proposed by one, approved by another, and rolled back by a higher number"
    )
    func lifeOfAVersion() async throws {
        let world = try await PolicyWorld()
        let admin = PolicyWorld.administrator
        let files = try PolicyWorld.files(
            PolicyWorld.shipped,
            [
                "extra.cedar":
                    "@id(\"extra\") permit (principal in Role::\"admin\", action == Action::\"killswitch:use\", resource is Desk);"
            ])
        let stored = try await world.caller.send(
            .post, "/v1/policies/versions", ["files": files, "reason": "more"], as: admin)
        #expect(stored.status == 201 && stored["version"]?.int == 2, "\(stored.json)")
        #expect(stored["warnings"]?.array?.isEmpty == false, "another permit covers it")
        let proposed = try await world.caller.send(
            .post, "/v1/policies/activations", ["version": 2, "reason": "go"], as: admin)
        #expect(proposed.status == 201 && proposed["state"]?.string == "proposed")
        let id = try #require(proposed["id"]?.int)
        let own = try await world.caller.send(.post, "/v1/policies/activations/\(id)/approve", as: admin)
        #expect(own.status == 403 && own.problem == "four-eyes")
        #expect(try world.service.point.snapshot().policies.version == 1)
        let approved = try await world.caller.send(
            .post, "/v1/policies/activations/\(id)/approve", as: PolicyWorld.second)
        #expect(approved.status == 200 && approved["sequence"]?.int == 2, "\(approved.json)")
        #expect(try world.service.point.snapshot().policies.version == 2)
        let again = try await world.caller.send(
            .post, "/v1/policies/activations/\(id)/approve", as: PolicyWorld.second)
        #expect(again.status == 409)
        let back = try await world.caller.send(.post, "/v1/policies/rollback", ["reason": "harm"], as: admin)
        #expect(back.status == 201 && back["version"]?.int == 1 && back["sequence"]?.int == 3, "\(back.json)")
        #expect(try world.service.point.snapshot().policies.version == 1)
        let events = try await world.events()
        #expect(events.filter { $0 == "org.jts.policy.policies-activated" }.count == 3)
        #expect(events.filter { $0 == "org.jts.security.policy-activated" }.count == 3)
    }

    @Test("what is not valid is not stored, and everything that is wrong is said with file and line")
    func invalid() async throws {
        let world = try await PolicyWorld()
        let files = try PolicyWorld.files(
            PolicyWorld.shipped,
            [
                "broken.cedar": "permit (principal, action, resource)\nwhen { resource.nope == };",
                "typed.cedar": "permit (principal, action == Action::\"orders:nothing\", resource);",
            ])
        let answer = try await world.caller.send(
            .post, "/v1/policies/versions", ["files": files, "reason": "x"], as: PolicyWorld.administrator)
        #expect(answer.status == 422 && answer.problem == "invalid-policies")
        let messages = (answer["errors"]?.array ?? []).compactMap { $0["message"]?.string }
        #expect(messages.contains { $0.hasPrefix("broken.cedar:2:") }, "\(messages)")
        let checked = try await world.caller.send(
            .post, "/v1/policies/check",
            [
                "files": try PolicyWorld.files(
                    PolicyWorld.shipped,
                    ["typed.cedar": "permit (principal, action == Action::\"orders:nothing\", resource);"])
            ],
            as: PolicyWorld.administrator)
        #expect(checked.status == 200 && checked["valid"]?.bool == false)
        let list = try await world.caller.send(.get, "/v1/policies/versions", as: PolicyWorld.administrator)
        #expect(list["versions"]?.array?.count == 1)
    }

    @Test("a failing test keeps a version out")
    func failingTest() async throws {
        let world = try await PolicyWorld()
        let files = try PolicyWorld.files(
            PolicyWorld.shipped, ["open.cedar": "@id(\"open\") permit (principal, action, resource);"])
        let answer = try await world.caller.send(
            .post, "/v1/policies/versions", ["files": files, "reason": "x"], as: PolicyWorld.administrator)
        #expect(answer.status == 422)
        #expect((answer["errors"]?.array ?? []).contains { $0["kind"]?.string == "test" })
    }

    @Test("administration needs the permission and a fresh second factor")
    func access() async throws {
        let world = try await PolicyWorld()
        let body: JSONValue = ["version": 1, "reason": "x"]
        #expect(try await world.caller.send(.post, "/v1/policies/activations", body, as: nil).status == 401)
        #expect(
            try await world.caller.send(.post, "/v1/policies/activations", body, as: "eve/policies:read").status == 403)
        let stale = try await world.caller.send(
            .post, "/v1/policies/activations", body, as: "eve!/policies:activate")
        #expect(stale.status == 401 || stale.status == 403)
        #expect(stale.problem == "step-up-required")
    }

    @Test("a difference is told line by line")
    func diff() async throws {
        let world = try await PolicyWorld()
        let before = try FirstPolicies.read(PolicyWorld.shipped).files["limits.cedar"] ?? ""
        let files = try PolicyWorld.files(
            PolicyWorld.shipped, ["limits.cedar": before.replacing("The venue is closed.", with: "Closed.")])
        _ = try await world.caller.send(
            .post, "/v1/policies/versions", ["files": files, "reason": "x"], as: PolicyWorld.administrator)
        let diff = try await world.caller.send(
            .get, "/v1/policies/versions/2/diff", as: PolicyWorld.administrator)
        let lines = diff["files"]?.array?.first?["lines"]?.strings ?? []
        #expect(lines.contains("-@reason(\"The venue is closed.\")") && lines.contains("+@reason(\"Closed.\")"))
        #expect(diff["files"]?.array?.count == 1)
    }

    @Test("a schema that stored entities do not fit cannot be activated")
    func entitiesMustFit() async throws {
        let world = try await PolicyWorld()
        try await world.put([
            ["uid": ["type": "Platform", "id": "platform"], "attrs": ["halted": false], "parents": []]
        ])
        let schema = try FirstPolicies.read(PolicyWorld.shipped).files["schema.cedarschema"] ?? ""
        let files = try PolicyWorld.files(
            PolicyWorld.shipped,
            [
                "schema.cedarschema": schema.replacing(
                    "entity Platform {\n", with: "entity Platform {\n  region: String,\n")
            ], withoutTests: true)
        let stored = try await world.caller.send(
            .post, "/v1/policies/versions", ["files": files, "reason": "x"], as: PolicyWorld.administrator)
        #expect(stored.status == 201, "\(stored.json)")
        let proposed = try await world.caller.send(
            .post, "/v1/policies/activations", ["version": 2, "reason": "x"], as: PolicyWorld.administrator)
        #expect(proposed.status == 409 && proposed.problem == "entities-do-not-fit", "\(proposed.json)")
    }

    @Test("another replica on the same database follows")
    func replicas() async throws {
        for dialect in [SQLDialect.sqlite, .postgres] {
            let first = try await PolicyWorld(dialect)
            let second = try await PolicyWorld(dialect, replicaOf: first)
            try await first.activate(
                try PolicyWorld.files(
                    PolicyWorld.shipped,
                    [
                        "more.cedar":
                            "@id(\"more\") forbid (principal, action == Action::\"orders:view\", resource) when { context.amr.isEmpty() };"
                    ]))
            try await first.put([
                ["uid": ["type": "Platform", "id": "platform"], "attrs": ["halted": true], "parents": []]
            ])
            try await second.service.follower.follow()
            let snapshot = try second.service.point.snapshot()
            #expect(snapshot.policies.version == 2)
            #expect(snapshot.storedEntities.count == 1)
        }
    }
}
