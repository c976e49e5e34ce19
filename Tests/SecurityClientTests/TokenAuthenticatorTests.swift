import APISecurity
import Contracts
import Foundation
import HTTPTypes
import Hummingbird
import JOSE
import StrictJSON
import Testing

@testable import SecurityClient

/// A request as far as authentication looks at it.
func makeRequest(
    _ headers: [(String, String)] = [], method: HTTPRequest.Method = .post, path: String = "/v1/orders?x=1"
) throws -> Request {
    var fields = HTTPFields()
    for (name, value) in headers {
        fields.append(HTTPField(name: try #require(HTTPField.Name(name)), value: value))
    }
    return Request(
        head: HTTPRequest(
            method: method, scheme: "https", authority: "api.test", path: path, headerFields: fields),
        body: .init(buffer: ByteBuffer()))
}

/// An authenticator with its surroundings.
struct TestAuthenticator {
    let world = TestVerifier()
    let freshness = FakeFreshness(.zero)
    let authenticator: TokenAuthenticator
    var issuer: TestIssuer { world.issuer }

    init(
        _ introspector: Introspector? = nil, publicURL: String? = "https://api.test/",
        staleAfter: Duration = .seconds(5)
    ) {
        authenticator = TokenAuthenticator(
            verifier: world.verifier, freshness: freshness, introspector: introspector, staleAfter: staleAfter,
            clock: world.clock.read, monotonic: world.clock.monotonic, publicURL: publicURL)
    }

    func refusal(
        _ headers: [(String, String)], risk: RiskClass = .neutral, certificate: String? = nil
    ) async throws -> AuthenticationError? {
        let request = try makeRequest(headers)
        do throws(AuthenticationError) {
            _ = try await authenticator.authenticate(request, risk: risk) { certificate }
            return nil
        } catch { return error }
    }

    func isUnavailable(_ token: String, _ risk: RiskClass) async throws -> Bool {
        if case .unavailable? = try await refusal([("authorization", "Bearer \(token)")], risk: risk) {
            true
        } else {
            false
        }
    }
}

@Suite struct TokenAuthenticatorTests {
    let world = TestAuthenticator()
    var issuer: TestIssuer { world.issuer }

    @Test func bearers() async throws {
        let token = try issuer.token()
        #expect(try await world.refusal([("authorization", "Bearer \(token)")]) == nil)
        #expect(try await world.refusal([("authorization", "bearer \(token)")]) == nil)
        #expect(try await world.refusal([]) == .missingCredentials)
        #expect(try await world.refusal([("authorization", "Basic YTpi")]) == .missingCredentials)
        let twice = [("authorization", "Bearer \(token)"), ("authorization", "Bearer \(token)")]
        #expect(try await world.refusal(twice) == .invalidRequest("more than one Authorization header"))
        #expect(
            try await world.refusal([("authorization", "Bearer a.b.c")])
                == .invalidToken("the token is malformed: base64url"))
    }

    @Test func revokedTokens() async throws {
        let token = try issuer.token()
        #expect(try await world.refusal([("authorization", "Bearer \(token)")]) == nil)
        world.world.revocations.apply(
            Revocation(target: .session(id: "session-1", subject: "usr_1"), reason: "logout", at: issuer.clock.now))
        for risk in [RiskClass.increasing, .reducing, .neutral] {
            #expect(
                try await world.refusal([("authorization", "Bearer \(token)")], risk: risk)
                    == .invalidToken("the token was revoked"))
        }
    }

    @Test func tokensBoundToACertificate() async throws {
        let thumbprint = TestKeys.ec.publicJWK.thumbprint()
        let token = try issuer.token { $0["cnf"] = ["x5t#S256": .string(thumbprint)] }
        let headers = [("authorization", "Bearer \(token)")]
        let refusal = AuthenticationError.invalidToken("the token is bound to another certificate")
        #expect(try await world.refusal(headers, certificate: thumbprint) == nil)
        #expect(try await world.refusal(headers) == refusal)
        #expect(try await world.refusal(headers, certificate: String(thumbprint.reversed())) == refusal)
    }

    // MARK: DPoP, RFC 9449 section 7

    private let maker = ProofMaker()

    private func boundToken() throws -> String {
        try issuer.token { $0["cnf"] = ["jkt": .string(maker.thumbprint)] }
    }

    @Test func tokensBoundToAKey() async throws {
        let token = try boundToken()
        let proof = try maker.proof(token: token, now: issuer.clock.seconds)
        let headers = [("authorization", "DPoP \(token)"), ("DPoP", proof)]
        #expect(try await world.refusal(headers) == nil)
        #expect(try await world.refusal(headers) == .invalidDPoPProof("the proof was used before"))
        let next = try maker.proof(token: token, now: issuer.clock.seconds)
        #expect(try await world.refusal([("authorization", "dpop \(token)"), ("dpop", next)]) == nil)
    }

    @Test func proofsThatDoNotFit() async throws {
        let token = try boundToken()
        let now = issuer.clock.seconds
        let authorization = ("authorization", "DPoP \(token)")
        let proof = try maker.proof(token: token, now: now)
        func refused(_ headers: [(String, String)]) async throws -> Bool {
            if case .invalidDPoPProof? = try await world.refusal(headers) { true } else { false }
        }
        #expect(try await refused([authorization]))
        #expect(try await refused([authorization, ("DPoP", proof), ("DPoP", proof)]))
        #expect(try await refused([authorization, ("DPoP", "x")]))
        let other = ProofMaker(key: try SigningKey.generate(.ES256))
        #expect(try await refused([authorization, ("DPoP", try other.proof(token: token, now: now))]))
        #expect(try await refused([authorization, ("DPoP", try maker.proof(now: now))]))
        #expect(try await refused([authorization, ("DPoP", try maker.proof(token: "other", now: now))]))
        #expect(try await refused([authorization, ("DPoP", try maker.proof(method: "GET", token: token, now: now))]))
        let elsewhere = try maker.proof(url: "https://other.test/v1/orders", token: token, now: now)
        #expect(try await refused([authorization, ("DPoP", elsewhere)]))
        #expect(try await refused([authorization, ("DPoP", try maker.proof(token: token, now: now - 61))]))
        #expect(try await world.refusal([authorization, ("DPoP", proof)]) == nil)
    }

    @Test func theSchemeFitsTheToken() async throws {
        let bound = try boundToken()
        let plain = try issuer.token()
        let now = issuer.clock.seconds
        let proof = try maker.proof(token: bound, now: now)
        guard case .invalidToken? = try await world.refusal([("authorization", "Bearer \(bound)"), ("DPoP", proof)])
        else {
            Issue.record("a bound token was taken as a bearer")
            return
        }
        let other = try maker.proof(token: plain, now: now)
        guard case .invalidToken? = try await world.refusal([("authorization", "DPoP \(plain)"), ("DPoP", other)])
        else {
            Issue.record("a bearer was taken as bound")
            return
        }
    }

    /// The host that a request names may be made up by whoever holds the proof.
    @Test func withoutAURLOfItsOwnAServiceTakesNoProof() async throws {
        let world = TestAuthenticator(publicURL: nil)
        let token = try world.issuer.token { $0["cnf"] = ["jkt": .string(maker.thumbprint)] }
        let proof = try maker.proof(token: token, now: world.issuer.clock.seconds)
        #expect(
            try await world.refusal([("authorization", "DPoP \(token)"), ("DPoP", proof)])
                == .invalidToken("tokens bound to a DPoP key are not taken here"))
    }

    @Test func noKeysIsNobodysFault() async throws {
        let verifier = TokenVerifier(
            TokenVerifier.Options(issuer: TestIssuer.name, audience: "jts"), keys: NoKeys(),
            revocations: RevocationSet(), clock: issuer.clock.read)
        let authenticator = TokenAuthenticator(verifier: verifier, freshness: AlwaysFresh(), clock: issuer.clock.read)
        let request = try makeRequest([("authorization", "Bearer \(try issuer.token())")])
        await #expect(
            throws: AuthenticationError.unavailable("the issuer's keys cannot be had at the moment", retryAfter: 1)
        ) {
            try await authenticator.authenticate(request, risk: .neutral) { nil }
        }
    }

    private struct NoKeys: VerificationKeys {
        var generation: UInt64 { 0 }
        func keyAtHand(_ keyID: String, algorithm: JWSAlgorithm) -> VerificationKey? { nil }
        func key(_ keyID: String, algorithm: JWSAlgorithm) async throws(KeysUnavailable) -> VerificationKey? {
            throw KeysUnavailable()
        }
    }
}

