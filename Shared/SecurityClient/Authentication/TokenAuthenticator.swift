import APISecurity
import Contracts
import HTTPTypes
import Hummingbird
import Synchronization

/// Knows the caller of a request by its access token: bearer (RFC 6750), bound to a DPoP key (RFC 9449) or to a client
/// certificate (RFC 8705).
///
/// Whether the token was revoked is known as long as the freshness source is fresh. When it is not, the issuer is asked;
/// when that cannot be done either, acts that increase risk and neutral ones are refused with 503, and acts that reduce
/// risk go on for up to fifteen minutes.
public struct TokenAuthenticator: Authenticator {
    /// How long (milliseconds) acts that reduce risk go on while revocations may be missed.
    public static let longestStaleness: Int64 = 900_000

    private let verifier: TokenVerifier
    private let freshness: any RevocationFreshness
    private let introspector: Introspector?
    private let staleAfter: Duration
    private let clock: @Sendable () -> Int64
    private let monotonic: @Sendable () -> Int64
    /// Without a trailing slash.
    private let publicURL: String?
    private let proofs: ReplayWindow
    /// Where staleness is counted from while nothing is known, in monotonic milliseconds.
    private let began: Int64
    private let counts = Counts()

    /// What became of the requests whose token could not be checked against fresh revocations.
    final class Counts: Sendable {
        let introspected = Atomic<UInt64>(0)
        let allowed = Atomic<UInt64>(0)
        let refused = Atomic<UInt64>(0)
        /// When introspection began to fail, monotonic milliseconds; `.min` while it does not.
        let outage = Atomic<Int64>(.min)
    }

    /// - Parameters:
    ///   - freshness: how far behind the verifier's revocations may be.
    ///   - introspector: asked while they are stale.
    ///   - staleAfter: from when on they count as stale.
    ///   - clock: milliseconds since the epoch.
    ///   - monotonic: milliseconds that never go back, by which outages are measured.
    ///   - publicURL: what clients put before this service's paths; `htu` of their proofs begins with it. Without it no
    ///     token bound to a DPoP key is taken: what a request says of its host may be made up by whoever stole the proof.
    public init(
        verifier: TokenVerifier, freshness: any RevocationFreshness, introspector: Introspector? = nil,
        staleAfter: Duration = .seconds(5), clock: @escaping @Sendable () -> Int64 = { WallClock.milliseconds() },
        monotonic: @escaping @Sendable () -> Int64 = { MonotonicClock.milliseconds() }, publicURL: String? = nil
    ) {
        self.verifier = verifier
        self.freshness = freshness
        self.introspector = introspector
        self.staleAfter = staleAfter
        self.clock = clock
        self.monotonic = monotonic
        self.publicURL = publicURL.map { $0.hasSuffix("/") ? String($0.dropLast()) : $0 }
        proofs = ReplayWindow(monotonic: monotonic)
        began = monotonic()
    }

    public func authenticate(
        _ request: Request, _ context: APIContext
    ) async throws(AuthenticationError) -> Identity {
        try await authenticate(request, risk: context.route?.access.risk ?? .neutral) {
            context.clientCertificateThumbprint
        }
    }

    /// - Parameters:
    ///   - risk: of the act that is asked for.
    ///   - certificate: `x5t#S256` of the certificate that the client showed; asked only when the token is bound to one.
    public func authenticate(
        _ request: Request, risk: @autoclosure () -> RiskClass, certificate: () -> String?
    ) async throws(AuthenticationError) -> Identity {
        let credentials = try AuthorizationCredentials(request)
        let identity: Identity
        do throws(TokenRefusal) {
            identity = try await verifier.verify(credentials.token)
        } catch {
            if case .keysUnavailable = error { throw .unavailable("\(error)", retryAfter: 1) }
            throw .invalidToken("\(error)")
        }
        // First what costs no request: proofs are used up only by tokens that are good.
        try checkPossession(identity, credentials, request, certificate)
        let staleness = freshness.staleness(now: clock())
        if let staleness, staleness < staleAfter { return identity }
        try await vouch(for: credentials.token, risk(), staleness)
        return identity
    }

    // MARK: - Possession

