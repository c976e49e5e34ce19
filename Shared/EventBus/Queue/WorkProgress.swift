import CRdkafka
import Logging
import Synchronization

/// How far the work has come, shared between those who handle and the thread that reads and commits.
final class WorkProgress: Sendable {
    private struct State {
        /// Counts the assignments of partitions.
        var generation = 0
        var assigned: Set<TopicPartition> = []
        /// The next offset to handle, of each partition.
        var next: [TopicPartition: Int64] = [:]
        /// The next offset to read, of each partition.
        var read: [TopicPartition: Int64] = [:]
        /// Where a partition was found to end, and what was to be read next by then: between them stand only marks of
        /// transactions.
        var ends: [TopicPartition: (read: Int64?, end: Int64)] = [:]
        /// Where the group had come to before this member got the partition.
        var starts: [TopicPartition: Int64] = [:]
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

    /// Counts the assignments of partitions.
    var generation: Int { state.withLock { $0.generation } }

    func finish(_ event: CloudEvent, _ place: WorkPlace) {
        state.withLock { state in
            state.statistics.handled += 1
            guard let sequence = event.sequence else { return }
            if state.ledgers.count >= Self.maxSources, state.ledgers[event.source] == nil { state.ledgers = [:] }
            _ = state.ledgers[event.source, default: SequenceLedger()].insert(sequence)
        }
        finish(place)
    }

    func finish(_ place: WorkPlace) {
        state.withLock { state in
            // A partition that went to another member is not ours to commit; and if it came back, the other may have
            // come further.
            guard state.generation == place.generation else { return }
            state.next[place.position.partition] = place.position.offset + 1
            state.uncommitted.insert(place.position.partition)
        }
    }

    func assign(_ partitions: [TopicPartition]) {
        state.withLock { state in
            state.generation += 1
            state.assigned = Set(partitions)
            state.next = [:]
            state.read = [:]
            state.ends = [:]
            state.starts = [:]
            state.uncommitted = []
            state.statistics.rebalances += 1
            state.statistics.assignedPartitions = partitions.count
        }
    }

    /// A record was read: where nothing was handled yet, this is the first that is to be.
    func noteRead(_ position: RecordPosition) -> WorkPlace {
        state.withLock { state in
            if state.next[position.partition] == nil { state.next[position.partition] = position.offset }
            state.read[position.partition] = position.offset + 1
            return WorkPlace(position: position, generation: state.generation)
        }
    }

    /// All that a partition had was read.
    func noteEnd(_ partition: TopicPartition, _ offset: Int64) {
        state.withLock { $0.ends[partition] = ($0.read[partition], offset) }
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

    /// Partitions of which it is not known where the work on them begins.
    var unknownPartitions: [TopicPartition] {
        state.withLock { state in
            state.assigned.filter { state.next[$0] == nil && state.ends[$0] == nil && state.starts[$0] == nil }
        }
    }

    func noteStarts(_ offsets: [TopicPartition: Int64]) { state.withLock { $0.starts.merge(offsets) { $1 } } }

    func measureLag(_ end: (TopicPartition) -> Int64?) {
        let (assigned, next, ends, starts) = state.withLock { ($0.assigned, $0.next, $0.ends, $0.starts) }
        var lag: Int64 = 0
        for partition in assigned {
            guard let last = end(partition) else { continue }
            var position = next[partition] ?? starts[partition]
            if let known = ends[partition], known.read == next[partition] { position = known.end }
            if let position { lag += max(0, last - position) }
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
