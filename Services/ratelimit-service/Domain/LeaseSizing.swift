/// How many permits a holder gets at a time: so many that it asks about twice in the time for which they may be spent.
struct LeaseSizing: Sendable, Equatable {
    static let range: ClosedRange<Int64> = 1...10_000
    static let first: Int64 = 8

    private(set) var size = LeaseSizing.first
    /// When the last block was granted, by a monotonic clock in milliseconds.
    private var grantedAt: Int64?

    /// What to grant to a holder that asks now.
    /// - Parameters:
    ///   - life: milliseconds for which a block may be spent.
    ///   - unused: permits of the block before that it gave back or let expire.
    mutating func next(now: Int64, life: Int64, unused: Int64) -> Int64 {
        defer { grantedAt = now }
        guard let grantedAt else { return size }
        if unused == 0, now - grantedAt < life / 2 {
            size *= 2
        } else if unused * 2 > size || now - grantedAt > 4 * life {
            size /= 2
        }
        size = min(max(size, LeaseSizing.range.lowerBound), LeaseSizing.range.upperBound)
        return size
    }

    /// Milliseconds for which permits of these limits may be spent: one sub-window of the shortest. Of a bucket a quarter of
    /// the time in which its burst flows back, if that is shorter.
    static func life(_ algorithms: some Sequence<LeaseTerm>) -> Int64 {
        algorithms.reduce(5_000) { min($0, $1.life) }
    }
}

/// What a limit has to do with how long a lease may be.
struct LeaseTerm: Sendable, Equatable {
    /// Milliseconds; nil for a calendar's.
    var span: Int64?
    /// Of a bucket: its burst in relation to its quantity.
    var burst: (Int64, Int64)?

    var life: Int64 {
        guard let span else { return 5_000 }
        let part = max(1, span / 50)
        guard let (burst, quantity) = burst else { return part }
        // Below 2^53 as of RateLimits.Bounds.
        return max(1, min(part, burst * span / max(1, quantity) / 4))
    }

    static func == (left: LeaseTerm, right: LeaseTerm) -> Bool { left.life == right.life }
}
