import APISecurity
import Crypto
import Foundation
import JOSE
import StrictJSON
import Testing

@testable import SecurityClient

@Suite struct TokenVerifierTests {
    let world = TestVerifier()
    var issuer: TestIssuer { world.issuer }

    @Test func saysWhoTheBearerIs() async throws {
        let identity = try await world.verifier.verify(try issuer.token())
        #expect(identity.subject == "usr_1")
        #expect(identity.sessionID == "session-1")
        #expect(identity.clientID == "web")
        #expect(identity.deviceID == "d-1")
        #expect(identity.roles == ["trader"])
        #expect(identity.permissions == ["orders:view", "orders:place", "orders:cancel"])
        #expect(identity.scope == "orders:view orders:place")
        #expect(identity.amr == ["pwd", "otp"])
        #expect(identity.acr == "urn:jts:acr:2")
        #expect(identity.authTime == world.clock.seconds - 10)
        #expect(identity.issuedAt == world.clock.seconds)
        #expect(identity.issuedAtMilliseconds == world.clock.now)
        #expect(identity.expiresAt == world.clock.seconds + 900)
        #expect(identity.keyID == "rsa-1")
        #expect(identity.email?.exposed == "a@example.test")
        #expect(!identity.isService)
        #expect(identity.confirmation == nil)
    }

    @Test func aTokenWithoutASessionWhoseSubjectIsItsClientIsAServices() async throws {
        let service = try issuer.token { claims in
            claims["sid"] = nil
            claims["sub"] = "order-api"
            claims["client_id"] = "order-api"
        }
        #expect(try await world.verifier.verify(service).isService)
        let person = try issuer.token { $0["sid"] = nil }
        #expect(try await world.verifier.verify(person).isService == false)
    }

    @Test(arguments: ["at+jwt", "AT+JWT", "application/at+jwt", "Application/At+Jwt"])
    func typesOfAccessTokens(_ type: String) async throws {
        #expect(await world.refusal(try issuer.sign(issuer.claims(), type: type)) == nil)
    }

    @Test(arguments: ["JWT", "jwt", "dpop+jwt", "logout+jwt", "at+jwt ", "application/application/at+jwt", ""])
    func otherTypesAreRefused(_ type: String) async throws {
        #expect(await world.refusal(try issuer.sign(issuer.claims(), type: type)) == .wrongType)
    }

    @Test func aTokenWithoutTypeIsRefused() async throws {
        var header = issuer.header
        header["typ"] = nil
        #expect(await world.refusal(try issuer.token(header: header)) == .wrongType)
    }

    // MARK: Algorithms, RFC 8725 sections 2.1 and 3.1

    @Test(arguments: ["none", "None", "NONE", "HS256", "HS512", "RSA1_5", "RS1", ""])
    func algorithmsThatAreNoneOrSymmetric(_ algorithm: String) async throws {
        var header = issuer.header
        header["alg"] = .string(algorithm)
        let token = try issuer.token(header: header)
        #expect(await world.refusal(token) == .unsupportedAlgorithm)
        let unsigned = token.split(separator: ".").prefix(2).joined(separator: ".") + "."
        let refusal = try #require(await world.refusal(unsigned))
        #expect(refusal == .malformed("base64url") || refusal == .unsupportedAlgorithm)
    }

    @Test func aPublicKeyIsNoSharedSecret() async throws {
        let header = JSONValue.object(["alg": "HS256", "typ": "at+jwt", "kid": "rsa-1"]).encoded()
        var input = Base64URL.encode(header)
        input += "." + Base64URL.encode(JSONValue.object(issuer.claims()).encoded())
        let secret = SymmetricKey(data: JSONValue.object(["keys": [TestKeys.rsa.publicJWK.json()]]).encoded())
        let mac = HMAC<SHA256>.authenticationCode(for: Data(input.utf8), using: secret)
        #expect(await world.refusal(input + "." + Base64URL.encode(Array(mac))) == .unsupportedAlgorithm)
    }

    @Test func algorithmsOutsideOfTheList() async throws {
        let narrow = TestVerifier { $0.algorithms = [.ES256] }
        #expect(await narrow.refusal(try narrow.issuer.token()) == .unsupportedAlgorithm)
        var es = narrow.issuer
        es.key = TestKeys.ec
        #expect(await narrow.refusal(try es.token()) == nil)
    }

    @Test func aKeyIsForItsOwnAlgorithm() async throws {
        var header = issuer.header
        header["alg"] = "PS256"
        #expect(await world.refusal(try issuer.token(header: header)) == .unknownKey)
        header["alg"] = "ES256"
        #expect(await world.refusal(try issuer.token(header: header)) == .unknownKey)
    }

    // MARK: Keys

    @Test(arguments: [
        "", "rsa-2", "RSA-1", "../rsa-1", "/etc/passwd", "http://127.0.0.1:1/keys", "rsa-1\u{0}", "rsa-1 ", "%72sa-1",
        "' OR 1=1 --", "ｒsa-1",
    ])
    func keyIDsThatAreNobodys(_ keyID: String) async throws {
        var header = issuer.header
        header["kid"] = .string(keyID)
        let refusal = try #require(await world.refusal(try issuer.token(header: header)))
        // NUL is refused by the JSON parser already.
        #expect(refusal == .unknownKey || keyID.contains("\u{0}"))
    }

