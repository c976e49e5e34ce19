import APISecurity
import Contracts
import Crypto
import Database
import EventBus
import Logging
import NIOPosix
import Redis
import Sealing
import SecurityClient
import StrictJSON
import Synchronization
import TestSupport

@testable import TokenService

/// Everything about people over a real Redis and a real database, with a clock that tests turn.
final class PeopleWorld: Sendable {
    let server: RedisServer
    let redis: RedisClient
    let redisOutbox: RedisOutbox
    let database: any Database
    let people: People
    let signIn: SignIn
    let recovery: RecoveryStore
    let services: ServiceAccountStore
    let clients: ClientAuthenticator
    let tokens: MFATokenStore
    let sessions = RecordedSessions()
    let hasher = PasswordHasher(
        parameters: Argon2Parameters(memory: 64, iterations: 1, lanes: 1), threads: 2, queue: 500)
    private let folder: TemporaryDirectory
    private let time: TurnableClock

    static let password = "a long enough passphrase"
    static let start: Int64 = 1_800_000_000_000

    /// - Parameters:
    ///   - url: a database of its own; a SQLite file when nil.
    ///   - catalogue: of the file; the shipped one when nil.
    init(_ server: RedisServer, url: String? = nil, catalogue: RoleCatalogue? = nil) async throws {
        self.server = server
        let logger = Logger(label: "test")
        folder = try TemporaryDirectory("people")
        redis = try RedisClient(
            RedisConfiguration(url: server.url), eventLoopGroup: MultiThreadedEventLoopGroup.singleton, logger: logger)
        database = try await DatabaseFactory.open(
            url: url ?? "sqlite://\(folder.file("people.db"))", logger: logger)
        let outbox = SQLOutbox(name: "people")
        let redisOutbox = RedisOutbox(name: "people-\(RandomID.make(bytes: 6))")
        self.redisOutbox = redisOutbox
        try await Migrator.run(SQLOutbox.migrations, component: "outbox", on: database)
        try await Migrator.run(
            PeopleMigrations.all + SigningMigrations.all + RoleMigrations.all, component: "token-service", on: database)
        let time = TurnableClock(PeopleWorld.start)
        self.time = time
        let clock: @Sendable () -> Int64 = { time.now }
        let catalogue = RoleBook(try catalogue ?? PeopleCatalogueTests.shipped())
        let sealer = Sealer(try KeyEncryptionKeyRing.generate())
        let revocations = makeRevocations(database, outbox, redis, redisOutbox, logger)
        let users = UserStore(database: database, outbox: outbox, revocations: revocations, catalogue: catalogue)
        let factors = FactorStore(database: database, outbox: outbox, sealer: sealer, users: users)
        let attempts = AttemptStore(redis: redis, outbox: redisOutbox, sealer: sealer)
        let codes = RecoveryCodes(key: sealer.derive(label: "recovery-codes"))
        let factor = SecondFactor(factors: factors, attempts: attempts, codes: codes, clock: clock)
        people = People(
            users: users, factors: factors, attempts: attempts, factor: factor, codes: codes,
            policy: PasswordPolicy(blocklist: PasswordBlocklist(["password"])), hasher: hasher, sessions: sessions,
            proof: KeyProof(redis: redis, publicURL: "https://issuer", clock: clock), catalogue: catalogue,
            idempotency: IdempotencyStore(redis: redis, sealer: sealer), clock: clock,
            nudge: {}, logger: logger)
        tokens = MFATokenStore(redis: redis, outbox: redisOutbox)
        signIn = SignIn(
            users: users, attempts: attempts, tokens: tokens, factor: factor, hasher: hasher, sessions: sessions,
            catalogue: catalogue, clock: clock, nudge: {}, logger: logger)
        recovery = RecoveryStore(database: database, outbox: outbox, users: users, factors: factors)
        services = ServiceAccountStore(
            database: database, outbox: outbox, revocations: revocations, catalogue: catalogue)
        clients = ClientAuthenticator(
            database: database, redis: redis, outbox: redisOutbox, catalogue: catalogue, clock: clock)
    }

