import Contracts

extension SecurityEvent {
    /// The outbox row that tells of this event on `security.events`.
    package func outboxEvent(traceparent: String? = nil) -> OutboxEvent {
        OutboxEvent(
            topic: Topic.securityEvents.rawValue, key: subject ?? actor ?? kind.rawValue, type: eventType,
            subject: subject, time: at, traceparent: traceparent, data: json())
    }
}

extension Revocation {
    /// The outbox row that tells of this revocation on `security.session-revoked`.
    package func outboxEvent(traceparent: String? = nil) -> OutboxEvent {
        OutboxEvent(
            topic: Topic.sessionRevoked.rawValue, key: key, type: eventType, subject: key, time: at,
            traceparent: traceparent, data: json())
    }
}
