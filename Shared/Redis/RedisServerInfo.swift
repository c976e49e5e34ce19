/// Who answered when a connection was made.
package struct RedisServerInfo: Sendable, Equatable {
    /// Where it was reached.
    package let address: RedisAddress
    /// Changes with every start of the server; nil when the user may not ask for it.
    package let runID: String?
    package let version: String?
    /// Whether this is another run, or another server, than the one before: it may have lost its last writes, or all.
    package let isNewRun: Bool
}

/// What the client is doing, for metrics.
package struct RedisStatistics: Sendable, Equatable {
    /// Connections that take commands now, of `connections` that have been asked for.
    package var connected = 0
    package var connections = 0
    /// Commands that wait or are on their way.
    package var queued = 0
    /// Since the start: connections lost, commands refused for a full queue, and answers that did not come in time.
    package var lost = 0
    package var refused = 0
    package var timedOut = 0
}

/// `INFO server`, as far as we need it.
struct ServerSection: Sendable, Equatable {
    var runID: String?
    var version: String?

    init(_ text: String) {
        for line in text.split(whereSeparator: \.isNewline) {
            if line.hasPrefix("run_id:") { runID = String(line.dropFirst(7)) }
            if line.hasPrefix("redis_version:") { version = String(line.dropFirst(14)) }
        }
    }
}
