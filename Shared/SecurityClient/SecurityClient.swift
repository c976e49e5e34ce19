import APISecurity
import Contracts
import Hummingbird
import Logging
import ServiceKit
import ServiceLifecycle

/// What a trading service needs to know who calls it: the issuer's keys, the revocations, and an authenticator for its
/// routes.
///
///     let source = ConfigSource()
///     let security = try SecurityClient(SecurityClientConfiguration(source), logger: logger)
///     let router = SecureRouter(authenticator: security.authenticator)
///     router.post("/v1/orders", .permission("orders:place")) { request, context in ... }
///     // Run `security.services` beside the HTTP server.
public final class SecurityClient: Sendable {
    public let verifier: TokenVerifier
    public let revocations: RevocationSet
    /// nil when no Kafka is configured.
    public let feed: RevocationFeed?
    public let keys: RemoteJWKS
    public let tokenAuthenticator: TokenAuthenticator
    /// nil when there is no `CLIENT_ID`.
    public let introspector: Introspector?
    /// What decides in this process; nil when no `POLICY_SERVICE_URL` is configured.
    public let policies: PolicyClient?
    private let shadow: ShadowClient?
    /// Asks token-service as this service; nil when there is no `CLIENT_ID`.
    package let tokenService: ServiceCalls?
    private let staleAfter: Duration

    /// - Throws: when a certificate file or the keys of policy-service cannot be read.
    public init(
        _ configuration: SecurityClientConfiguration, metrics: MetricsRegistry = .shared, logger: Logger
    ) throws {
        let transport = try HTTPTransport(configuration.security)
        let revocations = RevocationSet()
        let keys = RemoteJWKS(url: configuration.jwksURL, options: .init(), transport: transport, logger: logger)
        let verifier = TokenVerifier(
            TokenVerifier.Options(
                issuer: configuration.issuer, audience: configuration.audience, algorithms: configuration.algorithms,
                cacheCapacity: configuration.cacheCapacity),
            keys: keys, revocations: revocations)
        let feed = configuration.kafka.map {
            RevocationFeed(
                kafka: $0, revocations: revocations, outboxes: configuration.revocationOutboxes, metrics: metrics,
                logger: logger)
        }
        var introspector: Introspector?
        if let id = configuration.clientID, let secret = configuration.clientSecret {
            var options = Introspector.Options()
            options.timeout = configuration.introspectionTimeout
            options.cacheFor = configuration.introspectionCache
            introspector = Introspector(
                url: configuration.introspectionURL, clientID: id, clientSecret: secret, options: options,
                transport: transport, logger: logger, clock: { WallClock.milliseconds() })
        }
        let freshness: any RevocationFreshness =
            feed
            ?? (introspector == nil && configuration.revocationCheck == .none
                ? AlwaysFresh() as any RevocationFreshness : NeverFresh())
        self.verifier = verifier
        self.revocations = revocations
        self.feed = feed
        self.keys = keys
        self.introspector = introspector
        tokenService = SecurityClient.tokenService(configuration, transport: transport)
        (policies, shadow) = try SecurityClient.policies(
            configuration, transport: transport, metrics: metrics, logger: logger)
        staleAfter = configuration.staleAfter
        tokenAuthenticator = TokenAuthenticator(
            verifier: verifier, freshness: freshness, introspector: introspector,
            staleAfter: configuration.staleAfter, publicURL: configuration.publicURL)
        register(in: metrics)
    }

    /// For `SecureRouter`.
    public var authenticator: any Authenticator { tokenAuthenticator }

    /// What has to run beside the HTTP server: keys are refreshed, revocations followed, introspection tried.
    public var services: [any Service] {
        var services: [any Service] = [keys]
        if let feed { services.append(feed) }
        if let introspector { services.append(IntrospectionCheck(introspector: introspector)) }
        if let policies { services.append(policies) }
        if let shadow { services.append(shadow) }
        return services
    }

    /// Says on `/readyz` whether the keys are there and the revocations known. The feed has to have been read up to its
    /// end once; afterwards its staleness is reported and keeps nothing from being answered, so that acts that reduce
    /// risk go on. Introspection that fails is reported likewise.
    public func registerHealth(on health: HealthChecks) {
        let (keys, staleAfter) = (keys, staleAfter)
        health.register("signing-keys") {
            if !keys.hasKeys { await keys.refresh() }
            guard keys.hasKeys else { throw NotReady(description: "the issuer's keys were not fetched yet") }
        }
        if let introspector {
            health.register("introspection", isRequired: false) {
                switch introspector.condition {
                case .working: return
                case .unknown: throw NotReady(description: "nothing was introspected yet")
                case .failing(.unavailable): throw NotReady(description: "introspection is not answered")
                case .failing(.refused): throw NotReady(description: "introspection is refused to this client")
                case .failing(.overloaded): throw NotReady(description: "too much is introspected at once")
                }
            }
        }
        if let policies {
            health.register("policies") {
                guard policies.replica.snapshot != nil else {
                    throw NotReady(description: "no policies were read yet")
                }
            }
            health.register("policy-freshness", isRequired: false) {
                guard policies.isFresh(now: WallClock.milliseconds()) else {
                    throw NotReady(description: "policies are stale")
                }
            }
        }
        guard let feed else { return }
        health.register("revocations") {
            // Read to its end, and every partition heard: from then on it is known how fresh it is.
            guard feed.staleness(now: WallClock.milliseconds()) != nil else {
                throw NotReady(description: "the feed of revocations is being read")
            }
        }
        health.register("revocation-feed", isRequired: false) {
            guard let staleness = feed.staleness(now: WallClock.milliseconds()), staleness < staleAfter else {
                throw NotReady(description: "the feed of revocations is stale")
            }
        }
    }

