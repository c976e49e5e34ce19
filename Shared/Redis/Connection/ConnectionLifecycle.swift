import NIOCore

/// When to connect, when to wait, and when to give up: the state of one kept-up connection as a value.
struct ConnectionLifecycle {
    enum State: Equatable {
        /// Nobody has asked for it yet.
        case idle
        case connecting
        case ready(since: NIODeadline)
        case backingOff
        case closed
    }

    enum Admission: Equatable {
        case send
        case wait
        /// Wait, and begin to connect.
        case connectAndWait
        case refuse
    }

    /// A connection that did not last this long counts as another failed attempt.
    static let stable = TimeAmount.seconds(1)

    private(set) var state = State.idle
    private var backoff: Backoff

    init(backoff: Backoff) { self.backoff = backoff }

    /// Failed attempts in a row.
    var attempts: Int { backoff.attempts }

    mutating func admit() -> Admission {
        switch state {
        case .idle:
            state = .connecting
            return .connectAndWait
        case .connecting, .backingOff: return .wait
        case .ready: return .send
        case .closed: return .refuse
        }
    }

    /// An attempt has succeeded.
    /// - Returns: false when the connection is not wanted any more.
    mutating func connected(now: NIODeadline) -> Bool {
        guard state == .connecting else { return false }
        state = .ready(since: now)
        return true
    }

    /// An attempt has failed.
    /// - Returns: milliseconds until the next; nil when there shall be none.
    mutating func failed(random: Double) -> Int64? {
        guard state == .connecting else { return nil }
        state = .backingOff
        return backoff.next(random: random)
    }

    /// The connection is gone.
    /// - Returns: milliseconds until the next attempt; nil when there shall be none.
    mutating func lost(now: NIODeadline, random: Double) -> Int64? {
        guard case .ready(let since) = state else { return nil }
        if now - since >= ConnectionLifecycle.stable { backoff.reset() }
        state = .backingOff
        return backoff.next(random: random)
    }

    /// The wait is over.
    /// - Returns: whether to connect.
    mutating func retry() -> Bool {
        guard state == .backingOff else { return false }
        state = .connecting
        return true
    }

    mutating func close() { state = .closed }
}
