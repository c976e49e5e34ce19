import Foundation
import TestSupport

@testable import EventBus

/// All events that stand on the topics now, repeats too, heartbeats left out.
func topicContents(_ broker: KafkaBroker, topics: [String] = EventLog.topics) async throws -> [EventTrace] {
    let kafka = KafkaConfiguration(bootstrapServers: broker.bootstrapServers)
    // Blocking, so on a thread of its own.
    return try await withCheckedThrowingContinuation { continuation in
        Thread { continuation.resume(with: Result { try readAll(topics, kafka) }) }.start()
    }
}

private func readAll(_ topics: [String], _ kafka: KafkaConfiguration) throws -> [EventTrace] {
    let consumer = try KafkaConsumer(
        kafka, ["group.id": "dump", "auto.offset.reset": "earliest", "fetch.wait.max.ms": "10"],
        callbacks: KafkaCallbacks(logger: quiet))
    defer { consumer.close() }
    let counts = try consumer.handle.partitionCounts(of: topics, timeout: .seconds(5))
    var open = Set(
        counts.flatMap { topic, count in (0..<count).map { TopicPartition(topic: topic, partition: $0) } })
    // -2: wherever the partition begins.
    try consumer.assign(open.map { ($0, -2) })
    var found: [EventTrace] = []
    let deadline = ContinuousClock.now + .seconds(30)
    while !open.isEmpty {
        guard ContinuousClock.now < deadline else { throw KafkaError.unavailable("the ends of the topics") }
        switch consumer.poll(.milliseconds(100)) {
        case .message(let message):
            let event = try CloudEvent(message)
            if Heartbeat(event) == nil { found.append(EventTrace(event)) }
        case .end(let partition, _): open.remove(partition)
        case .failure(let error): throw error
        case .nothing: break
        }
    }
    return found
}