/// What happens while revocations may be missed.
@Suite struct StalenessTests {
    @Test(
        arguments: [
            (.increasing, .milliseconds(4_999), true), (.increasing, .seconds(5), false),
            (.neutral, .milliseconds(4_999), true), (.neutral, .seconds(5), false), (.reducing, .seconds(5), true),
            (.reducing, .seconds(900), true), (.reducing, .seconds(901), false), (.increasing, .seconds(901), false),
        ] as [(RiskClass, Duration, Bool)])
    func theRiskDecides(_ risk: RiskClass, _ staleness: Duration, _ isTaken: Bool) async throws {
        let world = TestAuthenticator()
        world.freshness.set(staleness)
        #expect(try await world.isUnavailable(try world.issuer.token(), risk) == !isTaken)
    }

    @Test func nothingKnownSinceTheStart() async throws {
        let world = TestAuthenticator()
        world.freshness.set(nil)
        let token = try world.issuer.token()
        #expect(try await world.isUnavailable(token, .increasing))
        #expect(try await world.isUnavailable(token, .neutral))
        #expect(try await world.isUnavailable(token, .reducing) == false)
        world.world.clock.advance(TokenAuthenticator.longestStaleness)
        let later = try world.issuer.token()
        #expect(try await world.isUnavailable(later, .reducing) == false)
        world.world.clock.advance(1)
        #expect(try await world.isUnavailable(later, .reducing))
        let decisions = world.authenticator.staleDecisions
        #expect(decisions.allowed == 2)
        #expect(decisions.refused == 3)
    }

