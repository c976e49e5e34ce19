import Contracts
import Database
import TestSupport
import Testing

@testable import EventBus

struct TestTrace: EventTrace {
    static let parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    static let state = #"vendor=a"b,other@sys=1"#
    var traceparent: String { TestTrace.parent }
    var tracestate: String? { TestTrace.state }
}

/// An event carries the trace of the request that caused it all the way to whoever reads it.
@Suite(.serialized) struct TraceTests {
    @Test(arguments: OutboxKind.allCases)
    func theTraceReachesTheReader(_ kind: OutboxKind) async throws {
        let broker = try await KafkaBroker(topics: [revoked: 1, events: 1])
        let outbox = try await TestOutbox(kind)
        let relay = RunningRelay(outbox.source(), kafka(broker))
        let feed = RunningFeed(kafka(broker), topics: [revoked, events])
        let revocation = Revocation(target: .session(id: "s1", subject: "u1"), reason: "logout", at: 5)
        try await CurrentTrace.$value.withValue(TestTrace()) {
            try await outbox.write([SecurityEvent(.loginFailed, at: 5).outboxEvent(), revocation.outboxEvent()])
        }
        try await outbox.write([SecurityEvent(.loginSucceeded, at: 5).outboxEvent()])
        relay.relay.nudge()
        try await eventually("all events") { feed.now.events.count == 3 }
        for event in feed.now.events {
            let isTraced = event.type != "org.jts.security.login-succeeded"
            #expect(event.traceparent == (isTraced ? TestTrace.parent : nil))
            #expect(event.tracestate == (isTraced ? TestTrace.state : nil))
        }
        await relay.stop()
        await feed.stop()
    }

    /// Events are mostly made where the change is, on a thread of the database.
    @Test(arguments: SQLDialect.allCases)
    func transactionsBelongToTheTraceOfTheirRequest(_ dialect: SQLDialect) async throws {
        let store = try await OutboxDatabase(dialect)
        let outbox = SQLOutbox(name: "main")
        let traced = try await CurrentTrace.$value.withValue(TestTrace()) {
            try await store.database.write { connection in
                let event = SecurityEvent(.userCreated, at: 5).outboxEvent()
                try outbox.append(event, connection)
                return event
            }
        }
        #expect(traced.traceparent == TestTrace.parent)
        #expect(traced.tracestate == TestTrace.state)
        // The thread has forgotten it.
        let untraced = try await store.database.write { _ in SecurityEvent(.userCreated, at: 5).outboxEvent() }
        #expect(untraced.traceparent == nil)
        let read = try await CurrentTrace.$value.withValue(TestTrace()) {
            try await store.database.read { _ in CurrentTrace.value?.traceparent }
        }
        #expect(read == TestTrace.parent)
        let rows = try await store.database.query("SELECT payload FROM outbox_events")
        #expect(try rows.compactMap { OutboxEvent(encoded: try $0.text("payload").utf8) } == [traced])
    }
}
