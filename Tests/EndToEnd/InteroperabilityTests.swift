import Foundation
import JOSE
import StrictJSON
import TestSupport
import Testing

/// Clients that nobody here wrote, unmodified: Authlib, PyJWT, jwcrypto, joserfc.
@Suite struct InteroperabilityTests {
    @Test func otherPeoplesClients() async throws {
        let system = try await SharedSystem.get()
        let trader = try await system.person("trader", enrol: false)
        let session = try await trader.signIn(system.http)
        let other = try await trader.signIn(system.http)
        let admin = try await system.adminToken()
        let secretClient = try await system.http.call(
            "POST", "/v1/service-accounts",
            json: [
                "client_id": .string("authlib-\(UUID().uuidString.prefix(6).lowercased())"),
                "permissions": ["tokens:introspect"],
            ], token: admin
        ).require(201)
        let keyClient = "keyed-\(UUID().uuidString.prefix(6).lowercased())"
        // The script makes the key, so that its private part never leaves it; it registers the public one.
        let output = try await python(
            "interoperability.py",
            [
                "issuer": .string(system.http.url), "access_token": .string(session.access),
                "refresh_token": .string(session.refresh), "other_access_token": .string(other.access),
                "subject": .string(trader.id), "admin_token": .string(admin), "keyed_client": .string(keyClient),
                "client_id": .string(try secretClient.string("client_id")),
                "client_secret": .string(try secretClient.string("client_secret")),
            ])
        for step in [
            "metadata", "pyjwt", "joserfc", "jwcrypto", "authlib jwt", "refresh", "secret basic",
            "secret post", "private_key_jwt", "introspection", "revocation", "assertion replay",
        ] {
            #expect(output.contains("\(step): ok"), "\(step) is missing in \(output)")
        }
    }

    /// Tokens that these libraries make are verified by our code alike.
    @Test func theirTokens() async throws {
        let output = try await python("make_tokens.py", [:])
        let lines = output.split(separator: "\n")
        try #require(lines.count == 16)
        for line in lines {
            let entry = try JSONValue(parsing: String(line))
            let label = "\(entry["library"]?.string ?? "") \(entry["alg"]?.string ?? "")"
            let key = try JWK(json: try #require(entry["jwk"]))
            let jws = try CompactJWS(parsing: try #require(entry["token"]?.string))
            #expect(throws: Never.self, "\(label)") { try jws.verify(with: JWKSet(keys: [key])) }
            let claims = try JWTClaims(payload: jws.payload)
            #expect(claims.issuer == "https://other.example", "\(label)")
            // One changed byte of the payload, and it is no longer theirs.
            var parts = try #require(entry["token"]?.string).split(separator: ".").map(String.init)
            parts[1] = Base64URL.encode(Array(#"{"iss":"https://evil.example"}"#.utf8))
            let forged = try CompactJWS(parsing: parts.joined(separator: "."))
            #expect(throws: JOSEError.self, "\(label)") { try forged.verify(with: JWKSet(keys: [key])) }
        }
    }
}