    func shutdown() async {
        await redis.shutdown()
        await database.shutdown()
        await hasher.shutdown()
    }

    var now: Int64 { time.now }
    func advance(seconds: Int64) { time.advance(seconds * 1000) }
    func act(_ actor: String? = "usr_admin") -> Act { Act(actor: actor, at: now) }

    @discardableResult
    func user(
        _ name: String, roles: [String] = ["trader"], password: String = PeopleWorld.password, mustChange: Bool = false
    ) async throws -> User {
        let (hash, isShort) = try await people.newPassword(
            password, username: name, email: nil, hasFactor: people.catalogue.isPrivileged(roles))
        return try await people.users.create(
            UserStore.New(
                username: name, usernameKey: Username.key(name) ?? name, email: "\(name)@example.org", roles: roles,
                password: hash, passwordIsShort: isShort, mustChangePassword: mustChange), act())
    }

    /// Enrols and confirms a factor; returns it with the recovery codes.
    func enrol(_ user: User, codes: [String] = RecoveryCodes.generate()) async throws -> (totp: TOTP, codes: [String]) {
        guard let totp = TOTP(secret: RandomID.bytes(20)) else { throw PeopleFault.noFactor }
        let pending = FactorStore.Pending(id: RandomID.make(bytes: 8), totp: totp, expiresAt: now + 60_000)
        try await people.factors.begin(user.id, pending)
        try await people.factors.confirm(
            user.id, pending, step: TOTP.step(at: now / 1000),
            codes: codes.compactMap { people.codes.digest($0, user: user.id) }, act())
        return (totp, codes)
    }

    func login(
        _ name: String, _ password: String = PeopleWorld.password, from address: String = "192.0.2.1"
    ) async throws -> SignIn.Outcome {
        try await signIn.password(
            username: name, password: password, ClientInfo(address: address), requestID: "r")
    }

    func code(_ totp: TOTP) -> String { totp.code(step: TOTP.step(at: now / 1000)) }
}

/// Milliseconds that stand still until a test moves them.
final class TurnableClock: Sendable {
    private let value: Mutex<Int64>
    init(_ start: Int64) { value = Mutex(start) }
    var now: Int64 { value.withLock { $0 } }
    func advance(_ milliseconds: Int64) { value.withLock { $0 += milliseconds } }
}

/// Takes the place of sessions: keeps what they were started with, and knows whose the tokens are.
final class RecordedSessions: SessionIssuer {
    private let kept = Mutex<[(token: String, authentication: Authentication)]>([])
    var started: [Authentication] { kept.withLock { $0.map(\.authentication) } }

    func authentication(of token: String) -> Authentication? {
        kept.withLock { $0.first { $0.token == token }?.authentication }
    }

    func start(
        _ authentication: Authentication, _ client: ClientInfo, requestID: String
    ) async throws -> TokenResponse {
        let token = RandomID.make(bytes: 16)
        kept.withLock { $0.append((token, authentication)) }
        return RecordedSessions.response(token)
    }

    func stepUp(
        _ identity: Identity, amr: [String], authTime: Int64, scope: [String]?, _ client: ClientInfo, requestID: String
    ) async throws -> TokenResponse {
        let old = kept.withLock { $0.last { $0.authentication.subject == identity.subject }?.authentication }
        guard let old else { throw PeopleFault.notFound }
        return try await start(
            Authentication(
                subject: old.subject, username: old.username, email: old.email, roles: old.roles, authTime: authTime,
                amr: amr, acr: .twoFactors, mustEnrol: old.mustEnrol, sessionEpoch: old.sessionEpoch),
            client, requestID: requestID)
    }

    private static func response(_ token: String) -> TokenResponse {
        TokenResponse(
            accessToken: token, tokenType: "Bearer", expiresIn: 900, refreshToken: nil, scope: nil, sessionID: "s")
    }
}
