import CRdkafka
import Logging

/// A configuration object of librdkafka, until a handle takes it over.
struct KafkaSettings: ~Copyable {
    private(set) var pointer: OpaquePointer?

    init(_ configuration: KafkaConfiguration, _ own: [String: String]) throws(KafkaError) {
        pointer = rd_kafka_conf_new()
        let all = configuration.settings.merging(own) { $1 }.merging(configuration.extra) { $1 }
        for (name, value) in all {
            // librdkafka's own text would repeat the value, which may be a password.
            switch rd_kafka_conf_set(pointer, name, value, nil, 0) {
            case RD_KAFKA_CONF_OK: continue
            case RD_KAFKA_CONF_UNKNOWN: throw .configuration("\(name): no such setting")
            default: throw .configuration("\(name): not a value it takes")
            }
        }
    }

    mutating func take() -> OpaquePointer? {
        defer { pointer = nil }
        return pointer
    }

    deinit { if let pointer { rd_kafka_conf_destroy(pointer) } }
}

/// What librdkafka calls back with, reached through its "opaque" pointer.
class KafkaCallbacks {
    let logger: Logger

    init(logger: Logger) { self.logger = logger }

    func delivered(_ message: rd_kafka_message_t) {}
    func rebalance(_ handle: OpaquePointer, _ code: rd_kafka_resp_err_t, _ partitions: KafkaPartitionList.Pointer) {}

    static func of(_ opaque: UnsafeMutableRawPointer?) -> KafkaCallbacks? {
        opaque.map { Unmanaged<KafkaCallbacks>.fromOpaque($0).takeUnretainedValue() }
    }
}

/// The one owner of a `rd_kafka_t`.
///
/// `@unchecked Sendable`: librdkafka's handles may be used from any thread, and the pointer never changes. Callbacks
/// run only in the thread that polls.
final class KafkaHandle: @unchecked Sendable {
    let pointer: OpaquePointer
    private let callbacks: KafkaCallbacks

    init(
        _ type: rd_kafka_type_t, _ settings: consuming KafkaSettings, callbacks: KafkaCallbacks
    ) throws(KafkaError) {
        self.callbacks = callbacks
        let configuration = settings.pointer
        rd_kafka_conf_set_opaque(configuration, Unmanaged.passUnretained(callbacks).toOpaque())
        rd_kafka_conf_set_log_cb(configuration) { handle, level, _, text in
            guard let handle, let text else { return }
            KafkaCallbacks.of(rd_kafka_opaque(handle))?.logger.log(
                level: level <= 3 ? .warning : .debug, "librdkafka", metadata: ["text": "\(String(cString: text))"])
        }
        rd_kafka_conf_set_error_cb(configuration) { _, _, _, _ in
            // Losing a broker is logged already, and felt by whoever waits for an answer.
        }
        if type == RD_KAFKA_PRODUCER {
            rd_kafka_conf_set_dr_msg_cb(configuration) { _, message, opaque in
                if let message { KafkaCallbacks.of(opaque)?.delivered(message.pointee) }
            }
        } else {
            rd_kafka_conf_set_rebalance_cb(configuration) { handle, code, partitions, opaque in
                guard let handle, let partitions else { return }
                KafkaCallbacks.of(opaque)?.rebalance(handle, code, partitions)
            }
        }
        var reason = [CChar](repeating: 0, count: 512)
        guard let pointer = rd_kafka_new(type, configuration, &reason, reason.count) else {
            let text = String(decoding: reason.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
            throw .configuration(text)
        }
        _ = settings.take()
        self.pointer = pointer
    }

    deinit {
        // Do not wait for messages that nobody waits for; a group has been left by then if there was one.
        if rd_kafka_type(pointer) == RD_KAFKA_PRODUCER {
            rd_kafka_purge(pointer, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT | RD_KAFKA_PURGE_F_NON_BLOCKING)
        }
        rd_kafka_destroy_flags(pointer, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE)
    }

    // MARK: - What producers and consumers can ask alike. Blocking.

    /// The number of partitions of each topic; a topic that the broker does not know is missing.
    func partitionCounts(of topics: [String], timeout: Duration) throws(KafkaError) -> [String: Int32] {
        var counts: [String: Int32] = [:]
        for topic in Set(topics) {
            guard let local = rd_kafka_topic_new(pointer, topic, nil) else { throw KafkaError(rd_kafka_last_error()) }
            defer { rd_kafka_topic_destroy(local) }
            var metadata: UnsafePointer<rd_kafka_metadata>?
            let code = rd_kafka_metadata(pointer, 0, local, &metadata, timeout.milliseconds)
            guard code == RD_KAFKA_RESP_ERR_NO_ERROR, let metadata else {
                throw KafkaError(code, "metadata of \(topic)")
            }
            defer { rd_kafka_metadata_destroy(metadata) }
            for index in 0..<Int(metadata.pointee.topic_cnt) {
                let found = metadata.pointee.topics[index]
                guard found.err == RD_KAFKA_RESP_ERR_NO_ERROR, found.partition_cnt > 0 else { continue }
                counts[String(cString: found.topic)] = found.partition_cnt
            }
        }
        return counts
    }

    /// The first offset that a partition has and the one that the next record will get.
    func watermarks(
        _ partition: TopicPartition, timeout: Duration
    ) throws(KafkaError) -> (low: Int64, high: Int64) {
        var low: Int64 = 0
        var high: Int64 = 0
        let code = rd_kafka_query_watermark_offsets(
            pointer, partition.topic, partition.partition, &low, &high, timeout.milliseconds)
        guard code == RD_KAFKA_RESP_ERR_NO_ERROR else { throw KafkaError(code, "watermarks of \(partition)") }
        return (low, high)
    }
}

extension Duration {
    /// For C calls; at least one, so that a short wait does not become none.
    var milliseconds: Int32 {
        let (seconds, attoseconds) = components
        return Int32(clamping: max(1, seconds * 1_000 + attoseconds / 1_000_000_000_000_000))
    }
}
