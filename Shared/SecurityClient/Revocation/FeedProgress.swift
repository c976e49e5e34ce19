/// Up to when a feed is complete, and since when that is known. A value without I/O; all times are milliseconds, `wall`
/// since the epoch and `monotonic` since some moment of this process' life.
///
/// Age is counted by monotonic time from the last progress on, so that a feed that has fallen silent gets older also
/// while the time of day is set back.
struct FeedProgress: Sendable {
    private struct Mark {
        /// Everything that was decided up to here has been applied.
        var completeUpTo: Int64
        /// How long ago that was when it was noted.
        var age: Int64
        var notedAt: Int64
    }

    /// For how long a gap counts.
    let lookback: Int64
    /// What is lost was published at most so long before it was missed.
    let gapMargin: Int64
    /// What a gap adds to staleness at most.
    let longestGap: Int64

    private var watch: ClockWatch
    private var mark: Mark?
    private var lastGap: Int64?

    init(lookback: Int64, gapMargin: Int64, longestGap: Int64, wall: Int64, monotonic: Int64) {
        self.lookback = lookback
        self.gapMargin = gapMargin
        self.longestGap = longestGap
        watch = ClockWatch(wall: wall, monotonic: monotonic)
    }

    /// Looks whether the time of day was set. What was read by the time before says nothing then: it counts as a gap.
    /// - Returns: by how much; nil when it was not.
    mutating func observe(wall: Int64, monotonic: Int64) -> Int64? {
        guard let step = watch.observe(wall: wall, monotonic: monotonic) else { return nil }
        noteGap(monotonic: monotonic)
        return step
    }

    /// Notes up to when the feed is complete. What is no progress changes nothing: its age grows on.
    mutating func note(completeUpTo: Int64, wall: Int64, monotonic: Int64) {
        if let mark, completeUpTo <= mark.completeUpTo { return }
        mark = Mark(completeUpTo: completeUpTo, age: max(0, wall - completeUpTo), notedAt: monotonic)
    }

    mutating func noteGap(monotonic: Int64) { lastGap = max(monotonic, lastGap ?? .min) }

    /// For how long something may have been missed; nil while nothing is known.
    func staleness(wall: Int64, monotonic: Int64) -> Int64? {
        guard let mark else { return nil }
        // By both clocks: what is older by either is older.
        let age = max(mark.age + max(0, monotonic - mark.notedAt), wall - mark.completeUpTo)
        guard let lastGap, monotonic - lastGap < lookback else { return age }
        return max(age, min(monotonic - lastGap + gapMargin, longestGap))
    }
}
