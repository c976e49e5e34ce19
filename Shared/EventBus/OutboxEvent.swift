import Foundation
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
    /// W3C trace context.
    package var traceparent: String?
    package var data: JSONValue

    package init(
        topic: String, key: String, type: String, subject: String? = nil, time: Int64, traceparent: String? = nil,
        data: JSONValue, id: String = UUID().uuidString.lowercased()
    ) {
        self.id = id
        self.topic = topic
        self.key = key
        self.type = type
        self.subject = subject
        self.time = time
        self.traceparent = traceparent
        self.data = data
    }
}

extension OutboxEvent {
    /// The longest form that an outbox takes, well below what Kafka takes by default (1 MiB).
    package static let maxBytes = 512 * 1024

    /// The form in which outboxes store it.
    package func encoded() -> String {
        var object: JSONObject = [
            "id": .string(id), "topic": .string(topic), "key": .string(key), "type": .string(type),
            "time": .int(time),
        ]
        object["subject"] = subject.map(JSONValue.string)
        object["traceparent"] = traceparent.map(JSONValue.string)
        object["data"] = data
        return JSONValue.object(object).encodedString()
    }

    /// Reads what `encoded` wrote; nil when it is something else.
    package init?(encoded: some Sequence<UInt8>) {
        guard let json = try? JSONValue(parsing: Array(encoded)), let id = json["id"]?.string,
            let topic = json["topic"]?.string, let key = json["key"]?.string, let type = json["type"]?.string,
            let time = json["time"]?.int, let data = json["data"]
        else { return nil }
        self.init(
            topic: topic, key: key, type: type, subject: json["subject"]?.string, time: time,
            traceparent: json["traceparent"]?.string, data: data, id: id)
    }
}