    private struct NotReady: Error, CustomStringConvertible {
        let description: String
    }

    private static func tokenService(
        _ configuration: SecurityClientConfiguration, transport: HTTPTransport
    ) -> ServiceCalls? {
        guard let id = configuration.clientID, let secret = configuration.clientSecret else { return nil }
        return ServiceCalls(
            url: configuration.tokenServiceURL, transport: transport,
            token: ServiceToken(
                url: configuration.tokenServiceURL + "/oauth2/token", clientID: id, clientSecret: secret,
                transport: transport))
    }

    private static func policies(
        _ configuration: SecurityClientConfiguration, transport: HTTPTransport, metrics: MetricsRegistry,
        logger: Logger
    ) throws -> (PolicyClient?, ShadowClient?) {
        guard let url = configuration.policies.url, let id = configuration.clientID,
            let secret = configuration.clientSecret
        else { return (nil, nil) }
        let keys = try configuration.policies.keys(at: url, transport: transport, logger: logger)
        let token = ServiceToken(
            url: configuration.tokenServiceURL + "/oauth2/token", clientID: id, clientSecret: secret,
            transport: transport)
        let client = PolicyClient(
            configuration.policies, url: url, transport: transport, token: token, keys: keys,
            kafka: configuration.kafka, metrics: metrics, logger: logger)
        let bundles = ShadowBundles(
            url: url, issuer: configuration.policies.issuer, transport: transport, token: token, keys: keys)
        return (client, ShadowClient(client.replica, bundles: bundles, logger: logger))
    }

    /// Decides by the policies that this client keeps.
    /// - Parameter record: what goes on record of decisions.
    public func authorizer(_ record: DecisionRecord? = nil) -> Authorizer? {
        policies.map { Authorizer($0, record: record, shadow: shadow?.evaluation) }
    }

    private func register(in metrics: MetricsRegistry) {
        let (verifier, keys, revocations, authenticator) = (verifier, keys, revocations, tokenAuthenticator)
        metrics.counter("security_token_cache_hits_total", help: "Tokens answered from the cache.") {
            Double(verifier.statistics.hits)
        }
        metrics.counter("security_token_cache_misses_total", help: "Tokens that had to be verified.") {
            Double(verifier.statistics.misses)
        }
        metrics.counter("security_token_refusals_total", help: "Tokens refused.") {
            Double(verifier.statistics.refusals)
        }
        metrics.counter("security_jwks_fetches_total", help: "Fetches of the issuer's keys.") {
            Double(keys.statistics.fetches)
        }
        metrics.counter("security_jwks_failures_total", help: "Fetches of the issuer's keys that failed.") {
            Double(keys.statistics.failures)
        }
        metrics.gauge("security_revocations", help: "Revocations remembered.", labels: ["kind": "session"]) {
            Double(revocations.count.sessions)
        }
        metrics.gauge("security_revocations", help: "Revocations remembered.", labels: ["kind": "subject"]) {
            Double(revocations.count.subjects)
        }
        if let introspector { SecurityClient.register(introspector, in: metrics) }
        let decisions: [(String, @Sendable (TokenAuthenticator) -> UInt64)] = [
            ("introspected", { $0.staleDecisions.introspected }), ("allowed", { $0.staleDecisions.allowed }),
            ("refused", { $0.staleDecisions.refused }),
        ]
        for (decision, count) in decisions {
            metrics.counter(
                "security_stale_decisions_total", help: "Requests decided while revocations were stale.",
                labels: ["decision": decision]
            ) { Double(count(authenticator)) }
        }
    }

    private static func register(_ introspector: Introspector, in metrics: MetricsRegistry) {
        metrics.counter("security_introspections_total", help: "Introspections that were answered.") {
            Double(introspector.statistics.answered)
        }
        let failures: [(String, @Sendable (Introspector.Statistics) -> UInt64)] = [
            ("unavailable", { $0.unavailable }), ("refused", { $0.refused }), ("overloaded", { $0.overloaded }),
        ]
        for (reason, count) in failures {
            metrics.counter(
                "security_introspection_failures_total", help: "Introspections that failed.",
                labels: ["reason": reason]
            ) { Double(count(introspector.statistics)) }
        }
    }
}
