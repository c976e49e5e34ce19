import Foundation
import StrictJSON
import TestSupport
import Testing

/// Roles that policy-service gives and token-service puts into tokens, over the whole system.
@Suite("Roles over the system")
struct RoleTests {
    private static let path = "/v1/assignments"

    private func assign(
        _ role: String, to person: TestPerson, scope: JSONValue? = nil, _ policies: PolicySystem
    ) async throws -> Int64 {
        var body: JSONObject = ["subject": .string(person.id), "role": .string(role), "reason": "test"]
        body["scope"] = scope
        let made = try await policies.system.policies.call(
            "POST", RoleTests.path, json: .object(body), token: try await policies.system.adminToken()
        ).require(201)
        return try #require(made.json["id"]?.int)
    }

    private func end(_ assignment: Int64, _ policies: PolicySystem) async throws {
        let answer = try await policies.system.policies.call(
            "DELETE", "\(RoleTests.path)/\(assignment)", token: try await policies.system.adminToken())
        #expect((200...204).contains(answer.status), "\(answer.text)")
    }

    /// Refreshes until the token has, or has no more, a role for desk fx.
    private func refreshed(
        _ session: TestPerson.Session, until role: String, isHeld: Bool, _ http: TestHTTP
    ) async throws -> TestPerson.Session {
        var session = session
        return try await eventuallyValue("the role \(role) is \(isHeld ? "" : "not ")held", within: .seconds(15)) {
            session = try await refreshed(session, http)
            let held = try claims(session.access)["scoped_roles"]?.array?.contains { $0["role"]?.string == role }
            return (held ?? false) == isHeld ? session : nil
        }
    }

    private func refreshed(_ session: TestPerson.Session, _ http: TestHTTP) async throws -> TestPerson.Session {
        try TestPerson.Session(try await http.refresh(session.refresh).require(200))
    }

    private func claims(_ token: String) throws -> JSONValue {
        let part = try #require(token.split(separator: ".").dropFirst().first)
        return try JSONValue(parsing: try #require(base64URL(String(part))))
    }

    private func base64URL(_ text: String) -> [UInt8]? {
        let plain = text.replacing("-", with: "+").replacing("_", with: "/")
        let padded = plain + String(repeating: "=", count: (4 - plain.count % 4) % 4)
        return Data(base64Encoded: padded).map { Array($0) }
    }

    @Test("a role for one desk is given without signing anybody out, and taken away at every replica")
    func scoped() async throws {
        var options = TestSystemOptions()
        options.replicas = 2
        options.store = .postgres
        try await PolicySystem.run(options) { policies in
            let system = policies.system
            let person = try await system.person("viewer")
            try await policies.put([
                PolicySystem.entity("User", person.id, [:], ("Desk", "fx"))
            ])
            var session = try await person.signIn(system.http)
            func place() async throws -> Int {
                try await system.orders.call(
                    "POST", "/v1/orders", json: ["symbol": "EURUSD", "side": "buy", "quantity": 5],
                    token: session.access
                ).status
            }
            #expect(try await place() == 403)
            let assignment = try await assign("trader", to: person, scope: ["type": "Desk", "id": "fx"], policies)
            session = try await refreshed(session, until: "trader", isHeld: true, system.http(1))
            try await eventually("the order is placed") { try await place() == 201 }
            // For another desk it is worth nothing.
            try await end(assignment, policies)
            try await eventually("the token is refused", within: .seconds(5)) { try await place() == 401 }
            for replica in [0, 1] {
                session = try await refreshed(session, until: "trader", isHeld: false, system.http(replica))
            }
            #expect(try await place() == 403)
            let elsewhere = try await assign("trader", to: person, scope: ["type": "Desk", "id": "rates"], policies)
            session = try await refreshed(session, until: "trader", isHeld: true, system.http)
            #expect(try await place() == 403)
            try await end(elsewhere, policies)
        }
    }

    @Test("what was taken away while token-service was down is void when it is back")
    func takenAwayMeanwhile() async throws {
        try await PolicySystem.run { policies in
            let system = policies.system
            let person = try await system.person("viewer")
            var session = try await person.signIn(system.http)
            let assignment = try await assign("trader", to: person, scope: ["type": "Desk", "id": "fx"], policies)
            session = try await refreshed(session, until: "trader", isHeld: true, system.http)
            let token = try await system.adminToken()
            let service = system.tokenServices[0]
            service.kill()
            // policy-service knows the administrator's token by its keys and its feed.
            let ended = try await system.policies.call("DELETE", "\(RoleTests.path)/\(assignment)", token: token)
            #expect((200...204).contains(ended.status), "\(ended.text)")
            try await service.start()
            try await eventually("the token is refused", within: .seconds(20)) {
                let answer = try await system.orders.call("GET", "/v1/orders", token: session.access)
                return answer.status == 401
            }
            _ = try await refreshed(session, until: "trader", isHeld: false, system.http)
        }
    }

    @Test("with policy-service dead token-service goes on by what it keeps, and an elevation ends on time")
    func withoutPolicyService() async throws {
        try await PolicySystem.run { policies in
            let system = policies.system
            var session = try await policies.manager.signIn(system.http)
            let asked = try await system.policies.call(
                "POST", "/v1/elevations",
                json: [
                    "role": "risk-override", "scope": ["type": "Desk", "id": "fx"], "seconds": 20, "reason": "test",
                ], token: session.access
            ).require(201)
            let id = try #require(asked.json["id"]?.int)
            try await system.policies.call(
                "POST", "/v1/elevations/\(id)/approve", json: [:], token: try await system.adminToken()
            ).require(200)
            session = try await refreshed(session, until: "risk-override", isHeld: true, system.http)
            try policies.policyService().kill()
            await system.tokenServices[0].terminate()
            try await system.tokenServices[0].start()
            session = try await refreshed(session, system.http)
            let held = try claims(session.access)
            #expect(held["scoped_roles"]?.array?.first?["role"]?.string == "risk-override")
            let end = try #require(held["exp"]?.int)
            #expect(end <= Int64(Date().timeIntervalSince1970) + 20)
            try await eventually("the elevation ends", within: .seconds(30)) {
                try await system.orders.call("GET", "/v1/orders", token: session.access).status == 401
            }
            session = try await refreshed(session, system.http)
            #expect(try claims(session.access)["scoped_roles"] == nil)
        }
    }
}
