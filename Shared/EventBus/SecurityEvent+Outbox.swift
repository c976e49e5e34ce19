import Contracts

extension SecurityEvent {
    /// The outbox row that tells of this event on `security.events`.
    package func outboxEvent() -> OutboxEvent {
        OutboxEvent(
            topic: Topic.securityEvents.rawValue, key: subject ?? actor ?? kind.rawValue, type: eventType,
            subject: subject, time: at, trace: trace, data: json())
    }

    /// What `outboxEvent().encoded()` is, written in one go: for hot paths.
    package func encodedForOutbox(id: String = EventID.make()) -> [UInt8] {
        OutboxEvent.encode(
            id: id, topic: Topic.securityEvents.rawValue, key: subject ?? actor ?? kind.rawValue, type: eventType,
            subject: subject, time: at, traceparent: trace?.traceparent, tracestate: trace?.tracestate,
            data: write(to:))
    }
}

extension Revocation {
    /// The outbox row that tells of this revocation on `security.session-revoked`.
    package func outboxEvent() -> OutboxEvent {
        OutboxEvent(
            topic: Topic.sessionRevoked.rawValue, key: key, type: eventType, subject: key, time: at, data: json())
    }
}
