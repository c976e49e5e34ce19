/// Time since some moment of this process' life: it never goes back and takes no part in the steps of the time of day.
public enum MonotonicClock {
    private static let origin = ContinuousClock.now

    public static func milliseconds() -> Int64 {
        let (seconds, attoseconds) = origin.duration(to: .now).components
        return seconds * 1000 + attoseconds / 1_000_000_000_000_000
    }
}

/// Notices when the time of day was set: it then moves against monotonic time. A clock that is merely made to run faster
/// or slower is not noticed, and does no harm. A value without I/O; both times come in, in milliseconds.
struct ClockWatch: Sendable {
    /// What differs by less between two observations is no step: clocks of a platform may be so far apart.
    static let tolerance: Int64 = 5_000

    /// The time of day minus monotonic time, when it was last observed.
    private var offset: Int64

    init(wall: Int64, monotonic: Int64) { offset = wall - monotonic }

    /// Returns by how much the time of day was set forward or, negative, back since the last observation; nil when it
    /// was not.
    mutating func observe(wall: Int64, monotonic: Int64) -> Int64? {
        let (previous, current) = (offset, wall - monotonic)
        offset = current
        return abs(current - previous) > ClockWatch.tolerance ? current - previous : nil
    }
}
