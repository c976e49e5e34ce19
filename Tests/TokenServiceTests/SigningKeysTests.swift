import Contracts
import Database
import EventBus
import JOSE
import Logging
import NIOPosix
import Redis
import Sealing
import SecurityClient
import TestSupport
import Testing

@testable import TokenService

/// Signing keys and revocations as replicas share them through SQL.
@Suite(.serialized) struct SigningKeysTests {
    private static let server = Task { try await RedisServer() }

    private let database: any Database
    private let redis: RedisClient
    private let folder: TemporaryDirectory
    private let sealer: Sealer
    private let clock = TurnableClock(1_800_000_000_000)

    init() async throws {
        let folder = try TemporaryDirectory("signing")
        self.folder = folder
        let logger = Logger(label: "test")
        database = try await DatabaseFactory.open(url: "sqlite://\(folder.file("test.db"))", logger: logger)
        redis = try RedisClient(
            RedisConfiguration(url: try await Self.server.value.url),
            eventLoopGroup: MultiThreadedEventLoopGroup.singleton, logger: logger)
        try await Migrator.run(SQLOutbox.migrations, component: "outbox", on: database)
        try await Migrator.run(
            PeopleMigrations.all + SigningMigrations.all + RoleMigrations.all, component: "token-service", on: database)
        sealer = Sealer(try KeyEncryptionKeyRing.generate())
    }

    private struct Replica {
        let keys: SigningKeys
        let revocations: Revocations
        let follower: RevocationFollower

        func signing(at now: Int64) -> String? { keys.ring.signingKey(now: now)?.keyID }
    }

    private func replica(_ name: String) -> Replica {
        let logger = Logger(label: "test")
        let clock = { @Sendable [clock] in clock.now }
        let outbox = SQLOutbox(name: "main")
        let revocations = Revocations(
            database: database, outbox: outbox,
            sessions: SessionStore(redis: redis, outbox: RedisOutbox(name: "k-\(RandomID.make(bytes: 6))")),
            local: RevocationSet(), nudge: {}, sessionLifetime: 86_400_000, tokenLifetime: 900_000, logger: logger)
        let ring = KeyRing(
            schedule: KeySchedule(
                rotationInterval: 86_400_000, announcement: 60_000, tokenLifetime: 900_000, clockSkew: 5_000))
        let keys = SigningKeys(
            store: KeyStore(database: database, sealer: sealer), ring: ring,
            lease: SQLLease(database: database, name: "signing-keys", holder: name, ttl: .seconds(10)), outbox: outbox,
            revocations: revocations, algorithm: .ES256, clock: clock, logger: logger)
        return Replica(keys: keys, revocations: revocations, follower: RevocationFollower(revocations, clock: clock))
    }

    private func kinds() async throws -> [String] {
        try await database.query("SELECT payload FROM outbox_events ORDER BY id").compactMap { row in
            OutboxEvent(encoded: try row.text("payload").utf8)?.type.split(separator: ".").last.map(String.init)
        }
    }

    @Test func aWithdrawnKeyIsFollowedByANewOneNotByAnOldOne() async throws {
        let first = replica("a")
        try await first.keys.maintain()
        let old = try #require(first.signing(at: clock.now))
        _ = try await first.keys.rotate(by: "usr_admin")
        clock.advance(61_000)
        let active = try #require(first.signing(at: clock.now))
        #expect(active != old)

        let second = replica("b")
        try await second.keys.maintain()
        #expect(try await first.keys.revoke(active, reason: "key_compromised", by: "usr_admin"))
        let next = try #require(first.signing(at: clock.now))
        // The retired key is still published, for the tokens that it signed, and signs no new ones.
        #expect(next != old && next != active)
        #expect(!first.keys.ring.document.keys.contains { $0.keyID == active })
        try await second.keys.maintain()
        #expect(second.signing(at: clock.now) == next)
        #expect(try await !first.keys.revoke(active, reason: "again", by: nil))
        let told = try await kinds()
        #expect(told.count { $0 == "key-rotated" } == 3, "every key that enters the set is told of")
        #expect(told.contains("signing-key-revoked"))
    }

    @Test func keysThatTakeOverAndRetireAreToldOnceByWhicheverReplica() async throws {
        let (first, second) = (replica("a"), replica("b"))
        // The second pass finds the key that the first has made at work.
        for _ in 0..<2 { try await first.keys.maintain() }
        try await second.keys.maintain()
        _ = try await second.keys.rotate(by: nil)
        clock.advance(61_000)
        for _ in 0..<3 {
            try await first.keys.maintain()
            try await second.keys.maintain()
        }
        let told = try await kinds()
        #expect(told.count { $0 == "signing-key-activated" } == 2)
        #expect(told.count { $0 == "signing-key-retired" } == 1)
    }

    @Test func whatWasReadBeforeSomethingNewerIsPassedOver() throws {
        let ring = KeyRing(
            schedule: KeySchedule(rotationInterval: 1, announcement: 1, tokenLifetime: 1, clockSkew: 1))
        let key = try SigningKey.generate(.ES256)
        let entry = KeyRing.Entry(
            times: KeyTimes(keyID: key.keyID, announcedAt: 0, activatesAt: 0), key: key, publicJWK: key.publicJWK,
            told: .active)
        let (older, newer) = (ring.beginReading(), ring.beginReading())
        ring.replace([], reading: newer, now: 0)
        #expect(!ring.replace([entry], reading: older, now: 0))
        #expect(ring.signingKey(now: 0) == nil)
    }

    /// A replica that slept reads on from where it stopped, however long ago that was.
    @Test func aReplicaThatSleptMissesNothing() async throws {
        let (awake, asleep) = (replica("a"), replica("b"))
        try await asleep.follower.follow()
        #expect(asleep.follower.staleness(now: clock.now) == .zero)
        for number in 0..<3 {
            clock.advance(60_000)
            try await awake.revocations.revokeSession(
                "session-\(number)", subject: "usr_1", reason: "logout", by: nil, at: clock.now)
        }
        clock.advance(60_000)
        #expect(throws: RevocationFollower.Stale.self) { try asleep.follower.requireFresh(now: clock.now) }
        try await asleep.follower.follow()
        try asleep.follower.requireFresh(now: clock.now)
        for number in 0..<3 { #expect(asleep.revocations.local.isRevoked(session: "session-\(number)")) }
    }

    @Test func aSessionIsRevokedOnceOnly() async throws {
        let one = replica("a")
        for _ in 0..<3 {
            try await one.revocations.revokeSession("s", subject: "usr_1", reason: "logout", by: nil, at: clock.now)
        }
        #expect(try await kinds() == ["session-revoked", "session-ended"])
    }
}
