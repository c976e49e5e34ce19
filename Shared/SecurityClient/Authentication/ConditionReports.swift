/// Which changes of introspection's condition are worth a line in the log: each once, and one that comes and goes with
/// every other request not each time. A value without I/O; time comes in.
struct ConditionReports: Sendable {
    /// Milliseconds within which no condition is reported twice.
    static let interval: Int64 = 10_000

    private(set) var condition = Introspector.Condition.unknown
    private var reported = Introspector.Condition.unknown
    private var reportedAt: [Introspector.Condition: Int64] = [:]

    /// Returns whether to report it.
    mutating func note(_ condition: Introspector.Condition, monotonic now: Int64) -> Bool {
        self.condition = condition
        guard condition != reported else { return false }
        if let last = reportedAt[condition], now - last < ConditionReports.interval { return false }
        reported = condition
        reportedAt[condition] = now
        return true
    }
}
