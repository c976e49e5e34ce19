import Foundation
import JOSE
import StrictJSON
import TestSupport
import Testing

@Suite struct TokenTests {
    let folder: TemporaryDirectory
    let key: SigningKey
    let keys: String
    let now = Int64(Date().timeIntervalSince1970)

    init() throws {
        folder = try TemporaryDirectory("jts-cli")
        key = try SigningKey.generate(.ES256)
        keys = try folder.write(JWKSet(keys: [key.publicJWK]).json().encodedString(), to: "jwks.json")
    }

    private func token(_ changes: JSONObject = [:], key other: SigningKey? = nil) throws -> String {
        var claims: JSONObject = [
            "iss": "https://issuer.example", "aud": ["jts", "other"], "sub": "usr_1", "exp": .int(now + 60),
            "iat": .int(now),
        ]
        for (name, value) in changes.members { claims[name] = value == .null ? nil : value }
        return try JWT.sign(payload: .object(claims), with: other ?? key, type: "at+jwt")
    }

    @Test func verifiesFromStandardInputAndAsAnArgument() async throws {
        let token = try token()
        let expected = ["--issuer", "https://issuer.example", "--audience", "jts"]
        for (arguments, input) in [([token], nil), ([], token), ([], token + "\n"), ([], token + "\r\n")] {
            let outcome = try await Command.run(
                ["token", "verify", "--jwks", keys] + expected + arguments, input: input)
            #expect(outcome.status == .exited(0), "\(outcome.errors)")
            #expect(outcome.output == "verified\n")
        }
    }

    static let refusals: [(changes: JSONObject, reason: String)] = [
        (["iss": "https://other.example"], "iss"), (["aud": "other"], "aud"), (["exp": 1], "expired"),
        (["exp": nil], "exp"), (["exp": "soon"], "exp"), (["nbf": 99_999_999_999], "not yet valid"),
    ]

    @Test(arguments: refusals) func refusesClaims(_ changes: JSONObject, _ reason: String) async throws {
        let outcome = try await Command.run(
            [
                "token", "verify", "--jwks", keys, "--issuer", "https://issuer.example", "--audience", "jts",
                try token(changes),
            ])
        #expect(outcome.status == .exited(1))
        #expect(outcome.errors.contains("refused") && outcome.errors.contains(reason), "\(outcome.errors)")
        #expect(outcome.output.isEmpty)
    }

    @Test func signatureOnlyLooksAtNoClaim() async throws {
        let expired = try token(["exp": 1])
        let lenient = try await Command.run(["token", "verify", "--jwks", keys, "--signature-only", expired])
        #expect(lenient.status == .exited(0), "\(lenient.errors)")
        let strict = try await Command.run(["token", "verify", "--jwks", keys, expired])
        #expect(strict.status == .exited(1))
    }

    @Test func refusesForgeries() async throws {
        let good = try token()
        let parts = good.split(separator: ".").map(String.init)
        let none = Base64URL.encode(Array(#"{"alg":"none"}"#.utf8))
        let flipped = String(parts[2].dropFirst()) + String(parts[2].first ?? "A")
        let forgeries = [
            try token(key: SigningKey.generate(.ES256, keyID: key.keyID)),
            try token(key: SigningKey.generate(.ES256)),
            "\(none).\(parts[1]).", "\(none).\(parts[1]).\(parts[2])", "\(parts[0]).\(parts[1]).\(flipped)",
            "\(parts[0]).\(parts[1])", good + ".x", good + "=", good + " ", "x", "..",
        ]
        for forgery in forgeries {
            let outcome = try await Command.run(
                ["token", "verify", "--jwks", keys, "--signature-only"], input: forgery)
            #expect(outcome.status == .exited(1), "\(forgery): \(outcome.output)")
        }
    }

    @Test func wrongUseIsToldApartFromRefusal() async throws {
        let token = try token()
        let broken = try folder.write("{", to: "broken.json")
        for arguments in [
            ["token", "verify", token], ["token", "verify", "--jwks", folder.file("missing"), token],
            ["token", "verify", "--jwks", broken, token], ["token", "nonsense"],
            ["token", "verify", "--jwks", keys, "--signature-only", "--issuer", "x", token],
        ] {
            let outcome = try await Command.run(arguments)
            #expect(outcome.status == .exited(2), "\(arguments): \(outcome.errors)")
        }
        let empty = try await Command.run(["token", "verify", "--jwks", keys], input: "")
        #expect(empty.status == .exited(2))
    }

    @Test func decodesWithoutVerifying() async throws {
        let outcome = try await Command.run(["token", "decode"], input: try token())
        #expect(outcome.status == .exited(0))
        let json = try JSONValue(parsing: outcome.output.trimmingCharacters(in: .newlines))
        #expect(json["header"]?["typ"]?.string == "at+jwt")
        #expect(json["payload"]?["sub"]?.string == "usr_1")
        #expect(json["verified"]?.bool == false)
    }
}
