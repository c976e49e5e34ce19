import CRdkafka
import Dispatch
import Logging
import Synchronization

/// Writes batches, each whole or not at all for readers of committed records, and only while no newer producer has
/// registered the same transactional id.
///
/// After any error but `.overloaded` the producer is spent: close it and make another, which also ends the transaction
/// that was left open.
package final class TransactionalProducer: Sendable {
    private let queue: DispatchQueue
    private let callbacks: DeliveryCallbacks
    private let handle: Mutex<KafkaHandle?>

    /// Does not connect yet.
    /// - Parameter transactionTimeout: after which the broker ends a transaction that hangs.
    package init(
        _ configuration: KafkaConfiguration, transactionalID: String, transactionTimeout: Duration = .seconds(10),
        logger: Logger
    ) throws(KafkaError) {
        let callbacks = DeliveryCallbacks(logger: logger)
        let settings = try KafkaSettings(
            configuration,
            [
                "transactional.id": transactionalID,
                "transaction.timeout.ms": "\(transactionTimeout.milliseconds)",
                "message.timeout.ms": "\(transactionTimeout.milliseconds)",
                "enable.idempotence": "true",
                "acks": "all",
                "linger.ms": "0",
                "partitioner": "murmur2_random",
                "queue.buffering.max.messages": "10000",
            ])
        self.callbacks = callbacks
        queue = DispatchQueue(label: "kafka-\(transactionalID)")
        handle = Mutex(try KafkaHandle(RD_KAFKA_PRODUCER, settings, callbacks: callbacks))
    }

    /// Registers with the broker, which from then on refuses older producers of the same transactional id.
    /// - Parameter topics: looked up now, so that the first record for them need not wait.
    package func start(topics: [String], timeout: Duration = .seconds(5)) async throws(KafkaError) {
        try await run { handle throws(KafkaError) in
            if let error = KafkaError(consuming: rd_kafka_init_transactions(handle.pointer, timeout.milliseconds)) {
                throw error
            }
            _ = try handle.partitionCounts(of: topics, timeout: timeout)
        }
    }

    /// Writes all records in one transaction, in their order for each partition.
    /// - Returns: where each came to stand.
    package func publish(
        _ records: [KafkaRecord], timeout: Duration = .seconds(10)
    ) async throws(KafkaError) -> [RecordPosition] {
        guard !records.isEmpty else { return [] }
        let callbacks = callbacks
        return try await run { handle throws(KafkaError) in
            try Self.publish(records, on: handle, callbacks, deadline: .now + timeout)
        }
    }

    package func partitionCounts(
        of topics: [String], timeout: Duration = .seconds(5)
    ) async throws(KafkaError) -> [String: Int32] {
        try await run { handle throws(KafkaError) in try handle.partitionCounts(of: topics, timeout: timeout) }
    }

    /// Frees everything; what is on its way is given up.
    package func close() async {
        await withCheckedContinuation { continuation in
            queue.async {
                self.handle.withLock { $0 = nil }
                continuation.resume()
            }
        }
    }

    // MARK: - On the queue

    private func run<T: Sendable>(
        _ body: @escaping @Sendable (KafkaHandle) throws(KafkaError) -> T
    ) async throws(KafkaError) -> T {
        let result: Result<T, KafkaError> = await withCheckedContinuation { continuation in
            queue.async {
                guard let handle = self.handle.withLock({ $0 }) else {
                    return continuation.resume(returning: .failure(.closed))
                }
                do throws(KafkaError) {
                    continuation.resume(returning: .success(try body(handle)))
                } catch {
                    continuation.resume(returning: .failure(error))
                }
            }
        }
        return try result.get()
    }

    /// Records that are thrown away because their transaction failed say nothing but that. Why it did, above all that a
    /// newer producer has taken over, is told by the attempt to commit it, which answers at once.
    private static func cause(of failure: KafkaError, on handle: KafkaHandle) -> KafkaError {
        KafkaError(consuming: rd_kafka_commit_transaction(handle.pointer, 1_000)) ?? failure
    }

    private static func publish(
        _ records: [KafkaRecord], on handle: KafkaHandle, _ callbacks: DeliveryCallbacks,
        deadline: ContinuousClock.Instant
    ) throws(KafkaError) -> [RecordPosition] {
        if let error = KafkaError(consuming: rd_kafka_begin_transaction(handle.pointer)) { throw error }
        callbacks.expect(records.count)
        for (index, record) in records.enumerated() {
            while true {
                do throws(KafkaError) {
                    try handle.enqueue(record, token: index + 1)
                    break
                } catch .overloaded {
                    guard ContinuousClock.now < deadline else { throw .unavailable("the queue stays full") }
                    rd_kafka_poll(handle.pointer, 10)
                }
            }
        }
        // Polled here and not left to the commit, which looks only every 10 ms.
        while callbacks.isWaiting {
            guard ContinuousClock.now < deadline else { throw .unavailable("no acknowledgement in time") }
            rd_kafka_poll(handle.pointer, 20)
        }
        let positions: [RecordPosition]
        do throws(KafkaError) {
            positions = try callbacks.outcome()
        } catch {
            throw cause(of: error, on: handle)
        }
        let left = deadline - .now
        if let error = KafkaError(consuming: rd_kafka_commit_transaction(handle.pointer, left.milliseconds)) {
            throw error
        }
        return positions
    }
}

/// Collects the delivery reports of one batch.
///
/// `@unchecked Sendable`: the state is behind a lock.
private final class DeliveryCallbacks: KafkaCallbacks, @unchecked Sendable {
    private struct State: Sendable {
        var positions: [RecordPosition?] = []
        var missing = 0
        var failure: KafkaError?
    }

    private let state = Mutex(State())

    func expect(_ count: Int) {
        state.withLock { $0 = State(positions: Array(repeating: nil, count: count), missing: count) }
    }

    var isWaiting: Bool { state.withLock { $0.missing > 0 && $0.failure == nil } }

    func outcome() throws(KafkaError) -> [RecordPosition] {
        let state = state.withLock { $0 }
        if let failure = state.failure { throw failure }
        return state.positions.compactMap { $0 }
    }

    override func delivered(_ message: rd_kafka_message_t) {
        let index = Int(bitPattern: message._private) - 1
        let topic = message.rkt.flatMap { rd_kafka_topic_name($0) }.map { String(cString: $0) } ?? ""
        let position = RecordPosition(
            partition: TopicPartition(topic: topic, partition: message.partition), offset: message.offset)
        state.withLock { state in
            guard state.positions.indices.contains(index) else { return }
            if message.err == RD_KAFKA_RESP_ERR_NO_ERROR {
                state.positions[index] = position
            } else if state.failure == nil {
                state.failure = KafkaError(message.err, "delivery to \(position.partition)")
            }
            state.missing -= 1
        }
    }
}
