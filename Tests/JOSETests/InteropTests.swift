import Foundation
import JOSE
import StrictJSON
import TestSupport
import Testing

/// PyJWT, joserfc, jwcrypto and Authlib verify our tokens, and we theirs.
@Suite struct InteropTests {
    private static let libraries = ["PyJWT", "Joserfc", "JWCrypto", "Authlib"]

    private func claims() -> JSONValue {
        let now = Int64(Date().timeIntervalSince1970)
        return [
            "iss": "https://issuer.example", "sub": "usr_1", "aud": "jts", "iat": .int(now), "exp": .int(now + 900),
            "roles": ["trader", "viewer"], "text": "é\u{1F511}\"\\",
        ]
    }

    private func python(_ command: String, _ task: JSONValue) async throws -> JSONValue {
        let interpreter = try #require(
            ProcessInfo.processInfo.environment["JTS_PYTHON"],
            "JTS_PYTHON names no interpreter: deploy/local/python-env test makes one with the libraries")
        let script = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "interop.py").path
        let answer = try await ChildProcess.check(
            interpreter, [script, command], input: task.encodedString(), within: .seconds(180))
        return try json(answer)
    }

    /// The same token with another payload under the same signature.
    private func forged(_ token: String) throws -> String {
        let parts = token.split(separator: ".").map(String.init)
        let payload = try #require(Base64URL.decode(parts[1]))
        var object = try #require(JSONValue(parsing: payload).object)
        object["sub"] = "usr_2"
        return [parts[0], Base64URL.encode(JSONValue.object(object).encoded()), parts[2]].joined(separator: ".")
    }

    @Test func theyVerifyOurs() async throws {
        let claims = claims()
        var tokens: [JSONValue] = []
        for algorithm in JWSAlgorithm.allCases {
            let key = try TestKeys.key(algorithm)
            let token = try JWT.sign(payload: claims, with: key, type: "at+jwt")
            tokens.append([
                "alg": .string(algorithm.rawValue), "jwk": key.publicJWK.json(), "token": .string(token),
                "forged": .string(try forged(token)),
            ])
        }
        let answer = try await python("verify", ["tokens": .array(tokens)])
        let outcomes = try #require(answer["outcomes"]?.array)
        #expect(outcomes.count == Self.libraries.count * JWSAlgorithm.allCases.count)
        for outcome in outcomes {
            let algorithm = try #require(outcome["alg"]?.string.flatMap(JWSAlgorithm.init(rawValue:)))
            #expect(outcome["claims"] == claims, "\(outcome.encodedString())")
            #expect(outcome["forged_taken"] == false, "\(outcome.encodedString())")
            if outcome["library"] != "PyJWT" {
                #expect(outcome["thumbprint"]?.string == (try TestKeys.key(algorithm).keyID))
            }
        }
        #expect(Set(outcomes.compactMap { $0["library"]?.string }) == Set(Self.libraries))
    }

    @Test func weVerifyTheirs() async throws {
        let claims = claims()
        let answer = try await python("sign", ["claims": claims])
        let entries = try #require(answer["tokens"]?.array)
        #expect(entries.count == Self.libraries.count * JWSAlgorithm.allCases.count)
        // One set with the keys of all, as if one issuer had them: each token finds its own.
        let keys = try Dictionary(
            entries.map { (try #require($0["jwk"]?["kid"]?.string), $0["jwk"] ?? .null) }, uniquingKeysWith: { $1 })
        let set = try JWKSet(json: ["keys": .array(Array(keys.values))])
        #expect(set.keys.count == keys.count && keys.count == Self.libraries.count * 5)
        for entry in entries {
            let label = "\(entry["library"] ?? .null) \(entry["alg"] ?? .null)"
            let token = try #require(entry["token"]?.string)
            let jws = try CompactJWS(parsing: token)
            #expect(jws.header.algorithm.rawValue == entry["alg"]?.string)
            #expect(throws: Never.self, "\(label)") { try jws.verify(with: set) }
            let read = try JWTClaims(payload: jws.payload)
            #expect(JSONValue.object(read.raw) == claims, "\(label)")
            try read.validate(
                issuer: "https://issuer.example", audience: "jts", now: Int64(Date().timeIntervalSince1970))
            let forged = try CompactJWS(parsing: forged(token))
            #expect(throws: JOSEError.invalidSignature, "\(label)") { try forged.verify(with: set) }
        }
    }

    /// RFC 7518 section 3.5: the salt of a PSS signature is as long as the hash.
    @Test func saltsOfOtherLengths() async throws {
        let answer = try await python("sign", ["claims": claims()])
        let entries = try #require(answer["salts"]?.array)
        #expect(entries.count { $0["valid"] == true } == 1 && entries.count == 5)
        for entry in entries {
            let set = try JWKSet(json: ["keys": [entry["jwk"] ?? .null]])
            let jws = try CompactJWS(parsing: #require(entry["token"]?.string))
            #expect(((try? jws.verify(with: set)) != nil) == (entry["valid"] == true))
        }
    }
}
