import APISecurity
import Contracts
import JOSE
import StrictJSON
import Testing

@testable import SecurityClient

@Suite struct TokenCacheTests {
    let world = TestVerifier()
    var issuer: TestIssuer { world.issuer }

    private func revoke(session id: String) {
        world.revocations.apply(
            Revocation(target: .session(id: id, subject: "usr_1"), reason: "logout", at: world.clock.now))
    }

    @Test func aTokenIsVerifiedOnce() async throws {
        let token = try issuer.token()
        #expect(world.verifier.verifyCached(token) == nil)
        for _ in 0..<10 { #expect(await world.refusal(token) == nil) }
        #expect(world.verifier.verifyCached(token)?.subject == "usr_1")
        #expect(world.verifier.statistics.hits == 10)
        #expect(world.verifier.statistics.misses == 2)
        #expect(world.verifier.statistics.cached == 1)
    }

    /// The cache finds a place by a few bytes of the signature. Whoever has a good token can put any claims before them.
    @Test func aTokenWithTheSignatureOfAnotherIsNotThatOne() async throws {
        let good = try issuer.token()
        #expect(await world.refusal(good) == nil)
        let parts = good.split(separator: ".")
        var claims = issuer.claims()
        claims["sub"] = "usr_admin"
        let forged = [parts[0].text, Base64URL.encode(JSONValue.object(claims).encoded()), parts[2].text]
            .joined(separator: ".")
        #expect(await world.refusal(forged) == .invalidSignature)
        #expect(world.verifier.verifyCached(forged) == nil)
        // The same length, one bit of the payload.
        var bytes = Array(good.utf8)
        let middle = parts[0].utf8.count + 20
        bytes[middle] = bytes[middle] == UInt8(ascii: "a") ? UInt8(ascii: "b") : UInt8(ascii: "a")
        #expect(world.verifier.verifyCached(String(decoding: bytes, as: UTF8.self)) == nil)
        #expect(await world.refusal(String(decoding: bytes, as: UTF8.self)) != nil)
    }

    /// Swift takes canonically equivalent texts for equal: KELVIN SIGN for K.
    @Test func textsThatSwiftTakesForEqualAreNot() async throws {
        var token = try issuer.token()
        while !token.contains("K") { token = try issuer.token() }
        #expect(await world.refusal(token) == nil)
        let lookalike = token.replacing("K", with: "\u{212A}", maxReplacements: 1)
        #expect(lookalike == token)
        #expect(world.verifier.verifyCached(lookalike) == nil)
        #expect(await world.refusal(lookalike) != nil)
    }

    @Test func itsSizeIsBounded() async throws {
        let small = TestVerifier { $0.cacheCapacity = 256 }
        var issuer = small.issuer
        issuer.key = TestKeys.ec
        for _ in 0..<600 { #expect(await small.refusal(try issuer.token()) == nil) }
        #expect(small.verifier.statistics.cached <= 256)
        #expect(small.verifier.statistics.cached > 192)
        let last = try issuer.token()
        #expect(await small.refusal(last) == nil)
        #expect(small.verifier.verifyCached(last) != nil)
    }

    @Test func theOneUnusedLongestLeaves() async throws {
        let small = TestVerifier { $0.cacheCapacity = 128 }
        var issuer = small.issuer
        issuer.key = TestKeys.ec
        let kept = try issuer.token()
        for _ in 0..<1_000 {
            #expect(await small.refusal(kept) == nil)
            #expect(await small.refusal(try issuer.token()) == nil)
        }
        // Asked for between any two others, it never was the oldest of those in its places.
        #expect(small.verifier.statistics.hits == 999)
    }

    @Test func withoutACacheEveryTokenIsVerified() async throws {
        let none = TestVerifier { $0.cacheCapacity = 0 }
        let token = try none.issuer.token()
        #expect(await none.refusal(token) == nil)
        #expect(await none.refusal(token) == nil)
        #expect(none.verifier.verifyCached(token) == nil)
        #expect(none.verifier.statistics.cached == 0)
    }

    @Test func aRevokedTokenIsRefusedAtOnce() async throws {
        let token = try issuer.token()
        let other = try issuer.token { $0["sid"] = "session-2" }
        #expect(await world.refusal(token) == nil)
        #expect(await world.refusal(other) == nil)
        revoke(session: "session-1")
        #expect(world.verifier.verifyCached(token) == nil)
        #expect(await world.refusal(token) == .revoked)
        #expect(await world.refusal(token) == .revoked)
        #expect(await world.refusal(other) == nil)
        #expect(await world.refusal(try issuer.token()) == .revoked, "a token not seen before")
    }

    @Test func aRevokedTokenStaysRevokedWhenItsRevocationIsForgotten() async throws {
        let token = try issuer.token()
        #expect(await world.refusal(token) == nil)
        revoke(session: "session-1")
        #expect(await world.refusal(token) == .revoked)
        world.clock.advance(1_100_000)
        revoke(session: "another")
        #expect(world.revocations.count.sessions == 1)
        #expect(await world.refusal(token) == .expired)
    }

    @Test func aWithdrawnKeyTakesItsTokensAlong() async throws {
        let token = try issuer.token()
        var other = issuer
        other.key = TestKeys.ec
        let kept = try other.token()
        #expect(await world.refusal(token) == nil)
        #expect(await world.refusal(kept) == nil)
        world.keys.update { $0 = [TestKeys.ec.publicJWK] }
        #expect(world.verifier.verifyCached(token) == nil)
        #expect(await world.refusal(token) == .unknownKey)
        #expect(await world.refusal(kept) == nil)
    }

    @Test func aKeyThatIsReplacedUnderItsIDTakesItsTokensAlong() async throws {
        let token = try issuer.token()
        #expect(await world.refusal(token) == nil)
        var replacement = TestKeys.otherRSA.publicJWK
        replacement.keyID = "rsa-1"
        let new = replacement
        world.keys.update { $0 = [new] }
        #expect(await world.refusal(token) == .invalidSignature)
    }

    @Test func aKeyThatComesInAdditionChangesNothing() async throws {
        let token = try issuer.token()
        #expect(await world.refusal(token) == nil)
        world.keys.update { $0.append(TestKeys.otherRSA.publicJWK) }
        #expect(world.verifier.verifyCached(token) != nil)
        var other = issuer
        other.key = TestKeys.otherRSA
        #expect(await world.refusal(try other.token()) == nil)
    }

    @Test func manyTasksAtOnce() async throws {
        let world = world
        var issuer = issuer
        issuer.key = TestKeys.ec
        let tokens = try (0..<40).map { number in try issuer.token { $0["sid"] = .string("s-\(number)") } }
        let wrong = Box(0)
        await withTaskGroup(of: Void.self) { group in
            for worker in 0..<8 {
                group.addTask {
                    for round in 0..<200 {
                        let number = (worker * 31 + round * 7) % tokens.count
                        let identity = try? await world.verifier.verify(tokens[number])
                        if identity?.sessionID != "s-\(number)" { wrong.update { $0 += 1 } }
                    }
                }
            }
        }
        #expect(wrong.value == 0)
        #expect(world.verifier.statistics.cached == 40)
    }
}
