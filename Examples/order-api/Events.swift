import APISecurity
import Contracts
import Database
import EventBus
import Logging
import StrictJSON

/// What this service tells others: every order that is placed or cancelled, on `security.events`.
enum OrderEvents {
    /// The first part of `ce_source`.
    static let service = "order-api"
    static let outbox = SQLOutbox(name: "main")

    static func placed(_ order: Order, _ act: Act) -> OutboxEvent {
        var fields: JSONObject = ["order_id": .string(order.id)]
        for member in order.terms.members.members { fields[member.key] = member.value }
        return event(.orderPlaced, act, fields)
    }

    static func cancelled(_ order: Order, _ act: Act) -> OutboxEvent {
        event(.orderCancelled, act, ["order_id": .string(order.id), "symbol": .string(order.terms.symbol)])
    }

    private static func event(_ kind: SecurityEvent.Kind, _ act: Act, _ fields: JSONObject) -> OutboxEvent {
        SecurityEvent(
            kind, subject: act.subject, sessionID: act.sessionID, at: act.at, requestID: act.requestID, fields: fields
        ).outboxEvent()
    }

    /// Brings the events to Kafka. While that is down they wait in the database, and orders can be cancelled.
    static func relay(
        on database: any Database, kafka: KafkaConfiguration, retention: Duration, logger: Logger
    ) -> OutboxRelay {
        OutboxRelay(
            source: outbox.source(on: database, retention: OutboxRetention(standard: retention)),
            serviceName: service, kafka: kafka, heartbeatTopics: [Topic.securityEvents.rawValue], logger: logger)
    }
}

/// Puts refused requests on record, beside the orders.
struct RefusalRecord: RefusalSink {
    /// Distinct refusals, and so rows, a second at most; further ones are only counted.
    static let capacity = 1_000

    let database: any Database
    /// Tells the relay that something was committed.
    let nudge: @Sendable () -> Void

    func record(_ events: [SecurityEvent]) async throws {
        try await database.write { connection in
            for event in events { try OrderEvents.outbox.append(event.outboxEvent(), connection) }
        }
        nudge()
    }
}
