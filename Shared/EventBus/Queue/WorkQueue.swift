import Contracts
import Foundation
import Logging
import StrictJSON
import Synchronization

/// Reads topics as a member of a group: each event goes to one member, at least once, and is committed only when it
/// was handled.
///
/// What cannot be handled, because it is no event or because handling it keeps failing, is set aside on
/// `<topic>.dead`, an event tells of it, and the rest goes on. Heartbeats of outboxes are nobody's work and are passed
/// over.
package final class WorkQueue: Sendable {
    package struct Options: Sendable {
        package var topics: [String]
        package var group: String
        /// Events that were read and wait to be handled; beyond them reading pauses.
        package var buffer = 256
        /// How often `run` tries to handle an event before it sets it aside.
        package var maxAttempts = 5
        /// Before the second attempt; doubles with each.
        package var retryAfter: Duration = .milliseconds(100)
        package var commitEvery: Duration = .milliseconds(200)
        package var fetchWait: Duration = .milliseconds(50)
        /// After so long without a sign of life a member's partitions go to the others. Brokers take no less than 6 s.
        package var sessionTimeout: Duration = .seconds(6)
        /// Where the event goes that tells of a message set aside; nil for nowhere.
        package var announceTopic: String? = "security.events"

        package init(topics: [String], group: String) {
            self.topics = topics
            self.group = group
        }
    }

    let options: Options
    let kafka: KafkaConfiguration
    let logger: Logger
    let channel: BoundedChannel<WorkItem>
    let progress = WorkProgress()
    private let producer: KafkaProducer
    private let isRunning = Mutex(false)

    package init(_ options: Options, kafka: KafkaConfiguration, logger: Logger) throws(KafkaError) {
        self.options = options
        self.kafka = kafka
        self.logger = logger
        channel = BoundedChannel(limit: options.buffer)
        producer = try KafkaProducer(kafka, maxInFlight: 1_000, logger: logger)
    }

    package var statistics: WorkQueueStatistics { progress.statistics }

    /// Handles events, one after the other, until the task is cancelled.
    ///
    /// An event whose handling throws is tried again, and set aside when it keeps failing; `SetAside` thrown sets it
    /// aside at once.
    package func run(_ handle: @escaping @Sendable (CloudEvent) async throws -> Void) async throws {
        for try await event in events() {
            var pause = options.retryAfter
            attempts: for attempt in 1... {
                do {
                    try await handle(event)
                    break attempts
                } catch {
                    if Task.isCancelled { return }
                    let isHopeless = error is SetAside
                    if isHopeless || attempt >= options.maxAttempts {
                        try await setAside(
                            event, reason: isHopeless ? "\(error)" : "\(attempt) attempts failed: \(error)")
                        break attempts
                    }
                    progress.count { $0.retries += 1 }
                    try await Task.sleep(for: pause)
                    pause = min(pause * 2, .seconds(5))
                }
            }
        }
    }

    /// The events, for one iteration. Asking for the next one says that the one before was handled.
    package func events() -> WorkEvents { WorkEvents(self) }

    /// Puts an event on `<topic>.dead`; then it counts as handled. Tries until it succeeds or the task is cancelled.
    package func setAside(_ event: CloudEvent, reason: String) async throws {
        var record = event.record()
        record.headers += Self.headers(
            reason, TopicPartition(topic: event.topic, partition: event.partition), event.offset)
        try await setAside(record, about: event.id, reason: reason)
    }

    func setAside(_ message: KafkaMessage, reason: String) async throws {
        let headers = message.headers + Self.headers(reason, message.partition, message.offset)
        let record = KafkaRecord(
            topic: message.partition.topic, key: message.key, value: message.value, headers: headers)
        try await setAside(record, about: "\(message.partition)@\(message.offset)", reason: reason)
    }

    private func setAside(_ original: KafkaRecord, about id: String, reason: String) async throws {
        var dead = original
        dead.topic += ".dead"
        dead.partition = nil
        do {
            try await send(dead)
        } catch KafkaError.rejected where !dead.value.isEmpty {
            // What was just small enough for its topic is not with what was added to it: where it stands is told.
            dead.headers.append(("jts-dead-omitted-bytes", Array("\(dead.value.count)".utf8)))
            dead.value = []
            try await send(dead)
        }
        progress.count { $0.setAside += 1 }
        logger.error(
            "message set aside", metadata: ["topic": "\(original.topic)", "message": "\(id)", "reason": "\(reason)"])
        guard let announceTopic = options.announceTopic else { return }
        let data: JSONValue = [
            "topic": .string(original.topic), "message": .string(id), "group": .string(options.group),
        ]
        let event = CloudEvent(
            id: UUID().uuidString.lowercased(), source: "queue/\(options.group)",
            type: "org.jts.queue.message-set-aside",
            time: WallClock.milliseconds(), data: data.encoded(), topic: announceTopic, key: options.group)
        try await send(event.record())
    }

    private func send(_ record: KafkaRecord) async throws {
        var pause: Duration = .milliseconds(100)
        while true {
            do throws(KafkaError) {
                _ = try await producer.send(record)
                return
            } catch {
                if case .rejected = error { throw error }
                logger.warning("cannot set a message aside yet", metadata: ["error": "\(error)"])
            }
            try await Task.sleep(for: pause)
            pause = min(pause * 2, .seconds(5))
        }
    }

    private static func headers(
        _ reason: String, _ partition: TopicPartition, _ offset: Int64
    ) -> [(name: String, value: [UInt8])] {
        [
            ("jts-dead-reason", Array(reason.utf8.prefix(500))), ("jts-dead-topic", Array(partition.topic.utf8)),
            ("jts-dead-partition", Array("\(partition.partition)".utf8)), ("jts-dead-offset", Array("\(offset)".utf8)),
        ]
    }

    /// Reads until `stop` is set; ends the channel then.
    func read(until stop: StopFlag) async throws(KafkaError) {
        guard
            isRunning.withLock({ isRunning in
                defer { isRunning = true }
                return !isRunning
            })
        else { throw .configuration("a queue is read once") }
        let consumer = try KafkaConsumer(
            kafka,
            [
                "group.id": options.group,
                "auto.offset.reset": "earliest",
                "partition.assignment.strategy": "range",
                "fetch.wait.max.ms": "\(options.fetchWait.milliseconds)",
                "session.timeout.ms": "\(options.sessionTimeout.milliseconds)",
                "heartbeat.interval.ms": "\((options.sessionTimeout / 10).milliseconds)",
            ], callbacks: WorkCallbacks(progress: progress, channel: channel, logger: logger))
        try consumer.subscribe(options.topics)
        await withCheckedContinuation { (continuation: CheckedContinuation<Void, Never>) in
            let thread = Thread {
                WorkSession(queue: self, consumer: consumer).run(until: stop)
                continuation.resume()
            }
            thread.name = "kafka-work"
            thread.start()
        }
    }
}

/// Thrown by a handler that knows that trying again is no use.
package struct SetAside: Error, CustomStringConvertible {
    package let description: String
    package init(_ reason: String) { description = reason }
}

/// What a queue has done, for metrics.
package struct WorkQueueStatistics: Sendable, Equatable {
    package var handled = 0
    package var repeats = 0
    package var retries = 0
    package var setAside = 0
    package var rebalances = 0
    package var assignedPartitions = 0
    /// Records in the assigned partitions that are not handled yet.
    package var lag: Int64 = 0
    package var errors = 0
    package var lastError: String?

    package init() {}
}
