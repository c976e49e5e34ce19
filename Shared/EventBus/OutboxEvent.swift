import Contracts
import StrictJSON

/// Something to be told, as it is written to an outbox in the same step as the change it tells of.
package struct OutboxEvent: Sendable, Hashable {
    /// A UUID: `ce_id`.
    package var id: String
    package var topic: String
    /// Events of one key stay in order.
    package var key: String
    /// `ce_type`, such as `org.jts.security.session-revoked`.
    package var type: String
    package var subject: String?
    /// When it happened, milliseconds since the epoch.
    package var time: Int64
    /// W3C trace context of the request that caused it: CloudEvents' extension "Distributed Tracing".
    package var traceparent: String?
    package var tracestate: String?
    package var data: JSONValue

    package init(
        topic: String, key: String, type: String, subject: String? = nil, time: Int64,
        trace: (any EventTrace)? = CurrentTrace.value, data: JSONValue, id: String = EventID.make()
    ) {
        self.id = id
        self.topic = topic
        self.key = key
        self.type = type
        self.subject = subject
        self.time = time
        traceparent = trace?.traceparent
        tracestate = trace?.tracestate
        self.data = data
    }
}

extension OutboxEvent {
    /// The longest form that an outbox takes, well below what Kafka takes by default (1 MiB).
    package static let maxBytes = 512 * 1024

    /// The form in which outboxes store it.
    package func encoded() -> String {
        let bytes = OutboxEvent.encode(
            id: id, topic: topic, key: key, type: type, subject: subject, time: time, traceparent: traceparent,
            tracestate: tracestate
        ) { $0.value(data) }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// The form in which outboxes store an event; `data` writes one value.
    static func encode(
        id: String, topic: String, key: String, type: String, subject: String?, time: Int64, traceparent: String?,
        tracestate: String?, data: (inout JSONWriter) -> Void
    ) -> [UInt8] {
        var json = JSONWriter(capacity: 768)
        func member(_ name: String, _ value: String?) {
            guard let value else { return }
            json.key(name)
            json.string(value)
        }
        json.beginObject()
        member("id", id)
        member("topic", topic)
        member("key", key)
        member("type", type)
        json.key("time")
        json.int(time)
        member("subject", subject)
        member("traceparent", traceparent)
        member("tracestate", tracestate)
        json.key("data")
        data(&json)
        json.endObject()
        return json.bytes
    }

    /// The topic of an event in the form of `encode`, without reading the rest; nil when it begins otherwise.
    static func topic(encoded bytes: [UInt8]) -> String? {
        var index = 0
        func skip(_ text: StaticString) -> Bool {
            guard bytes.count - index >= text.utf8CodeUnitCount else { return false }
            for offset in 0..<text.utf8CodeUnitCount where bytes[index + offset] != text.utf8Start[offset] {
                return false
            }
            index += text.utf8CodeUnitCount
            return true
        }
        func plain() -> ArraySlice<UInt8>? {
            let start = index
            while index < bytes.count, bytes[index] != UInt8(ascii: "\"") {
                guard bytes[index] >= 0x20, bytes[index] < 0x7F, bytes[index] != UInt8(ascii: "\\") else { return nil }
                index += 1
            }
            return bytes[start..<index]
        }
        guard skip(#"{"id":""#), plain() != nil, skip(#"","topic":""#), let topic = plain(), skip(#"","key":"#)
        else { return nil }
        return String(decoding: topic, as: UTF8.self)
    }

    /// Reads what `encoded` wrote; nil when it is something else.
    package init?(encoded: some Sequence<UInt8>) {
        guard let json = try? JSONValue(parsing: Array(encoded)), let id = json["id"]?.string,
            let topic = json["topic"]?.string, let key = json["key"]?.string, let type = json["type"]?.string,
            let time = json["time"]?.int, let data = json["data"]
        else { return nil }
        self.init(
            topic: topic, key: key, type: type, subject: json["subject"]?.string, time: time, trace: nil, data: data,
            id: id)
        traceparent = json["traceparent"]?.string
        tracestate = json["tracestate"]?.string
    }
}
