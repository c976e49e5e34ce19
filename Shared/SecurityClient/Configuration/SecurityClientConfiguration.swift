import EventBus
import JOSE
import ServiceKit

/// What a trading service says of its security. `docs/trading-services.md` has the table.
public struct SecurityClientConfiguration: Sendable {
    /// What is done about tokens that were revoked before they expire.
    public enum RevocationCheck: String, Sendable, CaseIterable {
        /// The feed, introspection, or both have to be configured.
        case required
        /// Neither has to: a revoked token may live for up to fifteen minutes.
        case none
    }

    /// `iss` of every token.
    public var issuer: String
    /// What `aud` must contain.
    public var audience: String
    /// Where token-service is reached from here.
    public var tokenServiceURL: String
    public var jwksURL: String
    public var introspectionURL: String
    /// Where clients reach this service; DPoP proofs name a URL below it. Without it no token bound to a key is taken.
    public var publicURL: String?
    /// This service's own account, for introspection.
    public var clientID: String?
    public var clientSecret: Sensitive<String>?
    public var algorithms: Set<JWSAlgorithm>
    /// From when on the feed counts as stale.
    public var staleAfter: Duration
    public var revocationCheck: RevocationCheck
    public var introspectionTimeout: Duration
    /// Milliseconds; how long introspection's `active` may be given out again.
    public var introspectionCache: Int64
    /// Tokens in the verifier's cache.
    public var cacheCapacity: Int
    /// The outboxes that the feed of revocations consists of.
    public var revocationOutboxes: [String]
    /// How token-service is spoken to.
    public var security: HTTPTransportSecurity
    /// Where policies come from.
    public var policies: PolicyClientConfiguration
    /// nil: no feed is read.
    package var kafka: KafkaConfiguration?

    /// Notes bad values in `source`, whose `finish()` throws them.
    public init(_ source: ConfigSource) {
        let issuer = source.string("ISSUER", default: "http://127.0.0.1:7001")
        self.issuer = issuer
        audience = source.string("AUDIENCE", default: "jts")
        let service = SecurityClientConfiguration.url(source, "TOKEN_SERVICE_URL", default: issuer)
        tokenServiceURL = service
        jwksURL = SecurityClientConfiguration.url(source, "JWKS_URL", default: service + "/.well-known/jwks.json")
        introspectionURL = SecurityClientConfiguration.url(
            source, "INTROSPECTION_URL", default: service + "/oauth2/introspect")
        publicURL = source.optionalString("PUBLIC_URL")
        clientID = source.optionalString("CLIENT_ID")
        clientSecret = source.optionalSensitive("CLIENT_SECRET")
        algorithms = SecurityClientConfiguration.algorithms(source)
        staleAfter = source.duration("REVOCATION_STALE_AFTER", default: "5s", in: "1s"..."30s")
        revocationCheck = source.value("REVOCATION_CHECK", default: .required, expected: "required or none") {
            RevocationCheck(rawValue: $0)
        }
        introspectionTimeout = source.duration("INTROSPECTION_TIMEOUT", default: "500ms", in: "50ms"..."5s")
        introspectionCache = source.milliseconds("INTROSPECTION_CACHE", default: "0ms", in: "0ms"..."5s")
        cacheCapacity = source.int("TOKEN_CACHE_SIZE", default: 8_192, in: 0...1_000_000)
        revocationOutboxes = source.strings("REVOCATION_OUTBOXES", default: ["token-service/main"])
        security = HTTPTransportSecurity(
            caFile: source.optionalString("TOKEN_SERVICE_CA_FILE"),
            certificateFile: source.optionalString("CLIENT_CERT_FILE"),
            keyFile: source.optionalString("CLIENT_KEY_FILE"))
        policies = PolicyClientConfiguration(source)
        kafka = source.optionalString("KAFKA_BOOTSTRAP_SERVERS").map {
            KafkaConfiguration(bootstrapServers: $0, source, clientID: "security-client")
        }
        check(source)
    }

    private func check(_ source: ConfigSource) {
        if (clientID == nil) != (clientSecret == nil) {
            source.reject(clientID == nil ? "CLIENT_ID" : "CLIENT_SECRET", "is required beside the other of the two")
        }
        if (security.certificateFile == nil) != (security.keyFile == nil) {
            source.reject(
                security.keyFile == nil ? "CLIENT_KEY_FILE" : "CLIENT_CERT_FILE",
                "is required beside the other of the two")
        }
        if policies.url != nil, clientID == nil {
            source.reject("POLICY_SERVICE_URL", "requires CLIENT_ID: policies are read with this service's own account")
        }
        if kafka == nil, clientID == nil, revocationCheck == .required {
            source.reject(
                "KAFKA_BOOTSTRAP_SERVERS",
                "or CLIENT_ID is required: revoked tokens could not be told (REVOCATION_CHECK=none takes them until they expire)"
            )
        }
        checkTransport(source)
        if revocationOutboxes.isEmpty { source.reject("REVOCATION_OUTBOXES", "names no outbox") }
    }

    /// Keys, tokens and this service's secret travel to these: in the clear they may be read, and keys exchanged.
    private func checkTransport(_ source: ConfigSource) {
        if source.bool("ALLOW_INSECURE_HTTP", default: false) { return }
        var named = [("TOKEN_SERVICE_URL", tokenServiceURL)]
        // What follows from the first is told once.
        if let url = policies.url { named.append(("POLICY_SERVICE_URL", url)) }
        for (name, url) in [("JWKS_URL", jwksURL), ("INTROSPECTION_URL", introspectionURL)]
        where !url.hasPrefix(tokenServiceURL + "/") { named.append((name, url)) }
        for (name, url) in named where !url.hasPrefix("https://") && !HTTPURI.isLoopback(url) {
            source.reject(
                name,
                "is http to another machine: https is required (or ALLOW_INSECURE_HTTP=true within a trusted network)"
            )
        }
    }

    private static func url(_ source: ConfigSource, _ name: String, default standard: String) -> String {
        source.value(name, default: trimmed(standard), expected: "an http or https URL") { text in
            text.hasPrefix("https://") || text.hasPrefix("http://") ? trimmed(text) : nil
        }
    }

    private static func trimmed(_ url: String) -> String { url.hasSuffix("/") ? String(url.dropLast()) : url }

    private static func algorithms(_ source: ConfigSource) -> Set<JWSAlgorithm> {
        let names = source.strings("TOKEN_ALGORITHMS", default: ["RS256", "PS256", "ES256", "EdDSA"])
        let known = names.compactMap(JWSAlgorithm.init(rawValue:))
        if known.count != names.count || known.isEmpty {
            source.reject("TOKEN_ALGORITHMS", "names an algorithm that is not known, or none")
        }
        return Set(known)
    }
}
