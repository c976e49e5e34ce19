import CRdkafka

/// A record on its way to Kafka.
package struct KafkaRecord: Sendable {
    package var topic: String
    /// nil: chosen by the key, as Kafka's Java client does (murmur2).
    package var partition: Int32?
    package var key: [UInt8]?
    package var value: [UInt8]
    package var headers: [(name: String, value: [UInt8])]

    package init(
        topic: String, partition: Int32? = nil, key: [UInt8]? = nil, value: [UInt8],
        headers: [(name: String, value: [UInt8])] = []
    ) {
        self.topic = topic
        self.partition = partition
        self.key = key
        self.value = value
        self.headers = headers
    }
}

extension KafkaHandle {
    /// Puts a record into the producer's queue; `token` comes back with the delivery report.
    func enqueue(_ record: KafkaRecord, token: Int) throws(KafkaError) {
        let headers = rd_kafka_headers_new(record.headers.count)
        for header in record.headers {
            header.value.withUnsafeBytes { bytes in
                _ = rd_kafka_header_add(headers, header.name, -1, bytes.baseAddress, bytes.count)
            }
        }
        let error = record.topic.withCString { topic in
            record.value.withUnsafeBytes { value in
                (record.key ?? []).withUnsafeBytes { key in
                    var fields = [rd_kafka_vu_t](repeating: rd_kafka_vu_t(), count: 7)
                    fields[0].vtype = RD_KAFKA_VTYPE_TOPIC
                    fields[0].u.cstr = topic
                    fields[1].vtype = RD_KAFKA_VTYPE_PARTITION
                    fields[1].u.i32 = record.partition ?? -1
                    fields[2].vtype = RD_KAFKA_VTYPE_MSGFLAGS
                    fields[2].u.i = RD_KAFKA_MSG_F_COPY
                    fields[3].vtype = RD_KAFKA_VTYPE_VALUE
                    fields[3].u.mem.ptr = UnsafeMutableRawPointer(mutating: value.baseAddress)
                    fields[3].u.mem.size = value.count
                    fields[4].vtype = RD_KAFKA_VTYPE_KEY
                    fields[4].u.mem.ptr = record.key == nil ? nil : UnsafeMutableRawPointer(mutating: key.baseAddress)
                    fields[4].u.mem.size = key.count
                    fields[5].vtype = RD_KAFKA_VTYPE_HEADERS
                    fields[5].u.headers = headers
                    fields[6].vtype = RD_KAFKA_VTYPE_OPAQUE
                    fields[6].u.ptr = UnsafeMutableRawPointer(bitPattern: token)
                    return rd_kafka_produceva(pointer, &fields, fields.count)
                }
            }
        }
        if let error = KafkaError(consuming: error) {
            // The headers belong to the message only once it is taken.
            rd_kafka_headers_destroy(headers)
            throw error
        }
    }
}

/// A record that came from Kafka.
package struct KafkaMessage: Sendable {
    package let partition: TopicPartition
    package let offset: Int64
    /// Milliseconds since the epoch, as the producer or the broker set it; nil when there is none.
    package let timestamp: Int64?
    package let key: [UInt8]?
    package let value: [UInt8]
    package let headers: [(name: String, value: [UInt8])]

    package init(
        partition: TopicPartition, offset: Int64, timestamp: Int64?, key: [UInt8]?, value: [UInt8],
        headers: [(name: String, value: [UInt8])]
    ) {
        self.partition = partition
        self.offset = offset
        self.timestamp = timestamp
        self.key = key
        self.value = value
        self.headers = headers
    }

    init(_ message: UnsafeMutablePointer<rd_kafka_message_t>) {
        let topic = message.pointee.rkt.flatMap { rd_kafka_topic_name($0) }.map { String(cString: $0) } ?? ""
        partition = TopicPartition(topic: topic, partition: message.pointee.partition)
        offset = message.pointee.offset
        var kind = RD_KAFKA_TIMESTAMP_NOT_AVAILABLE
        let time = rd_kafka_message_timestamp(message, &kind)
        timestamp = kind == RD_KAFKA_TIMESTAMP_NOT_AVAILABLE ? nil : time
        key = message.pointee.key.map { Array(UnsafeRawBufferPointer(start: $0, count: message.pointee.key_len)) }
        value =
            message.pointee.payload.map { Array(UnsafeRawBufferPointer(start: $0, count: message.pointee.len)) } ?? []
        var list: [(name: String, value: [UInt8])] = []
        var raw: OpaquePointer?
        if rd_kafka_message_headers(message, &raw) == RD_KAFKA_RESP_ERR_NO_ERROR, let raw {
            var name: UnsafePointer<CChar>?
            var value: UnsafeRawPointer?
            var size = 0
            while rd_kafka_header_get_all(raw, list.count, &name, &value, &size) == RD_KAFKA_RESP_ERR_NO_ERROR,
                let name
            {
                list.append(
                    (String(cString: name), value.map { Array(UnsafeRawBufferPointer(start: $0, count: size)) } ?? []))
            }
        }
        headers = list
    }

    /// The value of the first header of this name, as text.
    package func header(_ name: String) -> String? {
        headers.first { $0.name == name }.map { String(decoding: $0.value, as: UTF8.self) }
    }
}
