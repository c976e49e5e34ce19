import Contracts
import HTTPTypes
import JOSE
import RouteTesting
import SecurityClient
import StrictJSON
import Testing

@testable import PolicyService

/// Who does what in the tests of roles, as `NamingAuthenticator` knows them.
enum RoleCallers {
    static let administration =
        "roles:read,roles:write,assignments:write,assignments:end,elevations:approve,elevations:end"
    static let ada = "ada/\(administration)/admin"
    static let bob = "bob/\(administration)/admin"
    static let rita = "rita/roles:read,elevations:request,elevations:approve,elevations:end/risk-manager"
    static let rolf = "rolf/roles:read,elevations:request,elevations:approve,elevations:end/risk-manager"
    static let tom = "tom/elevations:request/trader"
    static let client = "token-service/bundles:read"
    static let decider = "svc/decisions:evaluate,policies:read"
}

extension PolicyWorld {
    /// Assigns a role as ada.
    func assign(
        _ role: String, to subject: String, scope: JSONValue? = nil, startsIn: Int64? = nil, endsIn: Int64? = nil,
        as caller: String = RoleCallers.ada
    ) async throws -> RouteCaller.Answer {
        var body: JSONObject = ["subject": .string(subject), "role": .string(role), "reason": "test"]
        body["scope"] = scope
        body["starts_at"] = startsIn.map { .string(RFC3339.string(milliseconds: now + $0)) }
        body["ends_at"] = endsIn.map { .string(RFC3339.string(milliseconds: now + $0)) }
        return try await self.caller.send(.post, "/v1/assignments", .object(body), as: caller)
    }

    /// Asks for the override of risk limits as rita.
    func ask(
        seconds: Int64 = 600, role: String = "risk-override", scope: JSONValue? = nil,
        as caller: String = RoleCallers.rita
    ) async throws -> RouteCaller.Answer {
        var body: JSONObject = ["role": .string(role), "seconds": .int(seconds), "reason": "a large client"]
        body["scope"] = scope
        return try await self.caller.send(.post, "/v1/elevations", .object(body), as: caller)
    }

    /// Has an elevation of rita's approved by bob.
    func elevated(seconds: Int64 = 600, scope: JSONValue? = nil) async throws -> RouteCaller.Answer {
        let asked = try await ask(seconds: seconds, scope: scope)
        let id = try #require(asked["id"]?.int, "\(asked.json)")
        return try await caller.send(.post, "/v1/elevations/\(id)/approve", as: RoleCallers.bob)
    }

    /// The bundle of roles as a client fetches it, checked against its statement.
    func roles(after: Int64? = nil) async throws -> RolesBundle {
        // Keys that were not read for a while sign nothing.
        try await service.rotation.maintain()
        let path = "/v1/bundles/roles" + (after.map { "?after=\($0)" } ?? "")
        let answer = try await caller.send(.get, path, as: RoleCallers.client)
        let text = try #require(answer.headers[.policyStatement], "\(answer.status) \(answer.json)")
        let keys = try JWKSet(json: try await caller.send(.get, "/.well-known/jwks.json", as: nil).json)
        let statement = try PolicyStatement(verifying: text, kind: .roles, issuer: "policy-service") { id, algorithm in
            keys[id].flatMap { try? VerificationKey(jwk: $0, algorithm: algorithm) }
        }
        try statement.check(answer.bytes)
        let bundle = try RolesBundle(body: answer.bytes)
        #expect(statement.sequence == bundle.sequence && statement.from == bundle.from)
        return bundle
    }

    /// The security events of some kinds that wait in the outbox.
    func securityEvents(_ kinds: Set<SecurityEvent.Kind>) async throws -> [JSONValue] {
        try await platform.database.query("SELECT payload FROM outbox_events ORDER BY id").compactMap {
            row -> JSONValue? in
            let event = try JSONValue(parsing: try row.text("payload"))
            let type = event["type"]?.string ?? ""
            // `nil` alone would be JSON's null.
            return kinds.contains { type == "org.jts.security.\($0.rawValue)" } ? event : Optional.none
        }
    }
}
