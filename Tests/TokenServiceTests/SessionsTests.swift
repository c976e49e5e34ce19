import APISecurity
import Crypto
import Database
import EventBus
import HTTPTypes
import Hummingbird
import JOSE
import Logging
import NIOCore
import NIOEmbedded
import NIOPosix
import Redis
import Sealing
import SecurityClient
import StrictJSON
import Synchronization
import TestSupport
import Testing

@testable import TokenService

/// Sessions over a real Redis and a real database, with the tokens that they issue.
@Suite(.serialized) struct SessionsTests {
    private static let server = Task { try await RedisServer() }

    private let world: PeopleWorld
    private let database: SwitchableDatabase
    private let sessions: Sessions
    private let verifier: TokenVerifier

    init() async throws {
        let world = try await PeopleWorld(try await Self.server.value)
        self.world = world
        let logger = Logger(label: "test")
        database = SwitchableDatabase(world.database)
        let outbox = RedisOutbox(name: "sessions-\(RandomID.make(bytes: 6))")
        let key = try SigningKey.generate(.ES256)
        let ring = KeyRing(
            schedule: KeySchedule(
                rotationInterval: 86_400_000, announcement: 60_000, tokenLifetime: 900_000, clockSkew: 5_000))
        ring.replace(
            [
                KeyRing.Entry(
                    times: KeyTimes(keyID: key.keyID, announcedAt: 0, activatesAt: 0), key: key,
                    publicJWK: key.publicJWK, told: .active)
            ], reading: ring.beginReading(), now: world.now)
        let clock = { @Sendable in world.now }
        let revocations = makeRevocations(world.database, SQLOutbox(name: "people"), world.redis, outbox, logger)
        sessions = Sessions(
            store: SessionStore(redis: world.redis, outbox: outbox),
            accounts: AccountReader(database: database, catalogue: world.people.catalogue),
            revocations: revocations,
            issuer: TokenIssuer(
                issuer: "https://issuer", audience: ["jts"], lifetime: 900, ring: ring,
                catalogue: world.people.catalogue, clock: clock),
            catalogue: world.people.catalogue, chainKey: ChainKey(SymmetricKey(size: .bits256)),
            policy: Sessions.Policy(sliding: 600_000, absolute: 6_000_000, grace: 10_000), clock: clock,
            logger: logger)
        verifier = TokenVerifier(
            TokenVerifier.Options(issuer: "https://issuer", audience: "jts"), keys: LocalJWKS { ring.document.keys },
            revocations: revocations.local, clock: clock)
    }

    private func start(_ user: User, acr: AuthenticationLevel = .singleFactor) async throws -> TokenResponse {
        try await sessions.start(
            Authentication(
                subject: user.id, username: user.username, email: user.email, roles: user.roles,
                authTime: world.now / 1000, amr: acr == .singleFactor ? ["pwd"] : ["pwd", "otp", "mfa"], acr: acr,
                mustEnrol: false, sessionEpoch: user.sessionEpoch), ClientInfo(address: "192.0.2.1"), requestID: "r")
    }

    private func refresh(_ token: String?, scope: [String]? = nil) async throws -> TokenResponse {
        let text = try #require(token)
        return try await sessions.refresh(
            try #require(sessions.refreshToken(text)), clientID: ClientInfo.defaultClientID, binding: nil,
            fingerprint: scope?.joined(separator: " ") ?? "", scope: scope, address: "192.0.2.1", requestID: "r")
    }

    @Test func tokensSayWhoAndWhat() async throws {
        let user = try await world.user("maria")
        let tokens = try await start(user, acr: .twoFactors)
        let identity = try await verifier.verify(tokens.accessToken)
        #expect(identity.subject == user.id)
        #expect(identity.sessionID == tokens.sessionID)
        #expect(identity.roles == ["trader"])
        #expect(identity.has("orders:place") && !identity.has("users:write"))
        #expect(identity.amr == ["pwd", "otp", "mfa"])
        await world.shutdown()
    }