    /// An outage does not get shorter because the time of day is set back.
    @Test func outagesAreMeasuredWhateverTheTimeOfDay() async throws {
        let world = TestAuthenticator()
        world.freshness.set(nil)
        world.world.clock.advance(TokenAuthenticator.longestStaleness + 1)
        world.world.clock.step(-600_000)
        #expect(try await world.isUnavailable(try world.issuer.token(), .reducing))
    }

    @Test func whatIsKnownOfATokenCountsHoweverStale() async throws {
        let world = TestAuthenticator()
        world.freshness.set(.seconds(100))
        world.world.revocations.apply(
            Revocation(
                target: .session(id: "session-1", subject: "usr_1"), reason: "logout", at: world.issuer.clock.now))
        let token = try world.issuer.token()
        #expect(
            try await world.refusal([("authorization", "Bearer \(token)")], risk: .reducing)
                == .invalidToken("the token was revoked"))
        let expired = try world.issuer.token { $0["sid"] = "session-2" }
        world.world.clock.advance(901_000)
        #expect(
            try await world.refusal([("authorization", "Bearer \(expired)")], risk: .reducing)
                == .invalidToken("the token has expired"))
    }

    @Test func theIssuerIsAsked() async throws {
        let endpoint = try await IntrospectionEndpoint()
        let world = TestAuthenticator(try endpoint.introspector())
        let token = try world.issuer.token()
        let headers = [("authorization", "Bearer \(token)")]
        #expect(try await world.refusal(headers, risk: .increasing) == nil)
        #expect(endpoint.requests == 0, "not while revocations are fresh")
        world.freshness.set(nil)
        for risk in [RiskClass.increasing, .neutral, .reducing] {
            #expect(try await world.refusal(headers, risk: risk) == nil)
        }
        #expect(endpoint.requests == 3)
        #expect(world.authenticator.staleDecisions.introspected == 3)
        endpoint.state.update { $0.body = #"{"active":false}"# }
        for risk in [RiskClass.increasing, .neutral, .reducing] {
            #expect(try await world.refusal(headers, risk: risk) == .invalidToken("the token was revoked"))
        }
        await endpoint.stop()
    }

    @Test func anIssuerThatDoesNotAnswerVouchesForNobody() async throws {
        let endpoint = try await IntrospectionEndpoint()
        let world = TestAuthenticator(try endpoint.introspector())
        world.freshness.set(.seconds(60))
        endpoint.state.update { $0.status = .serviceUnavailable }
        let token = try world.issuer.token()
        #expect(try await world.isUnavailable(token, .increasing))
        #expect(try await world.isUnavailable(token, .neutral))
        #expect(try await world.isUnavailable(token, .reducing) == false)
        await endpoint.stop()
    }

    /// Without a feed it counts for how long the issuer has not answered, not when it was asked last.
    @Test func withIntrospectionAloneTheOutageIsMeasured() async throws {
        let endpoint = try await IntrospectionEndpoint()
        let world = TestAuthenticator(try endpoint.introspector())
        world.freshness.set(nil)
        world.world.clock.advance(3_600_000)
        endpoint.state.update { $0.status = .serviceUnavailable }
        #expect(try await world.isUnavailable(try world.issuer.token(), .reducing) == false)
        world.world.clock.advance(TokenAuthenticator.longestStaleness + 1)
        #expect(try await world.isUnavailable(try world.issuer.token(), .reducing))
        endpoint.state.update { $0.status = .ok }
        #expect(try await world.isUnavailable(try world.issuer.token(), .increasing) == false)
        endpoint.state.update { $0.status = .serviceUnavailable }
        #expect(try await world.isUnavailable(try world.issuer.token(), .reducing) == false)
        #expect(try await world.isUnavailable(try world.issuer.token(), .increasing))
        await endpoint.stop()
    }

    @Test func aTokenThatIsNoGoodAsksNobody() async throws {
        let endpoint = try await IntrospectionEndpoint()
        let world = TestAuthenticator(try endpoint.introspector())
        world.freshness.set(nil)
        let forged = try world.issuer.token().dropLast(8) + "AAAAAAAA"
        _ = try await world.refusal([("authorization", "Bearer \(forged)")], risk: .increasing)
        let thumbprint = TestKeys.ec.publicJWK.thumbprint()
        let stolen = try world.issuer.token { $0["cnf"] = ["x5t#S256": .string(thumbprint)] }
        _ = try await world.refusal([("authorization", "Bearer \(stolen)")], risk: .increasing)
        #expect(endpoint.requests == 0)
        await endpoint.stop()
    }
}
