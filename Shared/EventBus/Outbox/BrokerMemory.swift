import Dispatch
import Logging

/// Finds out whether a broker still has what it once acknowledged.
struct BrokerMemory: Sendable {
    private let kafka: KafkaConfiguration
    private let logger: Logger

    init(_ kafka: KafkaConfiguration, logger: Logger) {
        self.kafka = kafka
        self.logger = logger
    }

    /// The topics of which a record is not where it was acknowledged. A record that is gone because its time was up
    /// (the partition begins after it) does not count.
    func lostTopics(_ positions: [AcknowledgedPosition]) async throws(KafkaError) -> Set<String> {
        guard !positions.isEmpty else { return [] }
        let result: Result<Set<String>, KafkaError> = await withCheckedContinuation { continuation in
            DispatchQueue(label: "kafka-memory").async {
                do throws(KafkaError) {
                    continuation.resume(returning: .success(try self.compare(positions)))
                } catch {
                    continuation.resume(returning: .failure(error))
                }
            }
        }
        return try result.get()
    }

    private func compare(_ positions: [AcknowledgedPosition]) throws(KafkaError) -> Set<String> {
        let consumer = try KafkaConsumer(
            kafka,
            // The group is never joined, but librdkafka wants a name for `assign`.
            ["group.id": "jts-memory", "auto.offset.reset": "error", "fetch.wait.max.ms": "10"],
            callbacks: KafkaCallbacks(logger: logger))
        defer { consumer.close() }
        let counts = try consumer.handle.partitionCounts(
            of: positions.map(\.position.partition.topic), timeout: .seconds(3))
        var lost: Set<String> = []
        var open: [TopicPartition: AcknowledgedPosition] = [:]
        for acknowledged in positions {
            let partition = acknowledged.position.partition
            guard let count = counts[partition.topic], partition.partition < count else {
                lost.insert(partition.topic)
                continue
            }
            let (low, high) = try consumer.handle.watermarks(partition, timeout: .seconds(3))
            if acknowledged.position.offset >= high {
                lost.insert(partition.topic)
            } else if acknowledged.position.offset >= low {
                open[partition] = acknowledged
            }
        }
        open = open.filter { !lost.contains($0.key.topic) }
        guard !open.isEmpty else { return lost }
        try consumer.assign(open.map { ($0.key, $0.value.position.offset) })
        let deadline = ContinuousClock.now + .seconds(5)
        while !open.isEmpty {
            guard ContinuousClock.now < deadline else {
                throw .unavailable("the broker does not give back its records")
            }
            switch consumer.poll(.milliseconds(100)) {
            case .message(let message):
                guard let expected = open.removeValue(forKey: message.partition) else { continue }
                if message.offset != expected.position.offset || message.header("ce_id") != expected.eventID {
                    lost.insert(message.partition.topic)
                }
            case .end(let partition, _):
                if open.removeValue(forKey: partition) != nil { lost.insert(partition.topic) }
            case .failure(let error):
                logger.debug("while looking for records", metadata: ["error": "\(error)"])
            case .nothing: break
            }
        }
        return lost
    }
}
