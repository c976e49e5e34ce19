import Crypto
import Foundation
import JOSE
import StrictJSON
import Testing

/// Signing and verifying with each algorithm, and signatures in other forms than the specified one.
@Suite struct SignatureTests {
    private let message = Array("what is signed".utf8)

    @Test(arguments: JWSAlgorithm.allCases) func signedAndVerified(algorithm: JWSAlgorithm) throws {
        let key = try TestKeys.key(algorithm)
        let payload: JSONValue = ["iss": "https://issuer.example", "exp": 1_764_000_000, "text": "é\u{1F511}"]
        let token = try JWT.sign(payload: payload, with: key, type: "at+jwt")
        let jws = try CompactJWS(parsing: token)
        #expect(jws.header.algorithm == algorithm)
        #expect(jws.header.keyID == key.keyID)
        #expect(jws.header.type == "at+jwt")
        #expect(jws.header.raw.keys == ["alg", "typ", "kid"])
        #expect(jws.payload == payload.encoded())
        #expect(Array(token.utf8).starts(with: jws.signingInput))
        try jws.verify(with: VerificationKey(jwk: key.publicJWK))
        try jws.verify(with: JWKSet(keys: [key.publicJWK]))
        // Another key of the same kind, and another text.
        let other = try SigningKey.generate(algorithm)
        #expect(throws: JOSEError.invalidSignature) {
            try jws.verify(with: VerificationKey(jwk: other.publicJWK))
        }
        let verifier = try VerificationKey(jwk: key.publicJWK)
        let signature = try key.sign(message)
        #expect(verifier.isValid(signature: signature, for: message))
        #expect(!verifier.isValid(signature: signature, for: message + [0]))
    }

    /// A key comes back from its private form, also in another process' hands.
    @Test(arguments: JWSAlgorithm.allCases) func storedAndRead(algorithm: JWSAlgorithm) throws {
        let key = try TestKeys.key(algorithm)
        let again = try SigningKey(pkcs8DER: key.pkcs8DER(), algorithm: algorithm)
        #expect(again.publicJWK == key.publicJWK)
        #expect(again.keyID == key.publicJWK.thumbprint())
        let verifier = try VerificationKey(jwk: key.publicJWK)
        #expect(verifier.isValid(signature: try again.sign(message), for: message))
        #expect(try SigningKey(pkcs8DER: key.pkcs8DER(), algorithm: algorithm, keyID: "mine").publicJWK.keyID == "mine")
    }

    /// The algorithm comes from the key and the header alike, never from the header alone (RFC 8725 section 3.1).
    @Test func anotherAlgorithmIsRefused() throws {
        for algorithm in JWSAlgorithm.allCases {
            let key = try TestKeys.key(algorithm)
            let verifier = try VerificationKey(jwk: key.publicJWK)
            for other in JWSAlgorithm.allCases where other != algorithm {
                let forged = try token(header: #"{"alg":"\#(other.rawValue)"}"#, with: key)
                #expect(throws: JOSEError.keyUseRefused("alg")) { try verify(forged, with: verifier) }
                let set = JWKSet(keys: [key.publicJWK])
                #expect(throws: JOSEError.keyUseRefused("alg")) { try CompactJWS(parsing: forged).verify(with: set) }
            }
        }
    }

    /// RSA signatures of one padding or hash are none of another, although the key is the same.
    @Test func rsaSignaturesAreOfOneAlgorithm() throws {
        let algorithms = JWSAlgorithm.allCases.filter(\.isRSA)
        for signing in algorithms {
            let signature = try TestKeys.key(signing).sign(message)
            #expect(signature.count == 256)
            for verifying in algorithms {
                let verifier = try VerificationKey(jwk: try TestKeys.key(verifying).publicJWK)
                #expect(verifier.isValid(signature: signature, for: message) == (signing == verifying))
            }
        }
    }

    /// RFC 8017 sections 8.1.2 and 8.2.2: a signature is as long as the modulus.
    @Test(arguments: [JWSAlgorithm.RS256, .PS256]) func rsaLength(algorithm: JWSAlgorithm) throws {
        let key = try TestKeys.key(algorithm)
        let verifier = try VerificationKey(jwk: key.publicJWK)
        let signature = try key.sign(message)
        for wrong in [[], [0] + signature, signature + [0], Array(signature.dropLast()), Array(signature.dropFirst())] {
            #expect(!verifier.isValid(signature: wrong, for: message))
        }
    }

    /// RFC 7518 section 3.4: r and s, each as long as the order of the curve, and nothing else.
    @Test(arguments: [(JWSAlgorithm.ES256, 64), (.ES384, 96), (.ES512, 132)])
    func ecdsaLength(algorithm: JWSAlgorithm, length: Int) throws {
        let key = try TestKeys.key(algorithm)
        let verifier = try VerificationKey(jwk: key.publicJWK)
        for _ in 0..<20 {
            let signature = try key.sign(message)
            #expect(signature.count == length)
            #expect(verifier.isValid(signature: signature, for: message))
            #expect(!verifier.isValid(signature: [0] + signature, for: message))
            #expect(!verifier.isValid(signature: signature + [0], for: message))
            #expect(!verifier.isValid(signature: Array(signature.dropLast()), for: message))
            // One zero before each of r and s is the same numbers in another form.
            let wider = [0] + signature[..<(length / 2)] + [0] + signature[(length / 2)...]
            #expect(!verifier.isValid(signature: Array(wider), for: message))
            #expect(!verifier.isValid(signature: der(signature), for: message))
        }
    }

    /// Zero and the largest number are never r or s (FIPS 186-5 section 6.4.2).
    @Test(arguments: [(JWSAlgorithm.ES256, 64), (.ES384, 96), (.ES512, 132)])
    func ecdsaRange(algorithm: JWSAlgorithm, length: Int) throws {
        let key = try TestKeys.key(algorithm)
        let verifier = try VerificationKey(jwk: key.publicJWK)
        let signature = try key.sign(message)
        let (r, s) = (Array(signature[..<(length / 2)]), Array(signature[(length / 2)...]))
        for extreme in [[UInt8](repeating: 0, count: length / 2), [UInt8](repeating: 255, count: length / 2)] {
            #expect(!verifier.isValid(signature: extreme + extreme, for: message))
            #expect(!verifier.isValid(signature: r + extreme, for: message))
            #expect(!verifier.isValid(signature: extreme + s, for: message))
        }
    }

    /// RFC 8032 section 5.1.7: S is below the order of the group, so that a signature has one form.
    @Test func ed25519IsCanonical() throws {
        let key = try TestKeys.key(.EdDSA)
        let verifier = try VerificationKey(jwk: key.publicJWK)
        var signature = try key.sign(message)
        #expect(signature.count == 64 && verifier.isValid(signature: signature, for: message))
        // S + L, little endian: 2^252 + 27742317777372353535851937790883648493.
        let order: [UInt8] =
            [
                0xED, 0xD3, 0xF5, 0x5C, 0x1A, 0x63, 0x12, 0x58, 0xD6, 0x9C, 0xF7, 0xA2, 0xDE, 0xF9, 0xDE, 0x14,
            ] + [UInt8](repeating: 0, count: 15) + [0x10]
        var carry: UInt16 = 0
        for (index, digit) in order.enumerated() {
            let sum = UInt16(signature[32 + index]) + UInt16(digit) + carry
            signature[32 + index] = UInt8(sum & 255)
            carry = sum >> 8
        }
        #expect(carry == 0)
        #expect(!verifier.isValid(signature: signature, for: message))
        #expect(!verifier.isValid(signature: Array(signature.dropLast()), for: message))
        #expect(!verifier.isValid(signature: [], for: message))
    }

    /// r and s as an ASN.1 SEQUENCE of two INTEGERs: what X.509 uses and JWS does not.
    private func der(_ signature: [UInt8]) -> [UInt8] {
        func integer(_ digits: ArraySlice<UInt8>) -> [UInt8] {
            let trimmed = digits.drop { $0 == 0 }
            let value = (trimmed.first ?? 0) & 0x80 == 0 ? Array(trimmed) : [0] + trimmed
            return [0x02, UInt8(value.count)] + value
        }
        let half = signature.count / 2
        let content = integer(signature[..<half]) + integer(signature[half...])
        return [0x30] + (content.count < 128 ? [] : [0x81]) + [UInt8(content.count)] + content
    }
}
