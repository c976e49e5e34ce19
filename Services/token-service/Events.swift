import APISecurity
import Contracts
import EventBus
import Logging
import Redis

/// The names of this service's outboxes: the second part of `ce_source`.
enum Outboxes {
    static let service = "token-service"
    /// Changes of people, services, keys, and every revocation.
    static let sql = "main"
    /// What is born in Redis: sign-ins, refreshes, refusals.
    static let redis = "sessions"
}

/// What this service tells others: two outboxes, each relayed by one replica at a time.
struct Publishing: Sendable {
    let main: OutboxRelay
    let sessions: OutboxRelay

    init(_ platform: Platform) {
        let configuration = platform.configuration
        let logger = platform.logger
        // A verifier that starts reads the revocations of as long as a token lives: they stay that long, and so that a
        // broker that lost its state can be filled again. The rest stays until it is known to be on record.
        let living = Duration.milliseconds(configuration.accessLifetime) + .seconds(120)
        let retention = OutboxRetention(
            byTopic: [
                Topic.sessionRevoked.rawValue: max(living, .milliseconds(configuration.outboxRetention)),
                Topic.keyRotated.rawValue: .milliseconds(configuration.outboxRetention),
            ],
            standard: .milliseconds(configuration.outboxRetention))
        main = OutboxRelay(
            source: platform.outbox.source(
                on: platform.database, retention: retention, urgentTopics: [Topic.sessionRevoked.rawValue]),
            serviceName: Outboxes.service, kafka: configuration.kafka,
            heartbeatTopics: [
                Topic.sessionRevoked.rawValue, Topic.keyRotated.rawValue, Topic.securityEvents.rawValue,
            ], logger: logger)
        // A transaction in Kafka costs the same for one event as for hundreds. Sign-ins and what ends a session ring at
        // once; refreshes, of which there are most, are for the record alone and may wait for each other.
        var sessionOptions = OutboxRelay.Options()
        sessionOptions.pollEvery = .milliseconds(250)
        sessions = OutboxRelay(
            source: platform.redisOutbox.source(on: platform.redis), serviceName: Outboxes.service,
            kafka: configuration.kafka, heartbeatTopics: [Topic.securityEvents.rawValue], options: sessionOptions,
            logger: logger)
    }

    /// Whether events get out: this replica relays and is up to date, or another one relays.
    func check(now: Int64) throws(Stuck) {
        for relay in [main, sessions] {
            let statistics = relay.statistics
            guard statistics.isLeading, let watermark = statistics.watermark, now - watermark > 10_000 else { continue }
            throw Stuck(milliseconds: now - watermark)
        }
    }

    struct Stuck: Error, CustomStringConvertible {
        let milliseconds: Int64
        var description: String { "events have waited for \(milliseconds) ms" }
    }

    /// Says that something was committed. Costs next to nothing.
    var nudge: @Sendable () -> Void {
        let (main, sessions) = (main, sessions)
        return {
            main.nudge()
            sessions.nudge()
        }
    }
}

/// Puts refused requests on record: they are born here and in no database, so they go through Redis.
struct RefusalRecord: RefusalSink {
    let redis: RedisClient
    let outbox: RedisOutbox
    /// Wakes the relay.
    let nudge: @Sendable () -> Void

    func record(_ events: [SecurityEvent]) async throws {
        guard let first = events.first else { return }
        // One stream a call, so that the events are there together or not at all.
        let tag = Int(SessionID.tag(of: first.subject ?? first.kind.rawValue))
        try await outbox.append(events.map { $0.outboxEvent() }, tag: tag, on: redis)
        nudge()
    }
}
