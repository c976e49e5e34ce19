import Crypto
import Foundation
import JOSE
import StrictJSON
import Testing

@testable import SecurityClient

/// Makes proofs as a client does, and as it would not.
struct ProofMaker {
    var key: SigningKey = TestKeys.ec

    var header: JSONObject {
        ["typ": "dpop+jwt", "alg": .string(key.algorithm.rawValue), "jwk": publicKey]
    }

    /// Nothing but the key: no id, no use.
    var publicKey: JSONValue { JWK(material: key.publicJWK.material).json() }
    var thumbprint: String { key.publicJWK.thumbprint() }

    func proof(
        method: String = "POST", url: String = "https://api.test/v1/orders", token: String? = nil, now: Int64,
        claims alter: (inout JSONObject) -> Void = { _ in }, header change: (inout JSONObject) -> Void = { _ in }
    ) throws -> String {
        var header = header
        change(&header)
        var claims: JSONObject = [
            "jti": .string("j-\(Int.random(in: 0 ... .max))"), "htm": .string(method), "htu": .string(url),
            "iat": .int(now),
        ]
        if let token {
            claims["ath"] = .string(Base64URL.encode(Array(SHA256.hash(data: Data(token.utf8)))))
        }
        alter(&claims)
        return try JWT.sign(
            header: JSONValue.object(header).encoded(), payload: JSONValue.object(claims).encoded(), with: key)
    }
}

@Suite struct DPoPProofTests {
    let now: Int64 = 1_800_000_000
    let maker = ProofMaker()

    private func validate(
        _ proof: String, method: String = "POST", url: String = "https://api.test/v1/orders", token: String? = nil
    ) throws(DPoPProof.Fault) -> DPoPProof {
        try DPoPProof.validate(proof, method: method, url: url, accessToken: token, now: now)
    }

    private func fault(_ proof: String, token: String? = nil) -> DPoPProof.Fault? {
        do throws(DPoPProof.Fault) {
            _ = try validate(proof, token: token)
            return nil
        } catch { return error }
    }

    @Test func aProofSaysWhoseItIs() throws {
        let proof = try validate(try maker.proof(now: now) { $0["jti"] = "one" })
        #expect(proof.thumbprint == maker.thumbprint)
        #expect(proof.tokenID == "one")
        #expect(proof.issuedAt == now)
    }

    /// RFC 9449 section 4.1 shows this proof, made at 1562262616.
    @Test func theProofOfTheRFC() throws {
        let proof = [
            "eyJ0eXAiOiJkcG9wK2p3dCIsImFsZyI6IkVTMjU2IiwiandrIjp7Imt0eSI6IkVDIiwieCI6Imw4dEZyaHgtMzR0VjNoUklDUkRZOXpDa0Rs",
            "cEJoRjQyVVFVZldWQVdCRnMiLCJ5IjoiOVZFNGpmX09rX282NHpiVFRsY3VOSmFqSG10NnY5VERWclUwQ2R2R1JEQSIsImNydiI6IlAtMjU2",
            "In19.eyJqdGkiOiItQndDM0VTYzZhY2MybFRjIiwiaHRtIjoiUE9TVCIsImh0dSI6Imh0dHBzOi8vc2VydmVyLmV4YW1wbGUuY29tL3Rva2VuIi",
            "wiaWF0IjoxNTYyMjYyNjE2fQ.2-GxA6T8lP4vfrg8v-FdWP0A0zdrj8igiMLvqRMUvwnQg4PtFLbdLXiOSsX0x7NVY-FNyJK70nfbV37xRZT3Lg",
        ].joined()
        let valid = try DPoPProof.validate(
            proof, method: "POST", url: "https://server.example.com/token", accessToken: nil, now: 1_562_262_620)
        #expect(valid.tokenID == "-BwC3ESc6acc2lTc")
        #expect(valid.thumbprint == "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I")
    }

    @Test(arguments: [JWSAlgorithm.ES256, .ES384, .ES512, .EdDSA, .RS256, .PS256])
    func algorithms(_ algorithm: JWSAlgorithm) throws {
        let maker = ProofMaker(key: try SigningKey.generate(algorithm))
        let proof = try maker.proof(now: now)
        #expect(try validate(proof).thumbprint == maker.thumbprint)
    }

