import APISecurity
import Contracts
import Database
import EventBus
import Hummingbird
import JOSE
import Logging
import Redis
import SecurityClient
import ServiceKit
import ServiceLifecycle

/// The service, put together: its routes and what runs beside them.
struct Assembly: Sendable {
    let router: SecureRouter
    /// In the order of their start; to be stopped the other way round.
    let background: [any Service]
    let publishing: Publishing
    let keys: SigningKeys
    let follower: RevocationFollower
    let roles: FollowedRoles

    init(_ platform: Platform, settings: HTTPServerSettings, metrics: MetricsRegistry) throws {
        let configuration = platform.configuration
        let clock = platform.clock
        let publishing = Publishing(platform)
        let local = RevocationSet()
        let store = SessionStore(redis: platform.redis, outbox: platform.redisOutbox)
        let revocations = Revocations(
            database: platform.database, outbox: platform.outbox, sessions: store, local: local,
            nudge: publishing.nudge, sessionLifetime: configuration.sessionLifetime,
            tokenLifetime: configuration.accessLifetime, logger: platform.logger)
        let ring = KeyRing(
            schedule: KeySchedule(
                rotationInterval: configuration.keyRotation, announcement: configuration.keyAnnouncement,
                tokenLifetime: configuration.accessLifetime, clockSkew: 5_000))
        let keys = SigningKeys(
            store: KeyStore(database: platform.database, sealer: platform.sealer), ring: ring,
            lease: SQLLease(
                database: platform.database, name: "signing-keys", holder: configuration.replica, ttl: .seconds(10)),
            outbox: platform.outbox, revocations: revocations, algorithm: configuration.algorithm,
            clock: clock, logger: platform.logger)
        let issuer = TokenIssuer(
            issuer: configuration.issuer, audience: configuration.audience,
            lifetime: configuration.accessLifetime / 1000, ring: ring, catalogue: platform.catalogue, clock: clock,
            withheld: WithheldRoles(metrics))
        let sessions = Sessions(
            store: store, accounts: AccountReader(database: platform.database, catalogue: platform.catalogue),
            revocations: revocations, issuer: issuer, catalogue: platform.catalogue,
            chainKey: ChainKey(platform.sealer.derive(label: "refresh-token-chain")),
            policy: Sessions.Policy(
                sliding: configuration.refreshLifetime, absolute: configuration.sessionLifetime,
                grace: configuration.refreshGrace),
            clock: clock, logger: platform.logger)
        // Tokens of this service's own making: keys from the ring, revocations from SQL, no network.
        let verifier = TokenVerifier(
            TokenVerifier.Options(
                issuer: configuration.issuer, audience: configuration.audience.first,
                algorithms: Set(JWSAlgorithm.allCases)),
            keys: LocalJWKS { ring.document.keys }, revocations: local, clock: clock)
        let follower = RevocationFollower(revocations, clock: clock)
        let authenticator = TokenAuthenticator(
            verifier: verifier, freshness: follower, clock: clock, publicURL: configuration.issuer)
        let record = RefusalRecord(redis: platform.redis, outbox: platform.redisOutbox, nudge: publishing.nudge)
        let refusals = AccessRefusals(sink: record, clock: clock, logger: platform.logger)
        let roles = try FollowedRoles(
            platform, issuer: issuer, revocations: revocations, record: record, metrics: metrics)
        var options = SecureRouter.Options(
            metrics: metrics, clock: clock, trustedProxies: settings.trustedProxies,
            strictTransport: configuration.issuer.hasPrefix("https://"), problem: StoreProblems.problem)
        options.refusals = refusals
        router = SecureRouter(authenticator: authenticator, options: options)
        let hasher = PasswordHasher(
            parameters: Argon2Parameters(
                memory: UInt32(configuration.argonMemoryKiB), iterations: UInt32(configuration.argonIterations),
                lanes: 1),
            threads: configuration.argonThreads, queue: configuration.argonQueue)
        try PeopleRoutes.register(
            on: router, platform: platform, sessions: sessions, revocations: revocations, hasher: hasher)
        OAuthRoutes.register(
            on: router, platform: platform, sessions: sessions, keys: keys, verifier: verifier,
            follower: follower, authenticator: authenticator,
            takesClientCertificates: (settings.tls?.clientCertificates ?? .none) != .none,
            nudge: publishing.nudge)
        ServiceMetrics.register(
            in: metrics, platform: platform, publishing: publishing, hasher: hasher, ring: ring)
        self.publishing = publishing
        self.keys = keys
        self.follower = follower
        self.roles = roles
        background =
            [platform.redis, publishing.main, publishing.sessions]
            + Upkeep.tasks(
                platform, keys: keys, follower: follower, revocations: revocations, sessions: sessions,
                roles: roles.follower)
            + roles.services + [ShutdownHook { await hasher.shutdown() }, refusals]
    }

    /// What must have happened before the first request: the schema, the keys, the revocations of living tokens.
    func prepare(_ platform: Platform) async throws {
        try await platform.migrate()
        try await roles.follower.follow()
        try await FirstAdministrator.ensure(platform, file: platform.configuration.adminFile)
        try await keys.maintain()
        try await follower.follow()
    }

    /// - Throws: while there is no key to sign with.
    func requireSigningKey(now: Int64) throws(NoSigningKey) {
        guard keys.ring.signingKey(now: now) != nil else { throw NoSigningKey() }
    }

    struct NoSigningKey: Error, CustomStringConvertible {
        var description: String { "there is no signing key yet" }
    }
}

/// The routes of OAuth, sessions and keys.
enum OAuthRoutes {
    static func register(
        on router: SecureRouter, platform: Platform, sessions: Sessions, keys: SigningKeys, verifier: TokenVerifier,
        follower: RevocationFollower, authenticator: any Authenticator, takesClientCertificates: Bool,
        nudge: @escaping @Sendable () -> Void
    ) {
        let issuer = platform.configuration.issuer
        let audience = [issuer, issuer + "/oauth2/token"]
        let clients = ClientAuthenticator(
            database: platform.database, redis: platform.redis, outbox: platform.redisOutbox,
            catalogue: platform.catalogue, clock: platform.clock)
        let proof = KeyProof(redis: platform.redis, publicURL: issuer, clock: platform.clock)
        TokenAPI(
            sessions: sessions, clients: clients, proof: proof, issuer: sessions.issuer, database: platform.database,
            outbox: platform.outbox, nudge: nudge, assertionAudience: audience
        ).register(on: router)
        IntrospectionAPI(
            verifier: verifier, follower: follower, store: sessions.store, sessions: sessions, clients: clients,
            authenticator: authenticator, assertionAudience: audience, issuer: issuer
        ).register(on: router)
        RevocationAPI(verifier: verifier, sessions: sessions, clients: clients, assertionAudience: audience)
            .register(on: router)
        SessionsAPI(sessions: sessions).register(on: router)
        KeysAPI(keys: keys).register(on: router)
        MetadataAPI(
            issuer: issuer, ring: keys.ring, maxAge: platform.configuration.jwksMaxAge,
            scopes: { [catalogue = platform.catalogue] in catalogue.permissions },
            takesClientCertificates: takesClientCertificates
        ).register(on: router)
    }
}
