import Foundation
import StrictJSON
import TestSupport
import Testing

/// Every route of policy-service with everything that should not be there. Afterwards it still runs, decides as before, and none of
/// the run's secrets stands in a log.
@Suite struct PolicyFuzzTests {
    /// Shows that it still decides, and decides rightly.
    private static let question: JSONValue = [
        "subject": ["type": "User", "id": "fuzz-member"], "action": ["name": "positions:view"],
        "resource": ["type": "Desk", "id": "fuzz"], "context": ["amr": ["pwd"], "client_certificate": false],
    ]

    /// - Parameter body: gets a token that opens every route.
    private func withWorld(_ body: (TestSystem, String) async throws -> Void) async throws {
        let folder = try TemporaryDirectory("jts-roles")
        let roles = try folder.write(try Self.roles(), to: "roles.yaml")
        var options = TestSystemOptions()
        options.runsPolicyService = true
        options.runsOrderAPI = false
        options.environment = ["TRUSTED_PROXIES": "127.0.0.1", "ROLES_FILE": roles]
        options.policyEnvironment = ["TRUSTED_PROXIES": "127.0.0.1", "ROLES_FILE": roles]
        try await withSystem(options) { system in
            let token = try await system.adminToken()
            try await system.policies.call(
                "POST", "/v1/entities",
                json: [
                    "put": [
                        [
                            "uid": ["type": "Desk", "id": "fuzz"],
                            "attrs": ["halted": false, "order_limit": 5, "networks": []], "parents": [],
                        ],
                        [
                            "uid": ["type": "User", "id": "fuzz-member"], "attrs": [:],
                            "parents": [["type": "Desk", "id": "fuzz"]],
                        ],
                    ], "reason": "test",
                ], token: token
            ).require(200)
            let service = try #require(system.policyService)
            let pid = service.pid
            do {
                try await body(system, token)
                #expect(service.pid == pid && service.isRunning)
                try await decides(system)
            } catch {
                print("--- end of the log\n\(service.log.suffix(4_000))")
                throw error
            }
        }
    }

    /// The shipped roles, with an administrator who may do everything that a route here asks for.
    private static func roles() throws -> String {
        let text = try String(contentsOfFile: Project.file("deploy/config/roles.yaml"), encoding: .utf8)
        let admin = try #require(text.range(of: "\n  admin:\n"))
        let list = try #require(text.range(of: "    permissions:\n", range: admin.upperBound..<text.endIndex))
        return text[..<list.upperBound]
            + "      - decisions:evaluate\n      - bundles:read\n      - elevations:request\n"
            + text[list.upperBound...]
    }

    private func decides(_ system: TestSystem) async throws {
        let answer = try await system.policies.call(
            "POST", "/access/v1/evaluation", json: Self.question, token: try await system.adminToken()
        ).require(200)
        #expect(answer.json["decision"]?.bool == true, "\(answer.text)")
        let isReady = await system.policyService?.isReady
        #expect(isReady == true)
    }

    // MARK: - The document

    /// What may take the administrator's permissions away comes last.
    private static let fatal = "^/v1/(roles|constraints|assignments|elevations)"

    @Test func schemathesis() async throws {
        try await withWorld { system, token in
            let document = Project.file("docs/openapi/policy-service.yaml")
            let url = system.policies.url
            try await Fuzzing.schemathesis(document, url, token: nil)
            try await Fuzzing.schemathesis(document, url, token: token, ["--exclude-path-regex", Self.fatal])
            try await decides(system)
            try await Fuzzing.schemathesis(document, url, token: token, ["--include-path-regex", Self.fatal])
        }
    }

    // MARK: - Bodies

    /// JSONTestSuite at every route that takes JSON.
    @Test func jsonTestSuite() async throws {
        try await withWorld { system, token in
            let bodies = try await Fuzzing.conformanceBodies()
            try #require(bodies.count > 200)
            let routes = try await Fuzzing.jsonRoutes(system.policies)
            try #require(routes.contains { $0.1 == "/access/v1/search/subject" } && routes.count > 12)
            for (method, path) in routes {
                let answers = try await Fuzzing.inParallel(bodies) { name, body in
                    let answer = try await system.policies.call(
                        method, path, body: body, token: token,
                        headers: freshAddress().merging(["Content-Type": "application/json"]) { $1 })
                    return (name, answer)
                }
                for (name, answer) in answers {
                    #expect(answer.status < 500, "\(method) \(path) \(name): \(answer.status) \(answer.text)")
                    if answer.status >= 400 {
                        #expect(answer.header("Content-Type") == "application/problem+json")
                        #expect(answer.json["type"]?.string?.hasPrefix("urn:jts:problem:") == true)
                    }
                    // What is no JSON is never taken.
                    if name.hasPrefix("n_") {
                        #expect((400..<500).contains(answer.status), "\(method) \(path) \(name): \(answer.status)")
                    }
                    #expect(answer.status != 401, "\(method) \(path): the token has ended")
                }
            }
        }
    }

    /// Where whole sets of policies, entities or reports come.
    private static let takingMore: Set = [
        "/v1/policies/versions", "/v1/policies/check", "/v1/entities", "/v1/policies/shadow/reports",
    ]

    @Test func otherBodies() async throws {
        try await withWorld { system, token in
            for (method, path) in try await Fuzzing.jsonRoutes(system.policies) {
                func send(_ body: [UInt8], _ type: String) async throws -> Int {
                    try await system.policies.call(
                        method, path, body: body, token: token,
                        headers: freshAddress().merging(["Content-Type": type]) { $1 }
                    ).status
                }
                let label: Comment = "\(method) \(path)"
                #expect(try await send(Array("{}".utf8), "text/plain") == 415, label)
                #expect(try await send(Array("a=1".utf8), "application/x-www-form-urlencoded") == 415, label)
                let deep = String(repeating: #"{"a":"#, count: 40) + "1" + String(repeating: "}", count: 40)
                #expect(try await send(Array(deep.utf8), "application/json") == 400, label)
                #expect(try await send(Array(#"{"a":1,"a":2}"#.utf8), "application/json") == 400, label)
                #expect(try await send([0x7B, 0x22, 0xFF, 0x22, 0x3A, 0x31, 0x7D], "application/json") == 400, label)
                let large = [UInt8](repeating: UInt8(ascii: " "), count: (1 << 20) + 1)
                #expect(
                    try await send(large, "application/json") == (Self.takingMore.contains(path) ? 400 : 413), label)
            }
        }
    }
}
