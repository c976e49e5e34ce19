import Synchronization

/// What one connection counts; written by its event loop and its callers, read by anybody.
final class ConnectionCounters: Sendable {
    let isConnected = Atomic<Bool>(false)
    /// Commands that wait or are on their way.
    let queued = Atomic<Int>(0)
    let lost = Atomic<Int>(0)
    let refused = Atomic<Int>(0)
    let timedOut = Atomic<Int>(0)

    /// It stood once and does not now.
    var isLost: Bool { !isConnected.load(ordering: .relaxed) && lost.load(ordering: .relaxed) > 0 }

    func add(to statistics: inout RedisStatistics) {
        statistics.connections += 1
        statistics.connected += isConnected.load(ordering: .relaxed) ? 1 : 0
        statistics.queued += queued.load(ordering: .relaxed)
        statistics.lost += lost.load(ordering: .relaxed)
        statistics.refused += refused.load(ordering: .relaxed)
        statistics.timedOut += timedOut.load(ordering: .relaxed)
    }
}
