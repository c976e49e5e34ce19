import Crypto
import CryptoExtras
import JOSE
import StrictJSON
import Testing

/// The examples of RFC 7515, 7517, 7638 and 8037.
@Suite struct RFCTests {
    @Test(arguments: [
        (RFCExamples.rs256Token, RFCExamples.rs256PrivateJWK, JWSAlgorithm.RS256),
        (RFCExamples.es256Token, RFCExamples.es256PrivateJWK, .ES256),
        (RFCExamples.es512Token, RFCExamples.es512PrivateJWK, .ES512),
        (RFCExamples.ed25519Token, RFCExamples.ed25519PrivateJWK, .EdDSA),
    ]) func signatureVerifies(token: String, key: String, algorithm: JWSAlgorithm) throws {
        let jwk = try JWK(json: json(key))
        let jws = try CompactJWS(parsing: token)
        #expect(jws.header.algorithm == algorithm)
        try jws.verify(with: VerificationKey(jwk: jwk, algorithm: algorithm))
        try jws.verify(with: JWKSet(keys: [jwk]))
        // The private members are not kept.
        #expect(jwk.json().object?.keys.allSatisfy { ["kty", "n", "e", "crv", "x", "y"].contains($0) } == true)
    }

    @Test func payloads() throws {
        let claims = try JWTClaims(payload: CompactJWS(parsing: RFCExamples.rs256Token).payload)
        #expect(claims.issuer == "joe")
        #expect(claims.expiresAt == 1_300_819_380)
        #expect(claims.raw["http://example.com/is_root"] == true)
        #expect(try CompactJWS(parsing: RFCExamples.es512Token).payload == Array("Payload".utf8))
        #expect(
            try CompactJWS(parsing: RFCExamples.ed25519Token).payload == Array("Example of Ed25519 signing".utf8))
    }

    /// RSASSA-PKCS1-v1_5 and Ed25519 are deterministic: signing again gives the RFC's own token.
    @Test func signingGivesTheSameTokens() throws {
        let members = try json(RFCExamples.rs256PrivateJWK)
        func number(_ name: String) throws -> [UInt8] {
            try #require(members[name]?.string.flatMap { Base64URL.decode($0) })
        }
        let rsa = try _RSA.Signing.PrivateKey(
            n: number("n"), e: number("e"), d: number("d"), p: number("p"), q: number("q"))
        try expectSame(
            RFCExamples.rs256Token,
            SigningKey(pkcs8DER: Array(rsa.pkcs8DERRepresentation), algorithm: .RS256))

        let seed = try #require(json(RFCExamples.ed25519PrivateJWK)["d"]?.string.flatMap { Base64URL.decode($0) })
        let key = try SigningKey(pkcs8DER: seed, algorithm: .EdDSA)
        try expectSame(RFCExamples.ed25519Token, key)
        #expect(key.keyID == RFCExamples.ed25519Thumbprint)
    }

    private func expectSame(_ token: String, _ key: SigningKey) throws {
        let parts = try token.split(separator: ".").map { try #require(Base64URL.decode(String($0))) }
        #expect(try JWT.sign(header: parts[0], payload: parts[1], with: key) == token)
    }

    @Test func thumbprints() throws {
        let keys = try JWKSet(parsing: Array(RFCExamples.publicKeys.utf8))
        #expect(keys["2011-04-29"]?.thumbprint() == RFCExamples.rsaThumbprint)
        let ed25519 = try JWK(json: json(RFCExamples.ed25519PrivateJWK))
        #expect(ed25519.thumbprint() == RFCExamples.ed25519Thumbprint)
    }

    /// RFC 7638 section 3.2: optional members have no part in the thumbprint.
    @Test func thumbprintIsOfTheMaterialAlone() throws {
        var key = try JWK(json: json(RFCExamples.ed25519PrivateJWK))
        let before = key.thumbprint()
        key.keyID = "another"
        key.use = "sig"
        key.algorithm = .EdDSA
        key.keyOperations = ["verify"]
        #expect(key.thumbprint() == before)
    }

    @Test func publicKeys() throws {
        let set = try JWKSet(parsing: Array(RFCExamples.publicKeys.utf8))
        #expect(set.keys.count == 2)
        let ec = try #require(set["1"])
        #expect(ec.use == "enc")
        guard case .ec(.p256, let x, let y) = ec.material else {
            Issue.record("not on P-256")
            return
        }
        #expect(x.count == 32 && y.count == 32)
        // It is for encryption.
        #expect(throws: JOSEError.keyUseRefused("use")) { try VerificationKey(jwk: ec, algorithm: .ES256) }
        let rsa = try #require(set["2011-04-29"])
        #expect(rsa.algorithm == .RS256)
        #expect(try VerificationKey(jwk: rsa).algorithm == .RS256)
        #expect(try JWKSet(json: set.json()) == set)
    }

    /// RFC 7517 appendix A.2: of private keys only the public part is taken, and it is that of appendix A.1.
    @Test func privateKeys() throws {
        let set = try JWKSet(parsing: Array(RFCExamples.privateKeys.utf8))
        let published = try JWKSet(parsing: Array(RFCExamples.publicKeys.utf8))
        #expect(set == published)
        #expect(set.json() == published.json())
    }

    /// RFC 7517 appendix A.3.
    @Test func symmetricKeys() throws {
        let entries = try #require(json(RFCExamples.symmetricKeys)["keys"]?.array)
        #expect(entries.count == 2)
        for entry in entries {
            #expect(throws: JOSEError.unsupportedAlgorithm("symmetric key")) { try JWK(json: entry) }
        }
        #expect(try JWKSet(parsing: Array(RFCExamples.symmetricKeys.utf8)).keys.isEmpty)
    }
}
