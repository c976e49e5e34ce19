import CRdkafka
import Foundation
import Logging
import Synchronization

/// Writes single records: idempotent, acknowledged by all replicas, with a bounded number on their way.
package final class KafkaProducer: Sendable {
    private let handle: KafkaHandle
    private let callbacks: PendingCallbacks
    private let poller: PollThread

    /// - Parameters:
    ///   - maxInFlight: records on their way; one more is refused with `.overloaded`.
    ///   - timeout: how long to try to deliver a record.
    package init(
        _ configuration: KafkaConfiguration, maxInFlight: Int = 10_000, timeout: Duration = .seconds(10),
        logger: Logger
    ) throws(KafkaError) {
        let callbacks = PendingCallbacks(limit: maxInFlight, logger: logger)
        let settings = try KafkaSettings(
            configuration,
            [
                "enable.idempotence": "true",
                "acks": "all",
                "linger.ms": "0",
                "partitioner": "murmur2_random",
                "message.timeout.ms": "\(timeout.milliseconds)",
                "queue.buffering.max.messages": "\(maxInFlight + 1)",
            ])
        let handle = try KafkaHandle(RD_KAFKA_PRODUCER, settings, callbacks: callbacks)
        self.handle = handle
        self.callbacks = callbacks
        poller = PollThread(name: "kafka-producer") { rd_kafka_poll(handle.pointer, 100) }
    }

    deinit { poller.stop() }

    /// Records on their way.
    package var inFlight: Int { callbacks.count }

    /// Returns where the record came to stand, once all replicas have it.
    package func send(_ record: KafkaRecord) async throws(KafkaError) -> RecordPosition {
        let result: Result<RecordPosition, KafkaError> = await withCheckedContinuation { continuation in
            guard let token = callbacks.add(continuation) else {
                return continuation.resume(returning: .failure(.overloaded))
            }
            do throws(KafkaError) {
                try handle.enqueue(record, token: token)
            } catch {
                callbacks.resume(token, with: .failure(error))
            }
        }
        return try result.get()
    }
}

/// Those who wait for a delivery report.
///
/// `@unchecked Sendable`: the state is behind a lock.
private final class PendingCallbacks: KafkaCallbacks, @unchecked Sendable {
    typealias Waiter = CheckedContinuation<Result<RecordPosition, KafkaError>, Never>

    private let limit: Int
    private let state = Mutex<(next: Int, waiters: [Int: Waiter])>((1, [:]))

    init(limit: Int, logger: Logger) {
        self.limit = limit
        super.init(logger: logger)
    }

    deinit {
        for waiter in state.withLock({ $0.waiters.values.map { $0 } }) { waiter.resume(returning: .failure(.closed)) }
    }

    var count: Int { state.withLock { $0.waiters.count } }

    func add(_ waiter: Waiter) -> Int? {
        state.withLock { state in
            guard state.waiters.count < limit else { return nil }
            defer { state.next += 1 }
            state.waiters[state.next] = waiter
            return state.next
        }
    }

    func resume(_ token: Int, with result: Result<RecordPosition, KafkaError>) {
        state.withLock { $0.waiters.removeValue(forKey: token) }?.resume(returning: result)
    }

    override func delivered(_ message: rd_kafka_message_t) {
        let topic = message.rkt.flatMap { rd_kafka_topic_name($0) }.map { String(cString: $0) } ?? ""
        let partition = TopicPartition(topic: topic, partition: message.partition)
        resume(
            Int(bitPattern: message._private),
            with: message.err == RD_KAFKA_RESP_ERR_NO_ERROR
                ? .success(RecordPosition(partition: partition, offset: message.offset))
                : .failure(KafkaError(message.err, "delivery to \(partition)")))
    }
}

/// A thread that does one thing again and again until it is told to stop.
final class PollThread: Sendable {
    private let stopped = Mutex(false)

    init(name: String, _ body: @escaping @Sendable () -> Void, atEnd: @escaping @Sendable () -> Void = {}) {
        let stopped = Stop(self)
        let thread = Thread {
            while !stopped.isSet { body() }
            atEnd()
        }
        thread.name = name
        thread.start()
    }

    func stop() { stopped.withLock { $0 = true } }

    /// Holds the owner weakly: a thread also ends when nobody is left who could stop it.
    private struct Stop: Sendable {
        private weak let owner: PollThread?
        init(_ owner: PollThread) { self.owner = owner }
        var isSet: Bool { owner?.stopped.withLock { $0 } ?? true }
    }
}
