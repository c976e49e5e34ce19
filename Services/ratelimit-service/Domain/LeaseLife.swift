import RateLimits

/// For how long leased permits may be spent.
enum LeaseLife {
    /// Milliseconds, where nothing else says it.
    static let longest: Int64 = 5_000

    /// Milliseconds for permits of these limits: one sub-window of the shortest. Of a bucket a quarter of the time in which
    /// its burst flows back, if that is shorter, as nothing flows back for a lease until it ends.
    static func milliseconds(_ applied: some Sequence<AppliedLimit>) -> Int64 {
        applied.reduce(longest) { min($0, milliseconds($1.algorithm, quantity: $1.counter.quantity)) }
    }

    private static func milliseconds(_ algorithm: LimitAlgorithm, quantity: Int64) -> Int64 {
        guard let span = algorithm.span else { return longest }
        let part = max(1, span / SlidingWindow.subwindows)
        guard case .bucket(_, let burst) = algorithm else { return part }
        // The product is below 2^53 (`TokenBucket.highestBurst`).
        return max(1, min(part, burst * span / max(1, quantity) / 4))
    }
}
