import Contracts
import Database
import Foundation
import Logging
import NIOPosix
import Redis
import StrictJSON
import Synchronization
import TestSupport
import Testing

@testable import EventBus

let quiet = Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() })

let revoked = "security.session-revoked"
let events = "security.events"

/// The PostgreSQL server that these tests share; each has a database of its own in it.
enum SharedPostgres {
    private static let server = Task { try await PostgresServer() }
    static func get() async throws -> PostgresServer { try await server.value }
}

/// A database with the tables of the outbox.
final class OutboxDatabase: Sendable {
    let database: any Database
    let url: String
    private let folder: TemporaryDirectory?

    init(_ dialect: SQLDialect) async throws {
        if dialect == .sqlite {
            let folder = try TemporaryDirectory("jts-outbox")
            self.folder = folder
            url = "sqlite://\(folder.path)/test.db"
        } else {
            folder = nil
            url = try await SharedPostgres.get().makeDatabase()
        }
        database = try await DatabaseFactory.open(url: url, logger: quiet)
        try await Migrator.run(SQLOutbox.migrations, component: "outbox", on: database)
    }

    /// Commits events in one transaction.
    func commit(_ events: [OutboxEvent], to outbox: SQLOutbox) async throws {
        try await database.write { connection in
            for event in events { try outbox.append(event, connection) }
        }
    }
}

func makeEvent(_ number: Int, topic: String = revoked, key: String? = nil) -> OutboxEvent {
    OutboxEvent(
        topic: topic, key: key ?? "key-\(number % 7)", type: "org.jts.test", subject: "s-\(number)",
        time: WallClock.milliseconds(), data: ["number": .int(Int64(number))])
}

func kafka(_ broker: KafkaBroker) -> KafkaConfiguration {
    KafkaConfiguration(bootstrapServers: broker.bootstrapServers)
}

func makeRedis(_ server: RedisServer) throws -> RedisClient {
    try RedisClient(
        RedisConfiguration(url: server.url), eventLoopGroup: MultiThreadedEventLoopGroup.singleton, logger: quiet)
}

/// Runs a relay for as long as this object lives.
final class RunningRelay: Sendable {
    let relay: OutboxRelay
    private let task: Task<Void, Never>

    init(
        _ source: any OutboxSource, _ broker: KafkaConfiguration, topics: [String] = [revoked, events],
        _ change: (inout OutboxRelay.Options) -> Void = { _ in }
    ) {
        var options = OutboxRelay.Options()
        change(&options)
        let relay = OutboxRelay(
            source: source, serviceName: "test", kafka: broker, heartbeatTopics: topics, options: options,
            logger: quiet)
        self.relay = relay
        task = Task { await relay.run() }
    }

    deinit { task.cancel() }

    func stop() async {
        task.cancel()
        await task.value
    }
}

/// Reads a feed for as long as this object lives, and keeps what it told.
final class RunningFeed: Sendable {
    struct Seen: Sendable {
        var events: [CloudEvent] = []
        var gaps: [FeedGap] = []
        var heartbeats: [Heartbeat] = []
        var eventsWhenCaughtUp: Int?
    }

    let reader: FeedReader
    private let seen: Box<Seen>
    private let task: Task<Void, Never>

    init(
        _ broker: KafkaConfiguration, topics: [String] = [revoked], since: Duration = .seconds(900),
        outboxes: [String] = ["test/main"], _ change: (inout FeedReader.Options) -> Void = { _ in }
    ) {
        var options = FeedReader.Options(topics: topics, since: since, registeredOutboxes: outboxes)
        change(&options)
        let reader = FeedReader(options, kafka: broker, logger: quiet)
        let seen = Box(Seen())
        self.reader = reader
        self.seen = seen
        task = Task {
            try? await reader.run { item in
                seen.update { seen in
                    switch item {
                    case .event(let event): seen.events.append(event)
                    case .heartbeat(let heartbeat): seen.heartbeats.append(heartbeat)
                    case .gap(let gap): seen.gaps.append(gap)
                    case .caughtUp: seen.eventsWhenCaughtUp = seen.events.count
                    }
                }
            }
        }
    }

    deinit { task.cancel() }

    var now: Seen { seen.value }
    var numbers: [Int] { now.events.compactMap { $0.json()?["number"]?.int.map(Int.init) } }

    func stop() async {
        task.cancel()
        await task.value
    }
}

final class Box<Value: Sendable>: Sendable {
    private let state: Mutex<Value>
    init(_ value: Value) { state = Mutex(value) }
    var value: Value { state.withLock { $0 } }
    @discardableResult
    func update<T: Sendable>(_ body: (inout Value) -> T) -> T { state.withLock { body(&$0) } }
}

/// All events that stand in a topic now, partition by partition, heartbeats left out.
func contents(of topic: String, _ broker: KafkaConfiguration) async throws -> [CloudEvent] {
    try await withCheckedThrowingContinuation { continuation in
        Thread {
            continuation.resume(with: Result { try readAll(topic, broker) })
        }.start()
    }
}

private func readAll(_ topic: String, _ broker: KafkaConfiguration) throws -> [CloudEvent] {
    let consumer = try KafkaConsumer(
        broker, ["group.id": "dump", "auto.offset.reset": "earliest", "fetch.wait.max.ms": "10"],
        callbacks: KafkaCallbacks(logger: quiet))
    defer { consumer.close() }
    let count = try consumer.handle.partitionCounts(of: [topic], timeout: .seconds(5))[topic] ?? 0
    var open = Set((0..<count).map { TopicPartition(topic: topic, partition: $0) })
    try consumer.assign(open.map { ($0, 0) })
    var found: [CloudEvent] = []
    let deadline = ContinuousClock.now + .seconds(20)
    while !open.isEmpty {
        guard ContinuousClock.now < deadline else { throw KafkaError.unavailable("the end of \(topic)") }
        switch consumer.poll(.milliseconds(100)) {
        case .message(let message):
            let event = try CloudEvent(message)
            if Heartbeat(event) == nil { found.append(event) }
        case .end(let partition, _): open.remove(partition)
        case .failure(let error): throw error
        case .nothing: break
        }
    }
    return found
}

/// Checks that each source's numbers run from 1 without a gap, and that a number always stands for the same event.
func expectGapless(
    _ events: [CloudEvent], count: Int? = nil, sourceLocation: SourceLocation = #_sourceLocation
) {
    for (source, list) in Dictionary(grouping: events, by: \.source) {
        let numbers = Set(list.compactMap(\.sequence))
        #expect(numbers == Set(1...Int64(max(1, numbers.count))), "\(source)", sourceLocation: sourceLocation)
        for (number, same) in Dictionary(grouping: list, by: { $0.sequence ?? 0 }) {
            #expect(Set(same.map(\.id)).count == 1, "\(source) \(number)", sourceLocation: sourceLocation)
        }
    }
    if let count { #expect(Set(events.map(\.id)).count == count, sourceLocation: sourceLocation) }
}