    /// RFC 6749 section 6: a scope that was not granted is refused, and the token is as good as before.
    @Test func aScopeThatCannotBeGrantedLeavesTheTokenUnused() async throws {
        let tokens = try await start(try await world.user("maria"))
        await #expect(throws: OAuthError.invalidScope) {
            try await refresh(tokens.refreshToken, scope: ["users:write"])
        }
        let narrow = try await refresh(tokens.refreshToken, scope: ["orders:view", "users:write"])
        #expect(narrow.scope == "orders:view")
        #expect(try await verifier.verify(narrow.accessToken).permissions == ["orders:view"])
        await world.shutdown()
    }

    /// A client that is told to come back later finds its token as it was, however late it comes.
    @Test func anOutageOfTheDatabaseLeavesTheTokenUnused() async throws {
        let tokens = try await start(try await world.user("maria"))
        database.fails = true
        await #expect(throws: DatabaseError.self) { try await refresh(tokens.refreshToken) }
        database.fails = false
        // Another request than the first, as after the ten seconds of a repetition.
        let next = try await refresh(tokens.refreshToken, scope: ["orders:view"])
        #expect(next.refreshToken != tokens.refreshToken)
        await world.shutdown()
    }

    /// A token that names somebody else as the owner of a session, as only whoever has the key could make it, gives nobody
    /// that person's roles.
    @Test func aTokenThatNamesAnotherOwnerIsRefused() async throws {
        let (maria, otto) = (try await world.user("maria"), try await world.user("otto"))
        let text = try #require(try await start(maria).refreshToken)
        let own = try #require(sessions.refreshToken(text))
        #expect(own.subject == maria.id)
        let forged = RefreshToken(session: own.session, generation: own.generation, subject: otto.id)
        await #expect(throws: Sessions.invalidRefreshToken) { try await refresh(forged.encoded(sessions.chainKey)) }
        #expect(try await !sessions.store.standing(own.session).isAlive)
        await world.shutdown()
    }

    /// What was issued on an account as it was read just before a revocation committed is void.
    @Test func aTokenIssuedWhileTheAccountIsDisabledIsVoid() async throws {
        let user = try await world.user("maria")
        let tokens = try await start(user)
        _ = try await verifier.verify(tokens.accessToken)
        let pending = try await world.database.change { connection in
            try sessions.revocations.revokeSubject(
                user.id, kind: .sessionsEnded, reason: "disabled", by: nil, at: world.now, connection)
        }
        // A replica whose clock is ahead stamps its token later than the decision.
        world.advance(seconds: 5)
        let racing = try sessions.issuer.issue(
            TokenIssuer.Grant(subject: user.id, clientID: "jts", roles: user.roles, asOf: world.now))
        await sessions.revocations.announce(pending)
        await #expect(throws: TokenRefusal.self) { try await verifier.verify(tokens.accessToken) }
        await #expect(throws: TokenRefusal.self) { try await verifier.verify(racing.token) }
        // The past epoch starts no session.
        await #expect(throws: SignIn.Fault.refused) { try await start(user) }
        let fresh = try await world.people.users.user(user.id)
        let again = try await start(fresh)
        #expect(try await verifier.verify(again.accessToken).subject == user.id)
        await world.shutdown()
    }

    /// RFC 7009: what Redis lost is revoked all the same, as its access tokens may be alive; a token of a service has no
    /// session to end, and that is said.
    @Test func revocationHoldsWithoutRedisMemoryAndIsHonestAboutServices() async throws {
        let tokens = try await start(try await world.user("maria"))
        let service = try sessions.issuer.issue(
            TokenIssuer.Grant(subject: "order-api", clientID: "order-api", roles: ["service"], asOf: world.now))
        _ = try await world.redis.send(["FLUSHALL"])
        let router = SecureRouter(
            authenticator: NoAuthenticator(), options: SecureRouter.Options(clock: { [world] in world.now }))
        RevocationAPI(verifier: verifier, sessions: sessions, clients: world.clients, assertionAudience: [])
            .register(on: router)
        let responder = router.buildResponder()
        func revoke(_ token: String) async throws -> HTTPResponse.Status {
            let head = HTTPRequest(
                method: .post, scheme: "http", authority: "test", path: "/oauth2/revoke",
                headerFields: [.contentType: "application/x-www-form-urlencoded"])
            let body = RequestBody(buffer: ByteBuffer(string: "token=\(token)"))
            let source = ApplicationRequestContextSource(
                channel: NIOAsyncTestingChannel(), logger: Logger(label: "test"))
            return try await responder.respond(
                to: Request(head: head, body: body), context: APIContext(source: source)
            ).status
        }
        #expect(try await revoke(try #require(tokens.refreshToken)) == .ok)
        await #expect(throws: TokenRefusal.self) { try await verifier.verify(tokens.accessToken) }
        let rows = try await world.database.query("SELECT target FROM revocations WHERE kind = 'session'")
        #expect(try rows.map { try $0.text("target") } == [tokens.sessionID])
        #expect(try await revoke(service.token) == .badRequest)
        #expect(try await revoke("nonsense") == .ok)
        await world.shutdown()
    }

    /// A role that gets privileged, by a changed catalogue or for the person, is not used on a password alone.
    @Test func aPrivilegedRoleNeedsTheSecondFactorAtTheNextRefresh() async throws {
        let user = try await world.user("maria")
        let tokens = try await start(user)
        try await world.database.execute(
            "UPDATE users SET roles = ? WHERE id = ?", [.strings(["risk-manager"]), .text(user.id)])
        let next = try await refresh(tokens.refreshToken)
        #expect(next.scope == "account:self")
        await world.shutdown()
    }
}

/// A database that can be made to fail.
private final class SwitchableDatabase: Database {
    private let base: any Database
    private let isFailing = Mutex(false)

    init(_ base: any Database) { self.base = base }

    var fails: Bool {
        get { isFailing.withLock { $0 } }
        set { isFailing.withLock { $0 = newValue } }
    }

    var dialect: SQLDialect { base.dialect }

    func read<T: Sendable>(
        _ body: @escaping @Sendable (any SQLConnection) throws -> T
    ) async throws(DatabaseError) -> T {
        if fails { throw .unavailable("switched off") }
        return try await base.read(body)
    }

    func write<T: Sendable>(
        _ body: @escaping @Sendable (any SQLConnection) throws -> T
    ) async throws(DatabaseError) -> T {
        if fails { throw .unavailable("switched off") }
        return try await base.write(body)
    }

    func shutdown() async { await base.shutdown() }
}
