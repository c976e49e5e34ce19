import Foundation
import NIOCore
import StrictJSON
import TestSupport

/// The two hot routes of policy-service against a bare `POST` of the same sizes: an AuthZEN evaluation of an order by the
/// shipped policies, and forward-auth as nginx asks it.
enum DecisionsBench {
    private static let question = """
        {"subject":{"type":"User","id":"alice"},"action":{"name":"orders:place"},"resource":{"type":"Order","id":"o1",\
        "properties":{"notional":5,"owner":{"__entity":{"type":"User","id":"alice"}},"desk":{"__entity":{"type":"Desk",\
        "id":"fx"}},"instrument":{"__entity":{"type":"Instrument","id":"EURUSD"}}}},\
        "context":{"amr":["pwd","otp"],"client_certificate":false}}
        """

    static func run(_ report: inout Report) async throws {
        var options = TestSystemOptions()
        options.runsOrderAPI = false
        options.runsPolicyService = true
        options.policyEnvironment = ["FORWARD_AUTH_ROUTES_FILE": Project.file("deploy/config/forward-auth.json")]
        let system = try await TestSystem(options)
        guard let service = system.policyService else { throw Failure(what: "policy-service is not there") }
        try await PolicyBenchSystem.furnish(system)
        let bare = try await BareProcess()

        let caller = try await PolicyBenchSystem.token(of: "decider", ["decisions:evaluate"], system)
        let json = [
            ("Content-Type", "application/json"), ("Authorization", "Bearer \(caller)"),
            ("Accept", "application/json"),
        ]
        let evaluation = Load.request("POST", "/access/v1/evaluation", headers: json, body: question)
        let decided = try await one(evaluation, service.port)
        guard try JSONValue(parsing: decided)["decision"]?.bool == true else {
            throw Failure(what: "not allowed: \(String(decoding: decided, as: UTF8.self))")
        }
        try await HotRouteBench(
            name: "evaluation", service: (service.pid, service.port), bare: bare.served, request: evaluation,
            bareRequest: Load.request("POST", "/bare/\(decided.count)", headers: json, body: question)
        ).run().add(to: &report, "decisions: AuthZEN evaluation")

        let trader = try await system.person("trader", enrol: false).signIn(system.http).access
        let described = [
            ("Authorization", "Bearer \(trader)"), ("X-Original-Method", "GET"), ("X-Original-URI", "/v1/orders"),
            ("X-Forwarded-For", "10.1.2.3"),
        ]
        let forwarded = Load.request("GET", "/v1/forward-auth", headers: described)
        _ = try await one(forwarded, service.port)
        try await HotRouteBench(
            name: "forward-auth", service: (service.pid, service.port), bare: bare.served, request: forwarded,
            bareRequest: Load.request("POST", "/bare/0", headers: described)
        ).run().add(to: &report, "decisions: forward-auth")
        await system.shutdown()
    }

    private static func one(_ request: ByteBuffer, _ port: Int) async throws -> [UInt8] {
        let answer = try await LoadConnection.with(port: port) { try await $0.send(request) }
        guard answer.status == 200 else {
            throw Failure(what: "\(answer.status): \(String(decoding: answer.body, as: UTF8.self))")
        }
        return answer.body
    }
}

/// What the benchmarks of policy-service need of it.
enum PolicyBenchSystem {
    /// A desk, an instrument, and somebody who trades, by the entity store too.
    static func furnish(_ system: TestSystem) async throws {
        func entity(_ type: String, _ id: String, _ attributes: JSONValue, _ parents: [(String, String)]) -> JSONValue {
            [
                "uid": ["type": .string(type), "id": .string(id)], "attrs": attributes,
                "parents": .array(parents.map { ["type": .string($0.0), "id": .string($0.1)] }),
            ]
        }
        let entities = [
            entity("Platform", "platform", ["halted": false], []),
            entity(
                "Desk", "fx", ["halted": false, "order_limit": 1_000_000, "networks": []], [("Platform", "platform")]),
            entity("Instrument", "EURUSD", ["halted": false], []),
            entity("User", "alice", ["order_limit": 1_000], [("Desk", "fx"), ("Role", "trader")]),
        ]
        try await system.policies.call(
            "POST", "/v1/entities", json: ["put": .array(entities), "reason": "bench"],
            token: try await system.adminToken()
        ).require(200)
    }

    /// - Returns: an access token of a new service account.
    static func token(of id: String, _ permissions: [String], _ system: TestSystem) async throws -> String {
        let secret = try await system.http.call(
            "POST", "/v1/service-accounts",
            json: [
                "client_id": .string(id), "name": .string(id), "permissions": .array(permissions.map { .string($0) }),
            ], token: try await system.adminToken()
        ).require(201).string("client_secret")
        return try await system.http.call(
            "POST", "/oauth2/token", form: ["grant_type": "client_credentials"], basic: (id, secret)
        ).require(200).string("access_token")
    }
}
