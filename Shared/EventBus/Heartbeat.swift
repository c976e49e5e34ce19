import Foundation
import StrictJSON

/// A sign of life that an outbox' relay puts on each partition of its feeds every second.
package struct Heartbeat: Sendable, Hashable {
    package static let type = "org.jts.outbox.heartbeat"

    package var source: EventSource
    /// Everything that was committed up to here (milliseconds since the epoch) has been published before this.
    package var watermark: Int64
    /// The last sequence number that `source` had published by then; 0 for none.
    package var lastSequence: Int64
    package var partition: TopicPartition

    package init(source: EventSource, watermark: Int64, lastSequence: Int64, partition: TopicPartition) {
        self.source = source
        self.watermark = watermark
        self.lastSequence = lastSequence
        self.partition = partition
    }

    /// nil when the event is none.
    package init?(_ event: CloudEvent) {
        guard event.type == Heartbeat.type, let source = EventSource(event.source), let json = event.json(),
            let watermark = json["watermark_ms"]?.int, let lastSequence = json["last_sequence"]?.int
        else { return nil }
        self.init(
            source: source, watermark: watermark, lastSequence: lastSequence,
            partition: TopicPartition(topic: event.topic, partition: event.partition))
    }

    func event(id: String, time: Int64) -> CloudEvent {
        let data: JSONValue = ["watermark_ms": .int(watermark), "last_sequence": .int(lastSequence)]
        return CloudEvent(
            id: id, source: source.description, type: Heartbeat.type, time: time, data: data.encoded(),
            topic: partition.topic, partition: partition.partition)
    }
}
