import APISecurity
import Crypto
import Database
import EventBus
import JOSE
import Logging
import Redis
import SecurityClient
import ServiceKit
import StrictJSON
import TestSupport

@testable import TokenService

/// People whose roles policy-service tells of: a `PeopleWorld` with sessions, their tokens, and replicas that take over
/// what is told.
struct RoleWorld: Sendable {
    let people: PeopleWorld
    let replica: Replica
    let ring: KeyRing
    let metrics = MetricsRegistry()

    /// A token-service as far as roles go.
    struct Replica: Sendable {
        let catalogue: RoleBook
        let follower: RoleFollower
        let sessions: Sessions
        let verifier: TokenVerifier
        let revocations: Revocations
    }

    /// - Parameter catalogue: of the file; the shipped one when nil.
    init(_ server: RedisServer, url: String? = nil, catalogue: RoleCatalogue? = nil) async throws {
        people = try await PeopleWorld(server, url: url, catalogue: catalogue)
        let key = try SigningKey.generate(.ES256)
        ring = KeyRing(
            schedule: KeySchedule(
                rotationInterval: 86_400_000, announcement: 60_000, tokenLifetime: 900_000, clockSkew: 5_000))
        ring.replace(
            [
                KeyRing.Entry(
                    times: KeyTimes(keyID: key.keyID, announcedAt: 0, activatesAt: 0), key: key,
                    publicJWK: key.publicJWK, told: .active)
            ], reading: ring.beginReading(), now: people.now)
        replica = RoleWorld.replica(people, ring, people.people.catalogue, people.database, metrics)
    }

    /// Another replica on the same database, that starts now.
    /// - Parameter database: through which it reaches it.
    func another(_ database: (any Database)? = nil) async throws -> Replica {
        let other = RoleWorld.replica(
            people, ring, RoleBook(people.people.catalogue.file), database ?? people.database, MetricsRegistry())
        try await other.follower.follow()
        return other
    }

    private static func replica(
        _ world: PeopleWorld, _ ring: KeyRing, _ catalogue: RoleBook, _ database: any Database,
        _ metrics: MetricsRegistry
    ) -> Replica {
        let logger = Logger(label: "test")
        let clock = { @Sendable in world.now }
        let revocations = makeRevocations(
            database, SQLOutbox(name: "people"), world.redis, world.redisOutbox, logger)
        let sessions = Sessions(
            store: SessionStore(redis: world.redis, outbox: world.redisOutbox),
            accounts: AccountReader(database: database, catalogue: catalogue), revocations: revocations,
            issuer: TokenIssuer(
                issuer: "https://issuer", audience: ["jts"], lifetime: 900, ring: ring, catalogue: catalogue,
                clock: clock, withheld: WithheldRoles(metrics)),
            catalogue: catalogue, chainKey: ChainKey(SymmetricKey(data: Array(repeating: 7, count: 32))),
            policy: Sessions.Policy(sliding: 6_000_000, absolute: 60_000_000, grace: 10_000), clock: clock,
            logger: logger)
        return Replica(
            catalogue: catalogue,
            follower: RoleFollower(
                database: database, catalogue: catalogue, revocations: revocations, metrics: metrics, clock: clock,
                logger: logger),
            sessions: sessions,
            verifier: TokenVerifier(
                TokenVerifier.Options(issuer: "https://issuer", audience: "jts"),
                keys: LocalJWKS { ring.document.keys }, revocations: revocations.local, clock: clock),
            revocations: revocations)
    }

    // MARK: What is told

    /// The whole: the shipped catalogue unless another one is given.
    @discardableResult
    func tell(
        whole sequence: Int64, _ assignments: [(User, AssignedRole)] = [], catalogue: RoleCatalogue? = nil,
        to other: Replica? = nil
    ) async throws -> RolesClient.Outcome {
        try await (other ?? replica).follower.take(
            RolesBundle(
                from: nil, sequence: sequence, catalogue: catalogue ?? people.people.catalogue.file,
                assignments: assignments.map { .init(subject: $0.id, assigned: $1) }))
    }

    @discardableResult
    func tell(
        from: Int64, _ sequence: Int64, _ assignments: [(User, AssignedRole)] = [], removed: [(User, Int64)] = [],
        catalogue: RoleCatalogue? = nil, to other: Replica? = nil
    ) async throws -> RolesClient.Outcome {
        try await (other ?? replica).follower.take(
            RolesBundle(
                from: from, sequence: sequence, catalogue: catalogue,
                assignments: assignments.map { .init(subject: $0.id, assigned: $1) },
                removed: removed.map { .init(id: $1, subject: $0.id) }))
    }

    // MARK: What comes of it

    func start(
        _ user: User, acr: AuthenticationLevel = .singleFactor, at other: Replica? = nil
    ) async throws -> TokenResponse {
        try await (other ?? replica).sessions.start(
            Authentication(
                subject: user.id, username: user.username, email: user.email, roles: user.roles,
                authTime: people.now / 1000, amr: acr == .singleFactor ? ["pwd"] : ["pwd", "otp", "mfa"], acr: acr,
                mustEnrol: false, sessionEpoch: user.sessionEpoch), ClientInfo(address: "192.0.2.1"), requestID: "r")
    }

    func refresh(
        _ tokens: TokenResponse, scope: [String]? = nil, at other: Replica? = nil
    ) async throws -> TokenResponse {
        let sessions = (other ?? replica).sessions
        guard let token = tokens.refreshToken.flatMap(sessions.refreshToken) else {
            throw Sessions.invalidRefreshToken
        }
        return try await sessions.refresh(
            token, clientID: ClientInfo.defaultClientID, binding: nil,
            fingerprint: RandomID.digest(tokens.accessToken + (scope ?? []).joined(separator: " ")), scope: scope,
            address: "192.0.2.1", requestID: "r")
    }

    func identity(_ tokens: TokenResponse, at other: Replica? = nil) async throws -> Identity {
        try await (other ?? replica).verifier.verify(tokens.accessToken)
    }

    func isVoid(_ tokens: TokenResponse, at other: Replica? = nil) async -> Bool {
        do {
            _ = try await identity(tokens, at: other)
            return false
        } catch { return error as? TokenRefusal == .revoked }
    }

    /// Subjects of revocations, each as often as it was revoked.
    func revoked() async throws -> [String] {
        try await people.database.query("SELECT target FROM revocations WHERE kind = 'subject' ORDER BY target")
            .map { try $0.text("target") }
    }

    /// Runs on SQLite and, where asked for, on PostgreSQL.
    static func run(
        onBoth: Bool = false, catalogue: RoleCatalogue? = nil, _ body: (RoleWorld) async throws -> Void
    ) async throws {
        let redis = try await RedisServer()
        let postgres = onBoth ? try await PostgresServer() : nil
        var urls: [String?] = [nil]
        if let postgres { urls.append(try await postgres.makeDatabase()) }
        for url in urls {
            let world = try await RoleWorld(redis, url: url, catalogue: catalogue)
            do {
                try await body(world)
                await world.people.shutdown()
            } catch {
                await world.people.shutdown()
                throw error
            }
        }
        await postgres?.stop()
        await redis.stop()
    }
}
