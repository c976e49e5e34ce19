import Contracts
import StrictJSON

/// An event as CloudEvents 1.0 has it, read from Kafka in binary content mode (CloudEvents Kafka protocol binding,
/// section 3.2).
package struct CloudEvent: Sendable {
    package var id: String
    /// Who numbers it: `service/outbox/epoch/topic`. `sequence` counts the events of one source without gaps.
    package var source: String
    package var type: String
    package var subject: String?
    /// Milliseconds since the epoch.
    package var time: Int64?
    package var sequence: Int64?
    /// W3C trace context of what caused it (extension "Distributed Tracing").
    package var traceparent: String?
    package var tracestate: String?
    package var contentType: String?
    package var data: [UInt8]

    package var topic: String
    package var partition: Int32
    package var offset: Int64
    package var key: String?

    package init(
        id: String, source: String, type: String, subject: String? = nil, time: Int64? = nil, sequence: Int64? = nil,
        traceparent: String? = nil, tracestate: String? = nil, contentType: String? = "application/json",
        data: [UInt8], topic: String, partition: Int32 = 0, offset: Int64 = 0, key: String? = nil
    ) {
        self.id = id
        self.source = source
        self.type = type
        self.subject = subject
        self.time = time
        self.sequence = sequence
        self.traceparent = traceparent
        self.tracestate = tracestate
        self.contentType = contentType
        self.data = data
        self.topic = topic
        self.partition = partition
        self.offset = offset
        self.key = key
    }

    /// The data, when it is JSON.
    package func json() -> JSONValue? { try? JSONValue(parsing: data) }
}

extension CloudEvent {
    package enum Malformed: Error, Sendable, Equatable {
        /// This header is missing or not what CloudEvents wants.
        case header(String)
    }

    /// Reads a record.
    /// - Throws: what is missing for it to be an event.
    package init(_ message: KafkaMessage) throws(Malformed) {
        guard message.header("ce_specversion") == "1.0" else { throw .header("ce_specversion") }
        guard let id = message.header("ce_id"), !id.isEmpty else { throw .header("ce_id") }
        guard let source = message.header("ce_source"), !source.isEmpty else { throw .header("ce_source") }
        guard let type = message.header("ce_type"), !type.isEmpty else { throw .header("ce_type") }
        var time: Int64?
        if let text = message.header("ce_time") {
            guard let parsed = RFC3339.milliseconds(text) else { throw .header("ce_time") }
            time = parsed
        }
        var sequence: Int64?
        if let text = message.header("ce_sequence") {
            guard let parsed = Int64(text), parsed > 0 else { throw .header("ce_sequence") }
            sequence = parsed
        }
        self.init(
            id: id, source: source, type: type, subject: message.header("ce_subject"), time: time,
            sequence: sequence, traceparent: message.header("ce_traceparent"),
            tracestate: message.header("ce_tracestate"), contentType: message.header("content-type"),
            data: message.value, topic: message.partition.topic,
            partition: message.partition.partition, offset: message.offset,
            key: message.key.map { String(decoding: $0, as: UTF8.self) })
    }

    /// The record that carries this event.
    package func record(partition: Int32? = nil) -> KafkaRecord {
        var headers: [(name: String, value: [UInt8])] = []
        func add(_ name: String, _ value: String?) {
            if let value { headers.append((name, Array(value.utf8))) }
        }
        add("ce_specversion", "1.0")
        add("ce_id", id)
        add("ce_source", source)
        add("ce_type", type)
        add("ce_time", time.map(RFC3339.string(milliseconds:)))
        add("ce_subject", subject)
        add("ce_sequence", sequence.map(String.init))
        add("ce_traceparent", traceparent)
        add("ce_tracestate", tracestate)
        add("content-type", contentType)
        return KafkaRecord(
            topic: topic, partition: partition, key: key.map { Array($0.utf8) }, value: data, headers: headers)
    }
}
