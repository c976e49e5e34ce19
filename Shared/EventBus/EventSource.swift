/// What stands in `ce_source`: `service/outbox/epoch/topic`.
///
/// The topic is part of it because sequence numbers are given for each topic: a reader of one topic must see loss
/// without reading the others. The epoch changes when an outbox lost the numbers that it had given.
package struct EventSource: Sendable, Hashable, CustomStringConvertible {
    package let service: String
    package let outbox: String
    package let epoch: Int64
    package let topic: String

    package init(service: String, outbox: String, epoch: Int64, topic: String) {
        self.service = service
        self.outbox = outbox
        self.epoch = epoch
        self.topic = topic
    }

    package init?(_ text: String) {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count == 4, parts.allSatisfy({ !$0.isEmpty }), let epoch = Int64(parts[2]) else { return nil }
        self.init(service: String(parts[0]), outbox: String(parts[1]), epoch: epoch, topic: String(parts[3]))
    }

    package var description: String { "\(service)/\(outbox)/\(epoch)/\(topic)" }

    /// The name under which feeds register the outbox: `service/outbox`.
    package var outboxName: String { "\(service)/\(outbox)" }
}
