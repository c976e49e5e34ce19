import CRdkafka

/// Why Kafka did not do what was asked.
package enum KafkaError: Error, Sendable, Equatable {
    /// A setting that librdkafka refuses.
    case configuration(String)
    /// No broker answered in time, or one answered that it cannot now. Trying again later makes sense.
    case unavailable(String)
    /// A newer producer with the same transactional id has taken over: stop writing.
    case fenced(String)
    /// The broker does not know the producer any more: it has lost its state, or forgotten a producer long silent.
    case unknownProducer(String)
    /// The queue of messages on their way is full; not sent.
    case overloaded
    /// The broker or the client refuses this message, now and later.
    case rejected(String)
    case unknownTopic(String)
    /// The producer cannot be used any more.
    case fatal(String)
    case closed
}

extension KafkaError {
    init(_ code: rd_kafka_resp_err_t, _ text: String? = nil) {
        let name = rd_kafka_err2name(code).map { String(cString: $0) } ?? "\(code.rawValue)"
        let text = text.map { "\(name): \($0)" } ?? name
        switch code {
        case RD_KAFKA_RESP_ERR__FENCED, RD_KAFKA_RESP_ERR_PRODUCER_FENCED, RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH:
            self = .fenced(text)
        case RD_KAFKA_RESP_ERR_UNKNOWN_PRODUCER_ID, RD_KAFKA_RESP_ERR_INVALID_PRODUCER_ID_MAPPING,
            RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER:
            self = .unknownProducer(text)
        case RD_KAFKA_RESP_ERR__QUEUE_FULL:
            self = .overloaded
        case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC, RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART,
            RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION:
            self = .unknownTopic(text)
        case RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE, RD_KAFKA_RESP_ERR_INVALID_MSG, RD_KAFKA_RESP_ERR_INVALID_RECORD,
            RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED, RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION:
            self = .rejected(text)
        case RD_KAFKA_RESP_ERR__FATAL:
            self = .fatal(text)
        case RD_KAFKA_RESP_ERR__INVALID_ARG, RD_KAFKA_RESP_ERR__CONFLICT:
            self = .configuration(text)
        default:
            self = .unavailable(text)
        }
    }

    /// Takes over an error object of librdkafka and frees it; nil when there is none.
    init?(consuming error: OpaquePointer?) {
        guard let error else { return nil }
        let code = rd_kafka_error_code(error)
        let text = rd_kafka_error_string(error).map { String(cString: $0) }
        let isFatal = rd_kafka_error_is_fatal(error) != 0
        rd_kafka_error_destroy(error)
        let mapped = KafkaError(code, text)
        if isFatal, case .unavailable(let text) = mapped { self = .fatal(text) } else { self = mapped }
    }
}
