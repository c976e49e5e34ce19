import APISecurity
import Contracts
import EventBus
import Logging
import SecurityClient
import StrictJSON

/// The names of this service's outbox: the first two parts of `ce_source`.
enum Outboxes {
    static let service = "policy-service"
    static let sql = "main"
}

/// What this service tells others.
struct Publishing: Sendable {
    let main: OutboxRelay

    init(_ platform: Platform) {
        let retention = Duration.milliseconds(platform.configuration.outboxRetention)
        main = OutboxRelay(
            source: platform.outbox.source(
                on: platform.database,
                retention: OutboxRetention(
                    byTopic: [Topic.policyChanged.rawValue: retention], standard: retention),
                // Whoever decides waits for these.
                urgentTopics: [Topic.policyChanged.rawValue]),
            serviceName: Outboxes.service, kafka: platform.configuration.kafka,
            heartbeatTopics: [Topic.policyChanged.rawValue, Topic.securityEvents.rawValue], logger: platform.logger)
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

/// The events that those who decide follow.
enum PolicyEvents {
    /// - Parameter statement: the signed statement about the bundle of policies.
    static func activated(sequence: Int64, statement: String, at: Int64) -> OutboxEvent {
        OutboxEvent(
            topic: Topic.policyChanged.rawValue, key: "policies", type: "org.jts.policy.policies-activated",
            subject: "\(sequence)", time: at, data: ["statement": .string(statement)])
    }

    /// - Parameter body: nil when it is too large to travel along: the snapshot has to be fetched.
    static func entitiesChanged(sequence: Int64, statement: String, body: String?, at: Int64) -> OutboxEvent {
        var data: JSONObject = ["statement": .string(statement)]
        data["body"] = body.map { .string($0) }
        return OutboxEvent(
            topic: Topic.policyChanged.rawValue, key: "entities", type: "org.jts.policy.entities-changed",
            subject: "\(sequence)", time: at, data: .object(data))
    }

    /// A hint to fetch what changed: who was given which role, or what a role means.
    static func rolesChanged(sequence: Int64, at: Int64) -> OutboxEvent {
        OutboxEvent(
            topic: Topic.policyChanged.rawValue, key: "roles", type: "org.jts.policy.roles-changed",
            subject: "\(sequence)", time: at, data: ["sequence": .int(sequence)])
    }
}

/// Puts refused requests and decisions on record.
struct RefusalRecord: RefusalSink {
    let platform: Platform
    let nudge: @Sendable () -> Void

    func record(_ events: [SecurityEvent]) async throws {
        try await platform.database.write { connection in
            for event in events { try platform.outbox.append(event.outboxEvent(), connection) }
        }
        nudge()
    }
}
