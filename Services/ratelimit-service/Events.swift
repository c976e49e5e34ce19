import APISecurity
import Contracts
import EventBus
import Logging
import SecurityClient
import StrictJSON

/// The names of this service's outbox: the first two parts of `ce_source`.
enum Outboxes {
    static let service = "ratelimit-service"
    static let sql = "main"
}

/// What this service tells others.
struct Publishing: Sendable {
    let main: OutboxRelay

    init(_ platform: Platform) {
        main = OutboxRelay(
            source: platform.outbox.source(
                on: platform.database,
                retention: OutboxRetention(standard: .milliseconds(platform.configuration.outboxRetention))),
            serviceName: Outboxes.service, kafka: platform.configuration.kafka,
            heartbeatTopics: [Topic.securityEvents.rawValue], logger: platform.logger)
    }

    /// Whether events get out: this replica relays and is up to date, or another one relays.
    func check(now: Int64) throws(Stuck) {
        let statistics = main.statistics
        guard statistics.isLeading, let watermark = statistics.watermark, now - watermark > 10_000 else { return }
        throw Stuck(milliseconds: now - watermark)
    }

    struct Stuck: Error, CustomStringConvertible {
        let milliseconds: Int64
        var description: String { "events have waited for \(milliseconds) ms" }
    }
}

/// Puts events on record. They go to SQL: what tells that Redis is away cannot wait there.
struct EventRecord: RefusalSink {
    let platform: Platform
    let nudge: @Sendable () -> Void

    func record(_ events: [SecurityEvent]) async throws {
        guard !events.isEmpty else { return }
        try await platform.database.write { connection in
            for event in events { try platform.outbox.append(event.outboxEvent(), connection) }
        }
        nudge()
    }
}

/// What is told about the limiter itself.
enum LimiterEvents {
    /// - Parameter at: milliseconds since the epoch.
    static func event(_ change: RedisGates.Change, replica: String, at: Int64) -> SecurityEvent {
        switch change {
        case .degraded:
            SecurityEvent(
                .limiterDegraded, outcome: .failure, reason: "redis_unavailable", at: at,
                fields: ["replica": .string(replica)])
        case .recovered(let milliseconds):
            SecurityEvent(
                .limiterRecovered, reason: "redis_available", at: at,
                fields: ["replica": .string(replica), "duration_ms": .int(milliseconds)])
        }
    }
}