    private func checkPossession(
        _ identity: Identity, _ credentials: AuthorizationCredentials, _ request: Request,
        _ certificate: () -> String?
    ) throws(AuthenticationError) {
        switch (identity.confirmation, credentials.scheme) {
        case (nil, .bearer): return
        case (.certificate(let thumbprint)?, .bearer):
            guard certificate() == thumbprint else {
                throw .invalidToken("the token is bound to another certificate")
            }
        case (.dpop(let thumbprint)?, .dpop): try checkProof(thumbprint, credentials.token, request)
        // RFC 9449 section 7.1: a bound token comes with its scheme, and the scheme with a bound token.
        case (.dpop?, .bearer): throw .invalidToken("the token is bound to a key: the scheme is DPoP")
        case (nil, .dpop), (.certificate?, .dpop): throw .invalidToken("the token is not bound to a DPoP key")
        }
    }

    private func checkProof(
        _ thumbprint: String, _ token: String, _ request: Request
    ) throws(AuthenticationError) {
        guard let publicURL else { throw .invalidToken("tokens bound to a DPoP key are not taken here") }
        let headers = request.headers[values: TokenAuthenticator.dpop]
        guard let header = headers.first else { throw .invalidDPoPProof("there is no proof") }
        guard headers.count == 1 else { throw .invalidDPoPProof("there is more than one proof") }
        let now = clock() / 1000
        let proof: DPoPProof
        do {
            proof = try DPoPProof.validate(
                header, method: request.method.rawValue, url: publicURL + request.uri.path, accessToken: token,
                now: now)
        } catch { throw .invalidDPoPProof("\(error)") }
        guard proof.thumbprint == thumbprint else { throw .invalidDPoPProof("the proof is of another key") }
        switch proofs.use(proof) {
        case .new: return
        case .used: throw .invalidDPoPProof("the proof was used before")
        case .full: throw .unavailable("too many proofs in a minute", retryAfter: 30)
        }
    }

    // MARK: - Freshness

    /// Returns when a token may be taken although revocations may have been missed.
    private func vouch(
        for token: String, _ risk: RiskClass, _ staleness: Duration?
    ) async throws(AuthenticationError) {
        let now = monotonic()
        if let introspector {
            // Why it fails is counted and logged where it does.
            if let isActive = try? await introspector.isActive(token) {
                counts.outage.store(.min, ordering: .relaxed)
                guard isActive else { throw .invalidToken("the token was revoked") }
                counts.introspected.add(1, ordering: .relaxed)
                return
            }
            _ = counts.outage.compareExchange(expected: .min, desired: now, ordering: .relaxed)
        }
        let unknownFor = staleness ?? .milliseconds(max(0, now - unknownSince))
        if case .reducing = risk, unknownFor <= .milliseconds(TokenAuthenticator.longestStaleness) {
            counts.allowed.add(1, ordering: .relaxed)
            return
        }
        counts.refused.add(1, ordering: .relaxed)
        throw .unavailable("whether the token was revoked cannot be found out at the moment", retryAfter: 2)
    }

    /// Where there is no feed to measure: since the issuer does not answer, or since the start where nobody is asked.
    private var unknownSince: Int64 {
        let outage = counts.outage.load(ordering: .relaxed)
        return outage == .min ? began : outage
    }

    /// Requests decided while revocations were stale: vouched for by the issuer, let through as reducing risk, refused.
    public var staleDecisions: (introspected: UInt64, allowed: UInt64, refused: UInt64) {
        (
            counts.introspected.load(ordering: .relaxed), counts.allowed.load(ordering: .relaxed),
            counts.refused.load(ordering: .relaxed)
        )
    }

    private static let dpop = HTTPField.Name("DPoP")!
}

extension TokenAuthenticator: ImmediateAuthenticator {
    /// Bearer tokens that were verified before, while revocations are fresh. Proofs of DPoP keys are left to
    /// `authenticate`.
    package func identityAtHand(authorization: String, certificate: () -> String?) -> Identity? {
        guard let credentials = try? AuthorizationCredentials(header: authorization), credentials.scheme == .bearer,
            let identity = verifier.verifyCached(credentials.token),
            let staleness = freshness.staleness(now: clock()), staleness < staleAfter
        else { return nil }
        switch identity.confirmation {
        case nil: return identity
        case .certificate(let thumbprint)?: return certificate() == thumbprint ? identity : nil
        case .dpop?: return nil
        }
    }
}
