import JOSE
import StrictJSON
import Testing

@testable import SecurityClient

/// Whatever comes from outside is refused, never a crash and never taken for something else.
@Suite struct FuzzTests {
    /// Reproducible: xorshift64*.
    private struct Source: RandomNumberGenerator {
        var state: UInt64 = 0x2545_F491_4F6C_DD1D
        mutating func next() -> UInt64 {
            state ^= state >> 12
            state ^= state << 25
            state ^= state >> 27
            return state &* 0x2545_F491_4F6C_DD1D
        }
    }

    private func mutated(_ bytes: [UInt8], _ source: inout Source) -> [UInt8] {
        var bytes = bytes
        for _ in 0..<Int.random(in: 1...4, using: &source) {
            let place = Int.random(in: 0..<max(1, bytes.count), using: &source)
            switch Int.random(in: 0..<5, using: &source) {
            case 0 where !bytes.isEmpty: bytes[place] = UInt8.random(in: 0...255, using: &source)
            case 1 where !bytes.isEmpty: bytes.remove(at: place)
            case 2: bytes.insert(UInt8.random(in: 0x20...0x7E, using: &source), at: min(place, bytes.count))
            case 3: bytes = Array(bytes.prefix(place))
            default: bytes.insert(UInt8(ascii: "."), at: min(place, bytes.count))
            }
        }
        return bytes
    }

    @Test func mutatedTokens() async throws {
        let world = TestVerifier()
        var issuer = world.issuer
        issuer.key = TestKeys.ec
        let token = Array(try issuer.token().utf8)
        #expect(await world.refusal(String(decoding: token, as: UTF8.self)) == nil)
        var source = Source()
        for round in 0..<5_000 {
            let bytes = mutated(token, &source)
            guard bytes != token else { continue }
            #expect(await world.refusal(String(decoding: bytes, as: UTF8.self)) != nil, "round \(round)")
        }
    }

    /// Claims and headers of any shape, properly signed.
    @Test func mutatedClaimsAndHeaders() async throws {
        let world = TestVerifier()
        var issuer = world.issuer
        issuer.key = TestKeys.ec
        let claims = JSONValue.object(issuer.claims()).encoded()
        let header = JSONValue.object(issuer.header).encoded()
        var source = Source()
        for _ in 0..<1_500 {
            let token = try JWT.sign(
                header: mutated(header, &source), payload: mutated(claims, &source), with: TestKeys.ec)
            guard let identity = try? await world.verifier.verify(token) else { continue }
            #expect(!identity.subject.isEmpty && identity.tokenID != nil && identity.keyID == "ec-1")
            #expect(identity.expiresAt > world.clock.seconds)
        }
    }

    @Test func mutatedProofsAndURLs() throws {
        let maker = ProofMaker()
        let now: Int64 = 1_800_000_000
        let proof = Array(try maker.proof(now: now).utf8)
        var source = Source()
        for round in 0..<5_000 {
            let bytes = mutated(proof, &source)
            guard bytes != proof else { continue }
            let text = String(decoding: bytes, as: UTF8.self)
            #expect(throws: DPoPProof.Fault.self, "round \(round)") {
                try DPoPProof.validate(
                    text, method: "POST", url: "https://api.test/v1/orders", accessToken: nil, now: now)
            }
        }
        let url = Array("https://api.test:443/v1/%6Frders/../x?y#z".utf8)
        for _ in 0..<5_000 {
            let text = String(decoding: mutated(url, &source), as: UTF8.self)
            // A normal form is its own.
            guard let normal = HTTPURI.normalised(text) else { continue }
            #expect(HTTPURI.normalised(normal) == normal, "\(text)")
        }
    }
}
