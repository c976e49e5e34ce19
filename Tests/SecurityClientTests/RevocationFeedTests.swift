import APISecurity
import Contracts
import Database
import EventBus
import JOSE
import ServiceKit
import StrictJSON
import TestSupport
import Testing

@testable import SecurityClient

/// token-service as far as the feed is concerned: revocations written to an outbox in SQLite and relayed to Kafka.
final class RevocationSource: Sendable {
    let database: any Database
    private let folder: TemporaryDirectory
    private let outbox = SQLOutbox(name: "main")
    private let relay: OutboxRelay
    private let task: Box<Task<Void, Never>?> = Box(nil)

    init(_ broker: KafkaBroker) async throws {
        let folder = try TemporaryDirectory("jts-feed")
        self.folder = folder
        database = try await DatabaseFactory.open(url: "sqlite://\(folder.path)/test.db", logger: quiet)
        try await Migrator.run(SQLOutbox.migrations, component: "outbox", on: database)
        relay = OutboxRelay(
            source: outbox.source(on: database), serviceName: "token-service",
            kafka: KafkaConfiguration(bootstrapServers: broker.bootstrapServers),
            heartbeatTopics: [Topic.sessionRevoked.rawValue], logger: quiet)
    }

    func start() {
        let relay = relay
        task.update { $0 = Task { await relay.run() } }
    }

    func stop() async {
        let running = task.value
        running?.cancel()
        await running?.value
    }

    func publish(_ revocation: Revocation) async throws {
        try await write(revocation.outboxEvent())
    }

    func write(_ event: OutboxEvent) async throws {
        let outbox = outbox
        try await database.write { try outbox.append(event, $0) }
        relay.nudge()
    }
}

@Suite struct RevocationFeedTests {
    /// - Parameter later: milliseconds that have passed besides those that did.
    private func makeFeed(
        _ broker: KafkaBroker, _ revocations: RevocationSet, later: Box<Int64> = Box(0)
    ) -> RevocationFeed {
        RevocationFeed(
            kafka: KafkaConfiguration(bootstrapServers: broker.bootstrapServers), revocations: revocations,
            metrics: MetricsRegistry(), logger: quiet,
            clock: { WallClock.milliseconds() + later.value },
            monotonic: { MonotonicClock.milliseconds() + later.value })
    }

    private func revocation(session: String) -> Revocation {
        Revocation(target: .session(id: session, subject: "usr_1"), reason: "logout", at: WallClock.milliseconds())
    }

    /// A verifier by the real clock, whose tokens are of this moment.
    private func token(_ session: String) throws -> String {
        let clock = TestClock()
        clock.set(WallClock.milliseconds())
        return try TestIssuer(clock: clock).token { $0["sid"] = .string(session) }
    }

    @Test func whatIsRevokedElsewhereIsRefusedHere() async throws {
        let broker = try await KafkaBroker(topics: [Topic.sessionRevoked.rawValue: 4])
        let source = try await RevocationSource(broker)
        source.start()
        // Before anybody reads.
        try await source.publish(revocation(session: "early"))
        let revocations = RevocationSet()
        let feed = makeFeed(broker, revocations)
        #expect(!feed.isCaughtUp)
        #expect(feed.staleness(now: WallClock.milliseconds()) == nil)
        let running = Task { try await feed.run() }
        try await eventually("the feed is fresh", within: .seconds(20)) {
            guard let staleness = feed.staleness(now: WallClock.milliseconds()) else { return false }
            return feed.isCaughtUp && staleness < .seconds(5)
        }
        let keys = [TestKeys.rsa.publicJWK]
        let verifier = TokenVerifier(
            TokenVerifier.Options(issuer: TestIssuer.name, audience: "jts"), keys: LocalJWKS { keys },
            revocations: revocations)
        let authenticator = TokenAuthenticator(verifier: verifier, freshness: feed)
        try await eventually("what was there before is known") { revocations.count.sessions == 1 }
        let early = try token("early")
        await #expect(throws: TokenRefusal.revoked) { try await verifier.verify(early) }

        let live = try token("live")
        let request = try makeRequest([("authorization", "Bearer \(live)")])
        #expect(try await authenticator.authenticate(request, risk: .increasing) { nil }.sessionID == "live")
        try await source.publish(revocation(session: "live"))
        try await eventually("it is refused") { verifier.verifyCached(live) == nil }
        await #expect(throws: AuthenticationError.invalidToken("the token was revoked")) {
            try await authenticator.authenticate(request, risk: .reducing) { nil }
        }

        try await source.publish(
            Revocation(target: .signingKey(id: "rsa-1"), reason: "key_compromised", at: WallClock.milliseconds()))
        let other = try token("other")
        try await eventually("the key is refused") {
            do throws(TokenRefusal) {
                _ = try await verifier.verify(other)
                return false
            } catch { return error == .revoked }
        }
        running.cancel()
        _ = try? await running.value
        await source.stop()
        broker.kill()
    }

    @Test func aFeedThatFallsSilentGetsStale() async throws {
        let broker = try await KafkaBroker(topics: [Topic.sessionRevoked.rawValue: 2])
        let source = try await RevocationSource(broker)
        source.start()
        let feed = makeFeed(broker, RevocationSet())
        let running = Task { try await feed.run() }
        try await eventually("the feed is fresh", within: .seconds(20)) {
            feed.staleness(now: WallClock.milliseconds()).map { $0 < .seconds(5) } ?? false
        }
        await source.stop()
        let before = try #require(feed.staleness(now: WallClock.milliseconds()))
        let later = try #require(feed.staleness(now: WallClock.milliseconds() + 60_000))
        #expect(later > .seconds(59))
        #expect(before < later)
        #expect(feed.isCaughtUp)
        running.cancel()
        _ = try? await running.value
        broker.kill()
    }

    /// A revocation that cannot be read is missing like one that was lost.
    @Test func anEventThatIsNotUnderstoodMakesTheFeedStale() async throws {
        let broker = try await KafkaBroker(topics: [Topic.sessionRevoked.rawValue: 1])
        let source = try await RevocationSource(broker)
        source.start()
        let later = Box<Int64>(0)
        let feed = makeFeed(broker, RevocationSet(), later: later)
        let running = Task { try await feed.run() }
        try await eventually("the feed is fresh", within: .seconds(20)) {
            feed.staleness(now: WallClock.milliseconds()).map { $0 < .seconds(5) } ?? false
        }
        try await source.write(
            OutboxEvent(
                topic: Topic.sessionRevoked.rawValue, key: "x", type: "org.jts.security.something-newer-revoked",
                time: WallClock.milliseconds(), data: ["subject": ["format": "new"]]))
        try await eventually("it counts as stale") {
            feed.staleness(now: WallClock.milliseconds()).map { $0 >= .seconds(60) } ?? false
        }
        await source.stop()
        running.cancel()
        _ = try? await running.value
        let life = RevocationSet.tokenLifetime + RevocationSet.slack
        let now = WallClock.milliseconds()
        later.update { $0 = 800_000 }
        let longest = try #require(feed.staleness(now: now + 800_000))
        #expect(longest <= .milliseconds(RevocationSet.tokenLifetime), "acts that reduce risk go on meanwhile")
        later.update { $0 = life + 1_000 }
        let over = try #require(feed.staleness(now: now + life + 1_000))
        #expect(over > .milliseconds(life), "afterwards only the silence counts, which is as long here")
        broker.kill()
    }
}
