/// What a reader knows of its feed: which numbers it has seen of each source and up to when each outbox is complete.
/// A value without I/O; time comes in.
struct FeedState: Sendable {
    private struct Source {
        var ledger = SequenceLedger()
        /// For each partition the number after which nothing can have been overlooked there: what stood before the
        /// first that was read is not known.
        var baselines: [Int32: Int64] = [:]
        /// For each partition the number up to which everything that stands there has been read.
        var complete: [Int32: Int64] = [:]
        var reported: Int64 = 0
        var lastUse: UInt64 = 0
    }

    /// Sources remembered; the one that was silent longest leaves first. A service makes one a topic, and another
    /// whenever an outbox begins a new epoch.
    private static let maxSources = 512

    private var partitionCounts: [String: Int32] = [:]
    private var sources: [String: Source] = [:]
    private var watermarks: [String: [TopicPartition: Int64]] = [:]
    private var uses: UInt64 = 0

    mutating func setPartitions(_ counts: [String: Int32]) { partitionCounts = counts }

    /// Notes an event; false when it was told before.
    mutating func accept(_ event: CloudEvent) -> Bool {
        guard let sequence = event.sequence else { return true }
        return withSource(event.source) { source in
            if source.baselines[event.partition] == nil { source.baselines[event.partition] = sequence - 1 }
            return source.ledger.insert(sequence)
        }
    }

    /// Notes a heartbeat and returns what must have been published and was not read. While something is missing the
    /// watermark says nothing, and the partition grows stale.
    mutating func accept(_ heartbeat: Heartbeat) -> [ClosedRange<Int64>] {
        let partition = heartbeat.partition
        let count = partitionCounts[partition.topic] ?? 0
        let missing = withSource(heartbeat.source.description) { source in
            if source.baselines[partition.partition] == nil {
                source.baselines[partition.partition] = heartbeat.lastSequence
            }
            source.complete[partition.partition] = max(
                source.complete[partition.partition] ?? 0, heartbeat.lastSequence)
            return Self.missing(source, partitions: count)
        }
        if missing.isEmpty {
            let known = watermarks[heartbeat.source.outboxName]?[partition] ?? .min
            watermarks[heartbeat.source.outboxName, default: [:]][partition] = max(known, heartbeat.watermark)
        }
        return missing
    }

    /// What is missing of a source now.
    func missing(of name: String) -> [ClosedRange<Int64>] {
        guard let source = sources[name], let topic = EventSource(name)?.topic else { return [] }
        return Self.missing(source, partitions: partitionCounts[topic] ?? 0)
    }

    /// What is missing up to now will not be returned as missing again.
    mutating func giveUp(_ name: String, upTo sequence: Int64) {
        withSource(name) { $0.reported = max($0.reported, sequence) }
    }

    /// Up to when (milliseconds since the epoch) it is known what an outbox has published; nil when it was never heard on
    /// some partition of its feeds.
    func completeUpTo(of outbox: String, topics: [String]) -> Int64? {
        guard let known = watermarks[outbox] else { return nil }
        var oldest = Int64.max
        for topic in topics {
            guard let count = partitionCounts[topic], count > 0 else { return nil }
            for partition in 0..<count {
                guard let watermark = known[TopicPartition(topic: topic, partition: partition)] else { return nil }
                oldest = min(oldest, watermark)
            }
        }
        return oldest
    }

    /// For how long (milliseconds) it is not known what an outbox has published; nil as for `completeUpTo`.
    func staleness(of outbox: String, topics: [String], now: Int64) -> Int64? {
        completeUpTo(of: outbox, topics: topics).map { max(0, now - $0) }
    }

    private static func missing(_ source: Source, partitions: Int32) -> [ClosedRange<Int64>] {
        guard partitions > 0, source.complete.count >= Int(partitions),
            let complete = source.complete.values.min()
        else { return [] }
        let from = max(source.reported, source.baselines.values.max() ?? .max)
        return complete > from ? source.ledger.missing(in: (from + 1)...complete) : []
    }

    @discardableResult
    private mutating func withSource<T>(_ name: String, _ body: (inout Source) -> T) -> T {
        uses += 1
        if sources[name] == nil, sources.count >= Self.maxSources,
            let silent = sources.min(by: { $0.value.lastUse < $1.value.lastUse })
        {
            sources[silent.key] = nil
        }
        var source = sources[name] ?? Source()
        source.lastUse = uses
        // Taken out while it is changed, so that its ledger is not copied.
        sources[name] = nil
        defer { sources[name] = source }
        return body(&source)
    }
}
