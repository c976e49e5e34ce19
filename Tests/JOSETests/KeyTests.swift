import Foundation
import JOSE
import StrictJSON
import TestSupport
import Testing

/// JWKs: what is taken, what is refused, and which uses a key allows.
@Suite struct KeyTests {
    @Test(arguments: JWSAlgorithm.allCases) func comesBackThroughJSON(algorithm: JWSAlgorithm) throws {
        var jwk = try TestKeys.key(algorithm).publicJWK
        #expect(jwk.algorithm == algorithm && jwk.use == "sig" && jwk.keyID == jwk.thumbprint())
        jwk.keyOperations = ["verify"]
        #expect(try JWK(json: JSONValue(parsing: jwk.json().encoded())) == jwk)
        let bare = JWK(material: jwk.material)
        #expect(try JWK(json: bare.json()) == bare)
        #expect(bare.json()["kid"] == nil && bare.json()["use"] == nil && bare.json()["alg"] == nil)
    }

    @Test(arguments: [
        "{}", "[]", "null", "\"RSA\"", #"{"kty":1}"#, #"{"kty":"RSA"}"#, #"{"kty":"RSA","n":"AQAB"}"#,
        #"{"kty":"RSA","n":"","e":"AQAB"}"#, #"{"kty":"RSA","n":5,"e":"AQAB"}"#,
        #"{"kty":"RSA","n":"AQ==","e":"AQAB"}"#,
        #"{"kty":"RSA","n":"AAEB","e":"AQAB"}"#, #"{"kty":"RSA","n":"AQEB","e":"AAEAAQ"}"#,
        #"{"kty":"RSA","n":"AQEB","e":"AQAC="}"#, #"{"kty":"EC","x":"AA","y":"AA"}"#,
        #"{"kty":"EC","crv":"P-256","x":"AA","y":"AA"}"#, #"{"kty":"EC","crv":"P-256","x":"AA"}"#,
        #"{"kty":"OKP","crv":"Ed25519"}"#, #"{"kty":"OKP","crv":"Ed25519","x":"AA"}"#,
    ]) func malformed(text: String) throws {
        let value = try json(text)
        #expect { try JWK(json: value) } throws: { error in
            if case .malformed = error as? JOSEError { true } else { false }
        }
    }

    @Test(arguments: [
        #"{"kty":"oct","k":"AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T"}"#, #"{"kty":"oct"}"#, #"{"kty":"AKP"}"#,
        #"{"kty":"rsa","n":"AQEB","e":"AQAB"}"#, #"{"kty":"none"}"#,
        #"{"kty":"EC","crv":"secp256k1","x":"AA","y":"AA"}"#,
        #"{"kty":"EC","crv":"P-192","x":"AA","y":"AA"}"#, #"{"kty":"OKP","crv":"X25519","x":"AA"}"#,
        #"{"kty":"OKP","crv":"Ed448","x":"AA"}"#,
    ]) func unsupported(text: String) throws {
        let value = try json(text)
        #expect { try JWK(json: value) } throws: { error in
            if case .unsupportedAlgorithm = error as? JOSEError { true } else { false }
        }
    }

    @Test func attributesOfTheWrongType() throws {
        let jwk = try TestKeys.key(.ES256).publicJWK
        let wrong: [(String, JSONValue)] = [
            ("kid", 1), ("kid", nil), ("use", ["sig"]), ("use", true), ("alg", 256), ("key_ops", "verify"),
            ("key_ops", [1]), ("key_ops", ["verify", "verify"]),
        ]
        for (name, value) in wrong {
            let altered = try changed(jwk, [name: .some(value)])
            #expect(throws: JOSEError.malformed(name)) { try JWK(json: altered) }
        }
        for name in ["none", "HS256", "RSA1_5", "es256", "ES256K", ""] {
            let altered = try changed(jwk, ["alg": .string(name)])
            #expect(throws: JOSEError.unsupportedAlgorithm("alg of the key")) { try JWK(json: altered) }
        }
    }

    /// The coordinates must be on the curve, and be of the field (RFC 7518 section 6.2.1).
    @Test func pointOffTheCurve() throws {
        for algorithm in JWSAlgorithm.allCases.filter(\.isECDSA) {
            guard case .ec(let curve, let x, var y) = try TestKeys.key(algorithm).publicJWK.material else {
                Issue.record("no EC key")
                continue
            }
            y[y.count - 1] ^= 1
            for material: JWK.Material in [
                .ec(curve: curve, x: x, y: y), .ec(curve: curve, x: y, y: x),
                .ec(curve: curve, x: x.map { _ in 0 }, y: y.map { _ in 0 }),
                .ec(curve: curve, x: x.map { _ in 255 }, y: y.map { _ in 255 }),
            ] {
                #expect(throws: JOSEError.malformed("key material")) {
                    try VerificationKey(jwk: JWK(material: material), algorithm: algorithm)
                }
            }
        }
    }

    // MARK: - Sizes of RSA

    private func modulus(bits: Int) -> [UInt8] {
        var random = SplitMix64(state: UInt64(bits))
        var bytes = random.bytes((bits + 7) / 8)
        let top = UInt8((bits - 1) % 8)
        bytes[0] = bytes[0] & (1 << top - 1) | 1 << top
        bytes[bytes.count - 1] |= 1
        return bytes
    }

    @Test(arguments: [8, 512, 1_024, 2_040, 2_047, 8_193, 8_200, 16_384])
    func sizeRefused(bits: Int) {
        let jwk = JWK(material: .rsa(modulus: modulus(bits: bits), exponent: [1, 0, 1]))
        for algorithm in JWSAlgorithm.allCases.filter(\.isRSA) {
            #expect(throws: JOSEError.weakKey("\(bits) bits of RSA")) {
                try VerificationKey(jwk: jwk, algorithm: algorithm)
            }
        }
    }

    @Test(arguments: [2_048, 2_049, 3_072, 4_096, 8_192]) func sizeTaken(bits: Int) throws {
        let jwk = JWK(material: .rsa(modulus: modulus(bits: bits), exponent: [1, 0, 1]))
        let key = try VerificationKey(jwk: jwk, algorithm: .RS256)
        #expect(!key.isValid(signature: [UInt8](repeating: 1, count: (bits + 7) / 8), for: [1]))
    }

    /// 1, even numbers, and more than 32 bits, which only make verifying dear.
    @Test(arguments: [[1], [2], [0], [1, 0, 0], [1, 0, 0, 0, 1], [UInt8](repeating: 255, count: 256)] as [[UInt8]])
    func exponentRefused(exponent: [UInt8]) {
        let jwk = JWK(material: .rsa(modulus: modulus(bits: 2_048), exponent: exponent))
        #expect(throws: JOSEError.weakKey("exponent")) { try VerificationKey(jwk: jwk, algorithm: .PS256) }
    }

    @Test func smallPrivateKeyIsRefused() async throws {
        let folder = try TemporaryDirectory()
        for bits in [1_024, 2_048] {
            let path = folder.file("\(bits).der")
            try await ChildProcess.check(
                "openssl",
                [
                    "genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:\(bits)", "-outform", "DER", "-out",
                    path,
                ])
            let der = try [UInt8](Data(contentsOf: URL(filePath: path)))
            if bits < 2_048 {
                #expect(throws: JOSEError.self) { try SigningKey(pkcs8DER: der, algorithm: .RS256) }
            } else {
                let key = try SigningKey(pkcs8DER: der, algorithm: .RS256)
                try verify(token(header: #"{"alg":"RS256"}"#, with: key), with: VerificationKey(jwk: key.publicJWK))
            }
        }
    }

    // MARK: - Use

    @Test(arguments: JWSAlgorithm.allCases) func useAndOperations(algorithm: JWSAlgorithm) throws {
        var jwk = try TestKeys.key(algorithm).publicJWK
        for use in ["enc", "SIG", "", "sign"] {
            jwk.use = use
            #expect(throws: JOSEError.keyUseRefused("use")) { try VerificationKey(jwk: jwk) }
        }
        jwk.use = "sig"
        for operations in [[], ["sign"], ["encrypt", "decrypt"], ["VERIFY"], ["sign, verify"]] {
            jwk.keyOperations = operations
            #expect(throws: JOSEError.keyUseRefused("key_ops")) { try VerificationKey(jwk: jwk) }
        }
        jwk.keyOperations = ["sign", "verify"]
        #expect(try VerificationKey(jwk: jwk).algorithm == algorithm)
        jwk.use = nil
        #expect(try VerificationKey(jwk: jwk).algorithm == algorithm)
    }

    @Test func algorithmOfTheKey() throws {
        for own in JWSAlgorithm.allCases {
            let bound = try TestKeys.key(own).publicJWK
            let free = JWK(material: bound.material)
            for asked in JWSAlgorithm.allCases where asked != own {
                #expect(throws: JOSEError.keyUseRefused("alg")) { try VerificationKey(jwk: bound, algorithm: asked) }
                if own.isRSA, asked.isRSA {
                    #expect(try VerificationKey(jwk: free, algorithm: asked).algorithm == asked)
                } else {
                    #expect(throws: JOSEError.keyUseRefused("kty")) { try VerificationKey(jwk: free, algorithm: asked) }
                }
            }
            // A curve has one algorithm; an RSA key of none says not which.
            if own.isRSA {
                #expect(throws: JOSEError.self) { try VerificationKey(jwk: free) }
            } else {
                #expect(try VerificationKey(jwk: free).algorithm == own)
            }
            // An `alg` that the material cannot have.
            var lying = free
            lying.algorithm = own == .EdDSA ? .ES256 : .EdDSA
            #expect(throws: JOSEError.keyUseRefused("kty")) { try VerificationKey(jwk: lying) }
        }
    }

    @Test func privateMembersAreNotKept() throws {
        for text in [RFCExamples.rs256PrivateJWK, RFCExamples.es512PrivateJWK, RFCExamples.ed25519PrivateJWK] {
            let whole = try json(text)
            let shown = try JWK(json: whole).json().encodedString()
            for name in ["d", "p", "q", "dp", "dq", "qi"] {
                if let secret = whole[name]?.string { #expect(!shown.contains(secret)) }
            }
        }
    }
}
