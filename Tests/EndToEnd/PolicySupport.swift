import Foundation
import StrictJSON
import TestSupport
import Testing

/// A system whose order-api decides by policy-service's policies: a desk, an instrument, a trader with a limit and a risk
/// manager.
struct PolicySystem: Sendable {
    static let limit: Int64 = 1_000

    let system: TestSystem
    let trader: String
    let manager: TestPerson
    let managerToken: String

    /// Starts it, lets the test use it, and ends it whatever happens.
    static func run(
        _ options: TestSystemOptions = TestSystemOptions(), _ body: (PolicySystem) async throws -> Void
    ) async throws {
        var options = options
        options.runsPolicyService = true
        try await withSystem(options) { system in
            do {
                try await body(try await PolicySystem(furnishing: system))
            } catch {
                for log in system.logs { print("--- end of a log\n\(log.suffix(3_000))") }
                throw error
            }
        }
    }

    private init(furnishing system: TestSystem) async throws {
        self.system = system
        let person = try await system.person("trader", enrol: false)
        trader = try await person.signIn(system.http).access
        manager = try await system.person("risk-manager")
        managerToken = try await manager.signIn(system.http).access
        try await put([
            Self.entity("Platform", "platform", ["halted": false]),
            Self.entity(
                "Desk", "fx", ["halted": false, "order_limit": 1_000_000, "networks": []], ("Platform", "platform")),
            Self.entity("Instrument", "EURUSD", ["halted": false]),
            Self.entity("User", person.id, ["order_limit": .int(Self.limit)], ("Desk", "fx")),
        ])
        try await untilPlaced(within: .seconds(20))
    }

    static func entity(
        _ type: String, _ id: String, _ attributes: JSONValue, _ parent: (String, String)? = nil
    ) -> JSONValue {
        [
            "uid": ["type": .string(type), "id": .string(id)], "attrs": attributes,
            "parents": .array(parent.map { [["type": .string($0.0), "id": .string($0.1)]] } ?? []),
        ]
    }

    // MARK: Parts

    func policyService() throws -> TestService { try #require(system.policyService) }
    func orderAPI() throws -> TestService { try #require(system.orderAPI) }

    // MARK: Administration

    func put(_ entities: [JSONValue]) async throws {
        try await system.policies.call(
            "POST", "/v1/entities", json: ["put": .array(entities), "reason": "test"],
            token: try await system.adminToken()
        ).require(200)
    }

    /// The shipped set without its tests, and with a policy that lets only small orders through.
    static func smallOrdersOnly(below notional: Int) throws -> JSONValue {
        let root = Project.file("policies")
        var files: JSONObject = [:]
        for path in (FileManager.default.enumerator(atPath: root)?.compactMap { $0 as? String } ?? []).sorted()
        where !path.hasPrefix("tests") && [".cedar", ".json", ".cedarschema"].contains(where: path.hasSuffix) {
            files[path] = .string(try String(contentsOfFile: root + "/" + path, encoding: .utf8))
        }
        files["small.cedar"] = .string(
            """
            @id("small-orders-only")
            forbid (principal, action == Action::"orders:place", resource is Order)
            when { resource.notional > \(notional) };
            """)
        return .object(files)
    }

    /// Stores a set.
    /// - Returns: its number.
    func store(_ files: JSONValue) async throws -> Int64 {
        let stored = try await system.policies.call(
            "POST", "/v1/policies/versions", json: ["files": files, "reason": "test"],
            token: try await system.adminToken()
        ).require(201)
        return try #require(stored.json["version"]?.int)
    }

    /// - Returns: the number of the proposal.
    func propose(_ version: Int64) async throws -> Int64 {
        let proposed = try await system.policies.call(
            "POST", "/v1/policies/activations", json: ["version": .int(version), "reason": "test"],
            token: try await system.adminToken()
        ).require(201)
        return try #require(proposed.json["id"]?.int)
    }

    func approve(_ activation: Int64, as token: String) async throws -> TestHTTP.Answer {
        try await system.policies.call("POST", "/v1/policies/activations/\(activation)/approve", token: token)
    }

    func rollBack() async throws {
        try await system.policies.call(
            "POST", "/v1/policies/rollback", json: ["reason": "test"], token: managerToken
        ).require(201)
    }

    // MARK: Orders

    func place(_ quantity: Int64) async throws -> TestHTTP.Answer {
        try await system.orders.call(
            "POST", "/v1/orders", json: ["symbol": "EURUSD", "side": "buy", "quantity": .int(quantity)], token: trader,
            headers: ["Idempotency-Key": UUID().uuidString])
    }

    func cancel(_ order: String) async throws -> TestHTTP.Answer {
        try await system.orders.call("DELETE", "/v1/orders/\(order)", token: trader)
    }

    /// Waits until an order is placed.
    /// - Returns: its id.
    @discardableResult
    func untilPlaced(_ quantity: Int64 = 10, within limit: Duration = .seconds(15)) async throws -> String {
        let last = Box("")
        do {
            return try await eventuallyValue("an order is placed", within: limit, poll: .milliseconds(50)) {
                let answer = try await place(quantity)
                last.value = "\(answer.status) \(answer.text)"
                return answer.status == 201 ? try answer.string("id") : nil
            }
        } catch { throw TestHTTP.Unexpected(description: "\(error): \(last.value)") }
    }

    /// Waits until an order is refused by a policy.
    @discardableResult
    func untilRefused(by policy: String, _ quantity: Int64 = 10) async throws -> TestHTTP.Answer {
        try await eventuallyValue("\(policy) refuses", within: .seconds(15), poll: .milliseconds(50)) {
            let answer = try await place(quantity)
            return answer.status == 403 && answer.json["policies"]?.strings == [policy] ? answer : nil
        }
    }
}
