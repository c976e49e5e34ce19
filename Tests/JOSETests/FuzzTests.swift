import JOSE
import StrictJSON
import Testing

/// Seeded, so that a failure can be repeated.
@Suite struct FuzzTests {
    /// Whatever is done to any byte of a token, it verifies no more.
    @Test(arguments: [JWSAlgorithm.RS256, .PS512, .ES256, .ES512, .EdDSA]) func noMutantVerifies(
        algorithm: JWSAlgorithm
    ) throws {
        let key = try TestKeys.key(algorithm)
        let text = try JWT.sign(
            payload: ["iss": "https://issuer.example", "sub": "usr_1", "exp": 1_764_000_000], with: key,
            type: "at+jwt")
        let bytes = Array(text.utf8)
        let set = JWKSet(keys: [key.publicJWK])
        try CompactJWS(parsing: bytes).verify(with: set)
        var mutants = 0
        func expectRefused(_ mutant: [UInt8], _ what: @autoclosure () -> String) {
            guard mutant != bytes else { return }
            mutants += 1
            if (try? CompactJWS(parsing: mutant).verify(with: set)) != nil { Issue.record("verified: \(what())") }
        }
        for place in bytes.indices {
            var mutant = bytes
            let values =
                (0..<8).map { bytes[place] ^ 1 << UInt8($0) } + Array("A_-.=+/ \n\"".utf8) + [0, 0xC3, 0xFF]
            for value in values {
                mutant[place] = value
                expectRefused(mutant, "\(value) at \(place)")
            }
            mutant.remove(at: place)
            expectRefused(mutant, "without \(place)")
            mutant = bytes
            mutant.insert(bytes[place], at: place)
            expectRefused(mutant, "\(place) twice")
            mutant[place] = UInt8(ascii: "=")
            expectRefused(mutant, "padding before \(place)")
            if place + 1 < bytes.count {
                mutant = bytes
                mutant.swapAt(place, place + 1)
                expectRefused(mutant, "\(place) and the next changed places")
            }
            expectRefused(Array(bytes[..<place]), "the first \(place) bytes")
            expectRefused(Array(bytes[place...].dropFirst()), "what follows \(place)")
        }
        #expect(mutants > bytes.count * 20)
    }

    /// A parser takes or refuses what it is given; it never stops the process.
    @Test func randomBytes() {
        var random = SplitMix64(state: 0x6A6F_7365)
        let alphabet = Array(#"{}[]":,.0123456789eE-_=ABCabckty algEdDSA"#.utf8)
        for round in 0..<20_000 {
            let length = Int.random(in: 0...120, using: &random)
            let bytes =
                round % 2 == 0
                ? random.bytes(length) : (0..<length).map { _ in alphabet.randomElement(using: &random) ?? 0 }
            let text = String(decoding: bytes, as: UTF8.self)
            if let decoded = Base64URL.decode(text) { #expect(Base64URL.encode(decoded) == text) }
            #expect((try? CompactJWS(parsing: bytes)) == nil)
            #expect((try? JWKSet(parsing: bytes)) == nil)
            #expect((try? JWTClaims(payload: bytes).raw.isEmpty) != false)
            for algorithm: JWSAlgorithm in [.RS256, .ES256, .ES384, .ES512] {
                #expect((try? SigningKey(pkcs8DER: bytes, algorithm: algorithm)) == nil)
            }
            let key = try? SigningKey(pkcs8DER: bytes, algorithm: .EdDSA)
            #expect((key != nil) == (length == 32))
        }
    }

    /// Three parts of base64url whose contents are random: past the first checks, into header and claims.
    @Test func randomParts() {
        var random = SplitMix64(state: 0x7061_7274)
        let headers = [
            #"{"alg":"ES256"}"#, #"{"alg":"RS256","kid":"k"}"#, #"{"alg":"ES256","jwk":{"kty":"OKP"}}"#, "{}", "[]",
        ].map { Array($0.utf8) }
        var taken = 0
        for _ in 0..<20_000 {
            var header = headers.randomElement(using: &random) ?? []
            if Bool.random(using: &random) {
                header[Int.random(in: header.indices, using: &random)] = UInt8.random(in: 0...255, using: &random)
            }
            let parts = [header, random.bytes(Int.random(in: 0...40, using: &random)), random.bytes(64)]
            if let jws = try? CompactJWS(parsing: parts.map { Base64URL.encode($0) }.joined(separator: ".")) {
                taken += 1
                #expect(jws.payload == parts[1] && jws.signature == parts[2])
                _ = try? JWTClaims(payload: jws.payload)
            }
        }
        #expect(taken > 1_000)
    }

    /// Keys of random material are refused or verify nothing: the cryptographic library takes any of them without harm.
    @Test func randomKeys() throws {
        var random = SplitMix64(state: 0x6B65_7973)
        let message = Array("message".utf8)
        var usable = 0
        for _ in 0..<300 {
            let materials: [(JWK.Material, JWSAlgorithm)] = [
                (.rsa(modulus: random.bytes(Int.random(in: 0...400, using: &random)), exponent: [1, 0, 1]), .RS256),
                (
                    .rsa(modulus: random.bytes(256), exponent: random.bytes(Int.random(in: 0...5, using: &random))),
                    .PS256
                ),
                (.ec(curve: .p256, x: random.bytes(32), y: random.bytes(32)), .ES256),
                (.ec(curve: .p384, x: random.bytes(Int.random(in: 0...60, using: &random)), y: []), .ES384),
                (.ec(curve: .p521, x: random.bytes(66), y: random.bytes(66)), .ES512),
                (.ed25519(x: random.bytes(Int.random(in: 30...34, using: &random))), .EdDSA),
            ]
            for (material, algorithm) in materials {
                let jwk = JWK(material: material, keyID: "k")
                #expect(!jwk.thumbprint().isEmpty)
                _ = try? JWK(json: jwk.json())
                guard let key = try? VerificationKey(jwk: jwk, algorithm: algorithm) else { continue }
                usable += 1
                for length in [0, 1, 64, 96, 132, 256, 300] {
                    #expect(!key.isValid(signature: random.bytes(length), for: message))
                }
            }
        }
        #expect(usable > 100)
    }

    /// One byte of a JWK changed: refused, or another key; never the same one from another text of its material.
    @Test func mutatedKeys() throws {
        for algorithm: JWSAlgorithm in [.RS256, .ES256, .EdDSA] {
            let key = try TestKeys.key(algorithm)
            let bytes = JWKSet(keys: [key.publicJWK]).json().encoded()
            let signed = try CompactJWS(parsing: token(header: #"{"alg":"\#(algorithm.rawValue)"}"#, with: key))
            for place in bytes.indices {
                for value in [bytes[place] ^ 1, bytes[place] ^ 32, UInt8(ascii: "\""), 0, 0xFF]
                where value != bytes[place] {
                    var mutant = bytes
                    mutant[place] = value
                    guard let jwk = try? JWKSet(parsing: mutant).keys.first,
                        let verifier = try? VerificationKey(jwk: jwk, algorithm: algorithm)
                    else { continue }
                    let isSame = jwk.material == key.publicJWK.material
                    #expect(((try? signed.verify(with: verifier)) != nil) == isSame, "\(value) at \(place)")
                }
            }
        }
    }
}