    @Test func otherAlgorithms() throws {
        for algorithm in ["none", "HS256", "ES256K", ""] {
            #expect(fault(try maker.proof(now: now, header: { $0["alg"] = .string(algorithm) })) == .algorithm)
        }
        let weak = ProofMaker(key: try SigningKey.generate(.RS512))
        #expect(fault(try weak.proof(now: now)) == .algorithm)
        #expect(fault(try maker.proof(now: now, header: { $0["alg"] = "RS256" })) == .key)
    }

    @Test func types() throws {
        for type in ["JWT", "at+jwt", "dpop", ""] {
            #expect(fault(try maker.proof(now: now, header: { $0["typ"] = .string(type) })) == .wrongType)
        }
        #expect(fault(try maker.proof(now: now, header: { $0["typ"] = nil })) == .wrongType)
        #expect(fault(try maker.proof(now: now, header: { $0["typ"] = "DPoP+JWT" })) == nil)
    }

    @Test func keys() throws {
        #expect(fault(try maker.proof(now: now, header: { $0["jwk"] = nil })) == .key)
        #expect(
            fault(try maker.proof(now: now, header: { $0["jwk"] = TestKeys.otherRSA.publicJWK.json() })) == .key)
        let another = ProofMaker(key: try SigningKey.generate(.ES256)).publicKey
        #expect(fault(try maker.proof(now: now, header: { $0["jwk"] = another })) == .signature)
        #expect(fault(try maker.proof(now: now, header: { $0["jwk"] = ["kty": "oct", "k": "AAAA"] })) == .malformed)
        #expect(fault(try maker.proof(now: now, header: { $0["jwk"] = ["kty": "oct"] })) == .algorithm)
    }

    @Test(arguments: ["d", "p", "q", "dp", "dq", "qi", "oth", "k"])
    func privateParts(_ name: String) throws {
        let proof = try maker.proof(
            now: now,
            header: { header in
                guard case .object(var jwk)? = header["jwk"] else { return }
                jwk[name] = "AAAA"
                header["jwk"] = .object(jwk)
            })
        #expect(fault(proof) == .malformed)
    }

    @Test func criticalHeaders() throws {
        #expect(fault(try maker.proof(now: now, header: { $0["crit"] = ["exp"] })) == .malformed)
    }

    @Test func claimsThatMustFit() throws {
        for name in ["jti", "htm", "htu", "iat"] {
            #expect(fault(try maker.proof(now: now) { $0[name] = nil }) == .claim(name))
            #expect(fault(try maker.proof(now: now) { $0[name] = true }) == .claim(name))
        }
        for method in ["GET", "post", "Post", "POST ", ""] {
            #expect(fault(try maker.proof(method: method, now: now)) == .claim("htm"))
        }
        for url in [
            "https://api.test/v1/orders/", "https://api.test/v1", "http://api.test/v1/orders", "/v1/orders",
            "https://evil.test/v1/orders", "https://api.test:8443/v1/orders", "https://a@api.test/v1/orders",
            "https://api.test/V1/orders", "",
        ] {
            #expect(fault(try maker.proof(url: url, now: now)) == .claim("htu"), "\(url)")
        }
    }

    @Test(arguments: [
        "https://api.test/v1/orders?a=b", "https://api.test/v1/orders#x", "HTTPS://API.TEST/v1/orders",
        "https://api.test:443/v1/orders", "https://api.test/v1/./orders", "https://api.test/v0/../v1/orders",
        "https://api.test/%76%31/orders",
    ])
    func urlsThatAreTheSame(_ url: String) throws {
        #expect(fault(try maker.proof(url: url, now: now)) == nil)
    }

    @Test func time() throws {
        for (offset, isTaken) in [(-61, false), (-60, true), (0, true), (5, true), (6, false)] as [(Int64, Bool)] {
            #expect(fault(try maker.proof(now: now + offset)) == (isTaken ? nil : .time), "\(offset)")
        }
        #expect(fault(try maker.proof(now: now) { $0["iat"] = .int(-1) }) == .claim("iat"))
        #expect(fault(try maker.proof(now: now) { $0["iat"] = .double(1e300) }) == .claim("iat"))
    }

    @Test func sizes() throws {
        #expect(fault(try maker.proof(now: now) { $0["jti"] = "" }) == .claim("jti"))
        #expect(fault(try maker.proof(now: now) { $0["jti"] = .string(String(repeating: "j", count: 256)) }) == nil)
        #expect(
            fault(try maker.proof(now: now) { $0["jti"] = .string(String(repeating: "j", count: 257)) })
                == .claim("jti"))
        #expect(
            fault(try maker.proof(now: now) { $0["x"] = .string(String(repeating: "x", count: 9_000)) }) == .malformed)
        for text in ["", "a.b.c", "..", "x"] { #expect(fault(text) == .malformed) }
    }

    @Test func theTokenThatItComesWith() throws {
        let proof = try maker.proof(token: "token-1", now: now)
        #expect(fault(proof, token: "token-1") == nil)
        #expect(fault(proof, token: "token-2") == .claim("ath"))
        #expect(fault(try maker.proof(now: now), token: "token-1") == .claim("ath"))
        #expect(fault(proof) == nil, "without a token nothing is compared")
    }

    @Test(
        arguments: [
            ("https://a.test", "https://a.test/"), ("https://a.test?x", "https://a.test/"),
            ("http://a.test:80/b", "http://a.test/b"), ("http://a.test:/b", "http://a.test/b"),
            ("https://a.test:80/", "https://a.test:80/"), ("https://[::1]:443/", "https://[::1]/"),
            ("https://a.test/%7euser/%2f", "https://a.test/~user/%2F"), ("https://a.test/a/..", "https://a.test/"),
            ("https://a.test/a/b/.", "https://a.test/a/b/"), ("https://a.test/../../x", "https://a.test/x"),
            ("ftp://a.test/", nil), ("//a.test/", nil), ("https://", nil), ("https://:443/", nil),
            ("https://a.test:443:/", nil), ("https://a.test:x/", nil), ("https://a.test:65536/", nil),
            ("https://a.test:08443/", "https://a.test:8443/"),
            ("https://[::1/", nil), ("https://[::1]/", "https://[::1]/"), ("https://a.test/%zz", nil),
            ("https://a.test/%4", nil), ("https://a.test/ b", nil),
        ] as [(String, String?)])
    func normalForms(_ text: String, _ normal: String?) { #expect(HTTPURI.normalised(text) == normal) }

    // MARK: - Replay

    private func used(_ id: String, _ thumbprint: String = "t") -> DPoPProof {
        DPoPProof(thumbprint: thumbprint, tokenID: id, issuedAt: 0)
    }

    @Test func proofsAreUsedOnce() {
        let clock = TestClock()
        let window = ReplayWindow(capacity: 3, share: 3, monotonic: clock.monotonic)
        #expect(window.use(used("1")) == .new)
        #expect(window.use(used("1")) == .used)
        #expect(window.use(used("1", "other")) == .new)
        clock.advance(65_000)
        #expect(window.use(used("1")) == .used, "as long as it would be taken")
        #expect(window.use(used("2")) == .new)
        #expect(window.use(used("3")) == .full)
        clock.advance(1_000)
        #expect(window.use(used("3")) == .new)
        clock.advance(1_000)
        #expect(window.use(used("1")) == .used)
        clock.advance(233_000)
        #expect(window.use(used("1")) == .new, "long over")
    }

    /// Whoever has a bound token and makes proofs as fast as it can is refused alone.
    @Test func oneKeyDoesNotUseUpWhatIsThereForAll() {
        let clock = TestClock()
        let window = ReplayWindow(capacity: 64, monotonic: clock.monotonic)
        let answers = (0..<100).map { window.use(used("\($0)", "greedy")) }
        #expect(answers.count { $0 == .new } == 4, "a sixteenth")
        for number in 0..<15 { #expect(window.use(used("1", "key-\(number)")) == .new) }
        #expect(window.use(used("0", "greedy")) == .used)
        clock.advance(66_000)
        #expect(window.use(used("100", "greedy")) == .new, "a new share")
    }

    /// What was used is known whatever the time of day is set to.
    @Test func theTimeOfDayForgetsNoProof() async throws {
        let world = TestAuthenticator()
        let token = try world.issuer.token { $0["cnf"] = ["jkt": .string(maker.thumbprint)] }
        let proof = try maker.proof(token: token, now: world.issuer.clock.seconds)
        let headers = [("authorization", "DPoP \(token)"), ("DPoP", proof)]
        #expect(try await world.refusal(headers) == nil)
        for step: Int64 in [600_000, 600_000] {
            world.world.clock.step(step)
            let other = try world.issuer.token { $0["cnf"] = ["jkt": .string(maker.thumbprint)] }
            let next = try maker.proof(token: other, now: world.issuer.clock.seconds)
            #expect(try await world.refusal([("authorization", "DPoP \(other)"), ("DPoP", next)]) == nil)
        }
        world.world.clock.step(-1_200_000)
        #expect(try await world.refusal(headers) == .invalidDPoPProof("the proof was used before"))
    }
}
