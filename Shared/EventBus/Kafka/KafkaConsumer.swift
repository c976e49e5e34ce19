import CRdkafka
import Logging
import Synchronization

/// Reads records. To be used from one thread, but for `close`.
final class KafkaConsumer: Sendable {
    enum Polled {
        case message(KafkaMessage)
        /// All that a partition had has been read.
        case end(TopicPartition, offset: Int64)
        case failure(KafkaError)
        case nothing
    }

    let handle: KafkaHandle

    init(
        _ configuration: KafkaConfiguration, _ own: [String: String], callbacks: KafkaCallbacks
    ) throws(KafkaError) {
        let standard = [
            "enable.auto.commit": "false",
            "enable.auto.offset.store": "false",
            "isolation.level": "read_committed",
            "enable.partition.eof": "true",
            "fetch.error.backoff.ms": "50",
            "queued.max.messages.kbytes": "8192",
            "topic.metadata.refresh.interval.ms": "10000",
        ]
        let settings = try KafkaSettings(configuration, standard.merging(own) { $1 })
        handle = try KafkaHandle(RD_KAFKA_CONSUMER, settings, callbacks: callbacks)
        rd_kafka_poll_set_consumer(handle.pointer)
    }

    /// Reads these partitions, from these offsets on, and no others.
    func assign(_ partitions: [(TopicPartition, Int64)]) throws(KafkaError) {
        let list = KafkaPartitionList(partitions)
        let code = rd_kafka_assign(handle.pointer, list.pointer)
        guard code == RD_KAFKA_RESP_ERR_NO_ERROR else { throw KafkaError(code, "assign") }
    }

    func subscribe(_ topics: [String]) throws(KafkaError) {
        let list = KafkaPartitionList(topics.map { (TopicPartition(topic: $0, partition: -1), -1) })
        let code = rd_kafka_subscribe(handle.pointer, list.pointer)
        guard code == RD_KAFKA_RESP_ERR_NO_ERROR else { throw KafkaError(code, "subscribe") }
    }

    func poll(_ timeout: Duration) -> Polled {
        guard let message = rd_kafka_consumer_poll(handle.pointer, timeout.milliseconds) else { return .nothing }
        defer { rd_kafka_message_destroy(message) }
        switch message.pointee.err {
        case RD_KAFKA_RESP_ERR_NO_ERROR:
            return .message(KafkaMessage(message))
        case RD_KAFKA_RESP_ERR__PARTITION_EOF:
            let topic = message.pointee.rkt.flatMap { rd_kafka_topic_name($0) }.map { String(cString: $0) } ?? ""
            return .end(
                TopicPartition(topic: topic, partition: message.pointee.partition), offset: message.pointee.offset)
        case let code:
            return .failure(KafkaError(code, rd_kafka_message_errstr(message).map { String(cString: $0) }))
        }
    }

    /// For each partition the first offset whose record is not older than `time` (milliseconds since the epoch); nil
    /// when the broker names none, because there is none or because it cannot look by time.
    func offsets(
        of partitions: [TopicPartition], since time: Int64, timeout: Duration
    ) throws(KafkaError) -> [TopicPartition: Int64] {
        let list = KafkaPartitionList(partitions.map { ($0, time) })
        let code = rd_kafka_offsets_for_times(handle.pointer, list.pointer, timeout.milliseconds)
        guard code == RD_KAFKA_RESP_ERR_NO_ERROR else { throw KafkaError(code, "offsets by time") }
        var found: [TopicPartition: Int64] = [:]
        for (partition, offset, error) in list.entries where error == RD_KAFKA_RESP_ERR_NO_ERROR && offset >= 0 {
            found[partition] = offset
        }
        return found
    }

    /// Commits for the group: `offset` is the next one to read.
    func commit(_ offsets: [TopicPartition: Int64]) throws(KafkaError) {
        let list = KafkaPartitionList(offsets.map { ($0.key, $0.value) })
        let code = rd_kafka_commit(handle.pointer, list.pointer, 0)
        guard code == RD_KAFKA_RESP_ERR_NO_ERROR else { throw KafkaError(code, "commit") }
    }

    /// Up to where the group has committed each partition; 0 where it has not yet.
    func committed(of partitions: [TopicPartition], timeout: Duration) throws(KafkaError) -> [TopicPartition: Int64] {
        let list = KafkaPartitionList(partitions.map { ($0, -1) })
        let code = rd_kafka_committed(handle.pointer, list.pointer, timeout.milliseconds)
        guard code == RD_KAFKA_RESP_ERR_NO_ERROR else { throw KafkaError(code, "committed offsets") }
        var found: [TopicPartition: Int64] = [:]
        for (partition, offset, error) in list.entries where error == RD_KAFKA_RESP_ERR_NO_ERROR {
            found[partition] = max(0, offset)
        }
        return found
    }

    func setPaused(_ paused: Bool) {
        var assigned: KafkaPartitionList.Pointer?
        guard rd_kafka_assignment(handle.pointer, &assigned) == RD_KAFKA_RESP_ERR_NO_ERROR, let assigned else { return }
        _ =
            paused
            ? rd_kafka_pause_partitions(handle.pointer, assigned) : rd_kafka_resume_partitions(handle.pointer, assigned)
        rd_kafka_topic_partition_list_destroy(assigned)
    }

    /// The end of a partition as the last fetch saw it; nil before one.
    func knownEnd(of partition: TopicPartition) -> Int64? {
        var low: Int64 = 0
        var high: Int64 = 0
        let code = rd_kafka_get_watermark_offsets(
            handle.pointer, partition.topic, partition.partition, &low, &high)
        return code == RD_KAFKA_RESP_ERR_NO_ERROR && high >= 0 ? high : nil
    }

    /// Leaves the group, if there is one.
    func close() { rd_kafka_consumer_close(handle.pointer) }
}
