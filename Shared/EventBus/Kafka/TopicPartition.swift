import CRdkafka

package struct TopicPartition: Sendable, Hashable, CustomStringConvertible {
    package let topic: String
    package let partition: Int32

    package init(topic: String, partition: Int32) {
        self.topic = topic
        self.partition = partition
    }

    package var description: String { "\(topic)[\(partition)]" }
}

/// Where a record came to stand.
package struct RecordPosition: Sendable, Hashable {
    package let partition: TopicPartition
    package let offset: Int64

    package init(partition: TopicPartition, offset: Int64) {
        self.partition = partition
        self.offset = offset
    }
}

/// The owner of a `rd_kafka_topic_partition_list_t`.
struct KafkaPartitionList: ~Copyable {
    typealias Pointer = UnsafeMutablePointer<rd_kafka_topic_partition_list_t>
    let pointer: Pointer

    init(_ partitions: some Collection<(TopicPartition, Int64)>) {
        pointer = rd_kafka_topic_partition_list_new(Int32(partitions.count))
        for (partition, offset) in partitions {
            let entry = rd_kafka_topic_partition_list_add(pointer, partition.topic, partition.partition)
            entry?.pointee.offset = offset
        }
    }

    deinit { rd_kafka_topic_partition_list_destroy(pointer) }

    var entries: [(TopicPartition, Int64, rd_kafka_resp_err_t)] { Self.entries(of: pointer) }

    static func entries(of pointer: Pointer) -> [(TopicPartition, Int64, rd_kafka_resp_err_t)] {
        (0..<Int(pointer.pointee.cnt)).map { index in
            let entry = pointer.pointee.elems[index]
            let partition = TopicPartition(topic: String(cString: entry.topic), partition: entry.partition)
            return (partition, entry.offset, entry.err)
        }
    }
}
