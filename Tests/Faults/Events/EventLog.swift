import Contracts
import EventBus
import Foundation
import Logging
import Synchronization
import TestSupport

/// Reads `security.events` and `security.session-revoked` from the start, for as long as it lives.
final class EventLog: Sendable {
    static let topics = [Topic.securityEvents.rawValue, Topic.sessionRevoked.rawValue]

    /// A heartbeat and when it was read.
    struct Beat: Sendable {
        let heartbeat: Heartbeat
        let readAt: ContinuousClock.Instant
    }

    private struct Seen {
        var traces: [EventTrace] = []
        var beats: [Beat] = []
        var gaps: [FeedGap] = []
    }

    private let reader: FeedReader
    private let seen: Shared<Seen>
    private let task: Task<Void, Never>

    init(_ broker: KafkaBroker) {
        let reader = FeedReader(
            topics: Self.topics, kafka: KafkaConfiguration(bootstrapServers: broker.bootstrapServers),
            since: .seconds(900), registeredOutboxes: ["token-service/main"], logger: quiet)
        let seen = Shared(Seen())
        self.reader = reader
        self.seen = seen
        task = Task {
            try? await reader.run { item in
                seen.update { seen in
                    switch item {
                    case .event(let event): seen.traces.append(EventTrace(event))
                    case .heartbeat(let heartbeat): seen.beats.append(Beat(heartbeat: heartbeat, readAt: .now))
                    case .gap(let gap): seen.gaps.append(gap)
                    case .caughtUp: break
                    }
                }
            }
        }
    }

    deinit { task.cancel() }

    /// Events read so far, each once.
    var traces: [EventTrace] { seen.value.traces }
    /// What the reader itself missed, for good.
    var gaps: [FeedGap] { seen.value.gaps }
    var beats: [Beat] { seen.value.beats }
    var isCaughtUp: Bool { reader.isCaughtUp }

    /// Signs of life of an outbox on a topic read since then.
    func beats(of outbox: String, on topic: Topic, since instant: ContinuousClock.Instant) -> [Beat] {
        beats.filter {
            $0.readAt >= instant && $0.heartbeat.source.outboxName == outbox
                && $0.heartbeat.source.topic == topic.rawValue
        }
    }

    /// Waits until everything that was committed to an outbox before now has been read.
    func untilComplete(
        _ outboxes: [String] = ["token-service/main", "token-service/sessions"], within limit: Duration = .seconds(30)
    ) async throws {
        let now = WallClock.milliseconds()
        for outbox in outboxes {
            try await eventually("everything of \(outbox) is on the topics", within: limit, poll: .milliseconds(100)) {
                beats.contains { $0.heartbeat.source.outboxName == outbox && $0.heartbeat.watermark >= now }
            }
        }
    }

    func untilTold(
        _ what: String, within limit: Duration = .seconds(15), _ matches: (EventTrace) -> Bool
    ) async throws {
        try await eventually(what, within: limit, poll: .milliseconds(50)) { traces.contains(where: matches) }
    }

    func stop() async {
        task.cancel()
        await task.value
    }
}

extension EventTrace {
    init(_ event: CloudEvent) {
        let json = event.json()
        self.init(
            topic: event.topic, source: event.source, sequence: event.sequence ?? 0, id: event.id, type: event.type,
            session: json?["session_id"]?.string ?? json?["subject"]?["session"]?["id"]?.string)
    }

    /// The end of a session as `security.session-revoked` has it.
    func revokes(_ session: String) -> Bool {
        topic == Topic.sessionRevoked.rawValue && self.session == session
    }
}

let quiet = Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() })

/// A value that a callback writes and a test reads.
final class Shared<Value: Sendable>: Sendable {
    private let state: Mutex<Value>
    init(_ value: Value) { state = Mutex(value) }
    var value: Value { state.withLock { $0 } }
    func update(_ body: (inout Value) -> Void) { state.withLock { body(&$0) } }
}
