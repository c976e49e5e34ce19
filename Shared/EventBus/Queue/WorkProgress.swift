import CRdkafka
import Logging
import Synchronization

/// How far the work has come, shared between those who handle and the thread that reads and commits.
final class WorkProgress: Sendable {
    private struct State {
        var assigned: Set<TopicPartition> = []
        /// The next offset to handle, of each partition.
        var next: [TopicPartition: Int64] = [:]
        var uncommitted: Set<TopicPartition> = []
        var ledgers: [String: SequenceLedger] = [:]
        var statistics = WorkQueueStatistics()
    }
    private let state = Mutex(State())
    private static let maxSources = 512

    var statistics: WorkQueueStatistics { state.withLock { $0.statistics } }

    func count(_ change: (inout WorkQueueStatistics) -> Void) { state.withLock { change(&$0.statistics) } }

    /// Whether this process has handled the same event before, from another offset.
    func isRepeat(_ event: CloudEvent) -> Bool {
        guard let sequence = event.sequence else { return false }
        return state.withLock { $0.ledgers[event.source]?.contains(sequence) ?? false }
    }

    func finish(_ event: CloudEvent) {
        state.withLock { state in
            state.statistics.handled += 1
            guard let sequence = event.sequence else { return }
            if state.ledgers.count >= Self.maxSources, state.ledgers[event.source] == nil { state.ledgers = [:] }
            _ = state.ledgers[event.source, default: SequenceLedger()].insert(sequence)
        }
        finish(
            RecordPosition(
                partition: TopicPartition(topic: event.topic, partition: event.partition), offset: event.offset))
    }

    func finish(_ position: RecordPosition) {
        state.withLock { state in
            // A partition that went to another member is not ours to commit.
            guard state.assigned.contains(position.partition) else { return }
            state.next[position.partition] = position.offset + 1
            state.uncommitted.insert(position.partition)
        }
    }

    func assign(_ partitions: [TopicPartition]) {
        state.withLock { state in
            state.assigned = Set(partitions)
            state.next = [:]
            state.uncommitted = []
            state.statistics.rebalances += 1
            state.statistics.assignedPartitions = partitions.count
        }
    }

    /// A record was read: where nothing was handled yet, this is the first that is to be.
    func noteRead(_ position: RecordPosition) {
        state.withLock { if $0.next[position.partition] == nil { $0.next[position.partition] = position.offset } }
    }

    /// The offsets to commit; they count as committed from now on.
    func takeUncommitted() -> [TopicPartition: Int64] {
        state.withLock { state in
            defer { state.uncommitted = [] }
            return state.next.filter { state.uncommitted.contains($0.key) }
        }
    }

    /// A commit failed: it is to be tried again.
    func restore(_ offsets: [TopicPartition: Int64]) {
        state.withLock { state in
            state.uncommitted.formUnion(offsets.keys.filter { state.assigned.contains($0) })
        }
    }

    func measureLag(_ end: (TopicPartition) -> Int64?) {
        let (assigned, next) = state.withLock { ($0.assigned, $0.next) }
        var lag: Int64 = 0
        for partition in assigned {
            guard let end = end(partition) else { continue }
            if let next = next[partition] { lag += max(0, end - next) }
        }
        state.withLock { $0.statistics.lag = lag }
    }
}

/// Follows the group's rebalancing, in the thread that polls.
final class WorkCallbacks: KafkaCallbacks {
    private let progress: WorkProgress
    private let channel: BoundedChannel<WorkItem>

    init(progress: WorkProgress, channel: BoundedChannel<WorkItem>, logger: Logger) {
        self.progress = progress
        self.channel = channel
        super.init(logger: logger)
    }

    override func rebalance(
        _ handle: OpaquePointer, _ code: rd_kafka_resp_err_t, _ partitions: KafkaPartitionList.Pointer
    ) {
        if code == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS {
            progress.assign(KafkaPartitionList.entries(of: partitions).map(\.0))
            rd_kafka_assign(handle, partitions)
            return
        }
        // What was handled is committed while it is ours; what waits goes to whoever gets the partitions.
        channel.removeAll { _ in true }
        let offsets = progress.takeUncommitted()
        if !offsets.isEmpty {
            let list = KafkaPartitionList(offsets.map { ($0.key, $0.value) })
            rd_kafka_commit(handle, list.pointer, 0)
        }
        progress.assign([])
        rd_kafka_assign(handle, nil)
    }
}
