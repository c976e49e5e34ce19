import Foundation
import JOSE
import StrictJSON
import TestSupport
import Testing

/// Wycheproof's JSON Web Signature vectors through the command line. They stand beside the project.
private let file = "../shared/conformance/wycheproof/json_web_signature_test.json"

@Suite struct WycheproofTests {
    @Test(.enabled(if: FileManager.default.fileExists(atPath: file)), .timeLimit(.minutes(5))) func everyVector()
        async throws
    {
        let data = try #require(FileManager.default.contents(atPath: file))
        let groups = try #require(
            try JSONValue(parsing: [UInt8](data), limits: JSONLimits(maxBytes: 1 << 26, maxMembers: 1 << 20))[
                "testGroups"]?.array)
        let folder = try TemporaryDirectory("wycheproof")
        var (accepted, refused) = (0, 0)
        for group in groups {
            let key = try #require(group["public"] ?? group["private"])
            let jwks = try folder.write(JSONValue.object(["keys": [key]]).encodedString(), to: "jwks.json")
            for vector in try #require(group["tests"]?.array) {
                // A JWS in JSON serialisation is no compact token: nothing to hand over.
                guard let token = vector["jws"]?.string else { continue }
                let outcome = try await Command.run(
                    ["token", "verify", "--jwks", jwks, "--signature-only"], input: token)
                let isExpected = vector["result"]?.string == "valid" && Self.isOurs(token, key)
                #expect(
                    outcome.status == .exited(isExpected ? 0 : token.isEmpty ? 2 : 1),
                    "tcId \(vector["tcId"] ?? .null): \(vector["comment"]?.string ?? "") \(outcome.errors)")
                if outcome.status == .exited(0) { accepted += 1 } else { refused += 1 }
            }
        }
        #expect(accepted >= 32 && refused >= 300, "\(accepted) accepted, \(refused) refused")
    }

    /// An algorithm of ours, and the one that the key is for: a key bound to PS256 verifies no PS384 (RFC 7517 section
    /// 4.4), although Wycheproof has two such vectors among the valid ones.
    private static func isOurs(_ token: String, _ key: JSONValue) -> Bool {
        guard let header = token.split(separator: ".").first, let bytes = Base64URL.decode(String(header)),
            let algorithm = (try? JSONValue(parsing: bytes))?["alg"]?.string, JWSAlgorithm(rawValue: algorithm) != nil
        else { return false }
        return key["alg"]?.string.map { $0 == algorithm } ?? true
    }
}
