import Contracts
import Foundation
import TestSupport

@testable import EventBus

/// Writes events and heartbeats with numbers of the test's choosing, as a relay that does not do its work right.
struct RawPublisher: Sendable {
    let source: EventSource
    private let producer: KafkaProducer

    init(_ broker: KafkaConfiguration, outbox: String = "main", topic: String = revoked) throws {
        source = EventSource(service: "test", outbox: outbox, epoch: 1, topic: topic)
        producer = try KafkaProducer(broker, logger: quiet)
    }

    @discardableResult
    func event(_ sequence: Int64, partition: Int32 = 0, number: Int? = nil) async throws -> RecordPosition {
        let event = makeEvent(number ?? Int(sequence), topic: source.topic)
        return try await producer.send(
            event.cloudEvent(source: source, sequence: sequence).record(partition: partition))
    }

    func heartbeat(_ last: Int64, partition: Int32 = 0, watermark: Int64? = nil) async throws {
        let heartbeat = Heartbeat(
            source: source, watermark: watermark ?? WallClock.milliseconds(), lastSequence: last,
            partition: TopicPartition(topic: source.topic, partition: partition))
        let event = heartbeat.event(id: UUID().uuidString, time: WallClock.milliseconds())
        _ = try await producer.send(event.record(partition: partition))
    }

    func raw(_ record: KafkaRecord) async throws { _ = try await producer.send(record) }
}
