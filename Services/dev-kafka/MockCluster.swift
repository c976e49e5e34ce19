import CRdkafka
import Foundation
import Synchronization

/// librdkafka's mock cluster, on ports of our choosing.
///
/// `@unchecked Sendable`: the cluster's pointer is touched only under `state`'s lock, and the handle, which is written once,
/// is of a library that takes calls from any thread.
final class MockCluster: @unchecked Sendable {
    struct Topic: Sendable, Equatable {
        let name: String
        let partitions: Int32
    }

    struct Failure: Error, CustomStringConvertible {
        let description: String
    }

    private struct State {
        var cluster: OpaquePointer?
        var topics: [Topic]
        var latency: Int32 = 0
    }

    let port: UInt16
    let brokers: Int
    private let handle: OpaquePointer
    private let state: Mutex<State>

    var bootstrapServers: String {
        (0..<brokers).map { "127.0.0.1:\(Int(port) + $0)" }.joined(separator: ",")
    }

    init(port: UInt16, brokers: Int, topics: [Topic]) throws {
        var reason = [CChar](repeating: 0, count: 256)
        let configuration = rd_kafka_conf_new()
        // The handle only lends its threads to the cluster; it connects nowhere and should not complain about that.
        rd_kafka_conf_set(configuration, "log_level", "2", nil, 0)
        guard let handle = rd_kafka_new(RD_KAFKA_PRODUCER, configuration, &reason, reason.count) else {
            throw Failure(description: "librdkafka: \(Self.text(reason))")
        }
        self.port = port
        self.brokers = brokers
        self.handle = handle
        state = Mutex(State(topics: topics))
        try state.withLock { try create(&$0) }
    }

    deinit {
        state.withLock { if let cluster = $0.cluster { rd_kafka_mock_cluster_destroy(cluster) } }
        rd_kafka_destroy(handle)
    }

    // MARK: - Switches

    /// Everything is lost and every connection cut; for `seconds` nobody listens.
    func restart(downFor seconds: Double) throws {
        try state.withLock { state in
            if let cluster = state.cluster { rd_kafka_mock_cluster_destroy(cluster) }
            state.cluster = nil
            if seconds > 0 { usleep(UInt32(seconds * 1_000_000)) }
            try create(&state)
        }
    }

    func setReachable(_ reachable: Bool) throws {
        try withCluster { cluster in
            reachable ? rd_kafka_mock_broker_set_up(cluster, -1) : rd_kafka_mock_broker_set_down(cluster, -1)
        }
    }

    func setLatency(milliseconds: Int32) throws {
        try withCluster { rd_kafka_mock_broker_set_rtt($0, -1, milliseconds) }
        state.withLock { $0.latency = milliseconds }
    }

    func fail(api: Int16, code: Int32, count: Int) throws {
        let errors = [rd_kafka_resp_err_t](repeating: rd_kafka_resp_err_t(code), count: count)
        try withCluster { cluster in
            rd_kafka_mock_push_request_errors_array(cluster, api, count, errors)
            return RD_KAFKA_RESP_ERR_NO_ERROR
        }
    }

    func clearFailures(api: Int16) throws {
        try withCluster { cluster in
            rd_kafka_mock_clear_request_errors(cluster, api)
            return RD_KAFKA_RESP_ERR_NO_ERROR
        }
    }

    func makeTopic(_ topic: Topic) throws {
        try withCluster { rd_kafka_mock_topic_create($0, topic.name, topic.partitions, 1) }
        state.withLock { $0.topics.append(topic) }
    }

    var topics: [Topic] { state.withLock { $0.topics } }

    // MARK: - The C side

    private func create(_ state: inout State) throws {
        let cluster = PortChooser.shared.handingOut((0..<brokers).map { port + UInt16($0) }) {
            rd_kafka_mock_cluster_new(handle, Int32(brokers))
        }
        guard let cluster else { throw Failure(description: "port \(port) is taken") }
        state.cluster = cluster
        for topic in state.topics {
            try check(rd_kafka_mock_topic_create(cluster, topic.name, topic.partitions, 1))
        }
        if state.latency > 0 { try check(rd_kafka_mock_broker_set_rtt(cluster, -1, state.latency)) }
    }

    private func withCluster(_ body: (OpaquePointer) -> rd_kafka_resp_err_t) throws {
        try state.withLock { state in
            guard let cluster = state.cluster else { throw Failure(description: "no cluster") }
            try check(body(cluster))
        }
    }

    private func check(_ code: rd_kafka_resp_err_t) throws {
        guard code == RD_KAFKA_RESP_ERR_NO_ERROR else {
            throw Failure(description: rd_kafka_err2str(code).map { String(cString: $0) } ?? "error \(code.rawValue)")
        }
    }

    private static func text(_ buffer: [CChar]) -> String {
        String(decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}