    @Test func aTokenWithoutKeyID() async throws {
        var header = issuer.header
        header["kid"] = nil
        #expect(await world.refusal(try issuer.token(header: header)) == .unknownKey)
        header["kid"] = 1
        #expect(await world.refusal(try issuer.token(header: header)) == .malformed("kid"))
        header["kid"] = .string(String(repeating: "k", count: 257))
        #expect(await world.refusal(try issuer.token(header: header)) == .malformed("kid"))
    }

    /// RFC 8725 section 3.10, RFC 7515 sections 4.1.2 to 4.1.5.
    @Test func keysThatATokenBringsAlongAreNotUsed() async throws {
        var mine = issuer
        mine.key = TestKeys.otherRSA
        let offers: [(String, JSONValue)] = [
            ("jwk", TestKeys.otherRSA.publicJWK.json()), ("jku", "http://127.0.0.1:1/jwks.json"),
            ("x5u", "http://127.0.0.1:1/cert.pem"), ("x5c", ["MIIB"]),
        ]
        for (name, value) in offers {
            var header = mine.header
            header[name] = value
            #expect(await world.refusal(try mine.token(header: header)) == .unknownKey)
            header["kid"] = "rsa-1"
            #expect(await world.refusal(try mine.token(header: header)) == .invalidSignature)
        }
    }

    @Test func anIDThatTwoKeysClaimIsNobodys() async throws {
        var double = TestKeys.otherRSA.publicJWK
        double.keyID = "rsa-1"
        let second = double
        world.keys.update { $0.append(second) }
        #expect(await world.refusal(try issuer.token()) == .unknownKey)
    }

    @Test func aKeyForEncryptionVerifiesNothing() async throws {
        var key = TestKeys.rsa.publicJWK
        key.use = "enc"
        let encryption = key
        world.keys.update { $0 = [encryption] }
        #expect(await world.refusal(try issuer.token()) == .unknownKey)
    }

    // MARK: Form

    @Test(arguments: [
        "", ".", "..", "...", "a.b.c", "a.b.c.d", "eyJhbGciOiJub25lIn0.e30.", "\u{E9}.\u{E9}.\u{E9}",
    ])
    func malformedTokens(_ token: String) async throws {
        guard case .malformed? = await world.refusal(token) else {
            Issue.record("\(token) is not refused as malformed")
            return
        }
    }

    @Test func criticalHeaders() async throws {
        for name in ["crit", "b64"] {
            var header = issuer.header
            header[name] = name == "crit" ? ["exp"] : false
            #expect(await world.refusal(try issuer.token(header: header)) == .criticalHeader)
        }
    }

    @Test func largeTokens() async throws {
        let fitting = try issuer.token { $0["x"] = .string(String(repeating: "x", count: 5_000)) }
        #expect(fitting.utf8.count < 8_192)
        #expect(await world.refusal(fitting) == nil)
        let large = try issuer.token { $0["x"] = .string(String(repeating: "x", count: 6_000)) }
        #expect(await world.refusal(large) == .tooLarge)
    }

    /// The second token of a key takes another way than the first, whose header is not known yet.
    @Test func eachByteCounts() async throws {
        let token = Array(try issuer.token().utf8)
        #expect(await world.refusal(try issuer.token()) == nil)
        for index in stride(from: 0, to: token.count, by: 7) {
            var changed = token
            changed[index] = changed[index] == UInt8(ascii: "A") ? UInt8(ascii: "B") : UInt8(ascii: "A")
            #expect(await world.refusal(String(decoding: changed, as: UTF8.self)) != nil, "byte \(index)")
        }
        for cut in [1, 2, 3, 4, 100] {
            #expect(await world.refusal(String(decoding: token.dropLast(cut), as: UTF8.self)) != nil)
        }
        let text = String(decoding: token, as: UTF8.self)
        for changed in [text + "=", text + ".", text + "A", "A" + text, text + "\n", " " + text, text + ".e30"] {
            #expect(await world.refusal(changed) != nil)
        }
        #expect(await world.refusal(text) == nil)
    }

    @Test func claimsThatAreNoObject() async throws {
        for payload in ["[]", "1", "\"\"", "null", "{", "{\"a\":1,\"a\":2}", ""] {
            let token = try JWT.sign(payload: Array(payload.utf8), with: TestKeys.rsa, type: "at+jwt")
            #expect(await world.refusal(token) == .malformed("claims"), "\(payload)")
        }
        let deep = "{\"a\":" + String(repeating: "[", count: 20) + String(repeating: "]", count: 20) + "}"
        let token = try JWT.sign(payload: Array(deep.utf8), with: TestKeys.rsa, type: "at+jwt")
        #expect(await world.refusal(token) == .malformed("claims"))
    }

    @Test func theWayOfAllAlgorithms() async throws {
        for algorithm in [JWSAlgorithm.PS256, .ES384, .ES512, .EdDSA] {
            let key = try SigningKey.generate(algorithm, keyID: "one")
            let world = TestVerifier { $0.algorithms = [algorithm] }
            world.keys.update { $0 = [key.publicJWK] }
            var issuer = world.issuer
            issuer.key = key
            // Twice: with the header not known and known.
            #expect(await world.refusal(try issuer.token()) == nil)
            #expect(await world.refusal(try issuer.token()) == nil)
        }
    }
}
