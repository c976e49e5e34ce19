/// Decides whether to ask somebody who may be away: a state machine without clock or I/O. Times are milliseconds of one
/// monotonic clock.
///
/// Closed, it lets everything through and opens after a run of failures or when too many of the last ones failed. Open, it
/// lets nothing through; after a while one probe at a time may go, and the first that succeeds closes it.
struct CircuitBreaker: Sendable, Equatable {
    struct Settings: Sendable, Equatable {
        /// Failures in a row that open it.
        var run = 5
        /// How many outcomes are looked back on; at least half of them failures open it.
        var memory = 20
        /// Milliseconds until the first probe, and from a probe that failed to the next.
        var pause: Int64 = 250
        /// Milliseconds after which a probe that was never reported counts as failed.
        var probeLimit: Int64 = 5_000
    }

    enum State: Sendable, Equatable {
        case closed
        case open(until: Int64)
        /// A probe is on its way.
        case halfOpen(since: Int64)
    }

    let settings: Settings
    private(set) var state = State.closed
    private var inARow = 0
    /// The last outcomes, the latest in the lowest bit; 1 is a failure.
    private var outcomes: UInt64 = 0
    private var count = 0

    /// - Precondition: memory is from 1 to 64.
    init(_ settings: Settings = Settings()) {
        precondition((1...64).contains(settings.memory))
        self.settings = settings
    }

    /// Whether requests may go through.
    var isClosed: Bool { state == .closed }

    /// A request that went through while closed was answered.
    mutating func succeeded() {
        guard isClosed else { return }
        note(isFailure: false)
        inARow = 0
    }

    /// A request that went through while closed failed. One that began before it opened changes nothing any more.
    /// - Returns: whether this failure opened it.
    mutating func failed(now: Int64) -> Bool {
        guard isClosed else { return false }
        note(isFailure: true)
        inARow += 1
        guard inARow >= settings.run || (count >= settings.memory && failures * 2 >= settings.memory) else {
            return false
        }
        state = .open(until: now + settings.pause)
        return true
    }

    /// Asks for the one probe.
    /// - Returns: whether to send it; its outcome has to be reported by `probed`.
    mutating func beginProbe(now: Int64) -> Bool {
        switch state {
        case .closed: return false
        case .open(let until):
            guard now >= until else { return false }
        case .halfOpen(let since):
            guard now - since >= settings.probeLimit else { return false }
        }
        state = .halfOpen(since: now)
        return true
    }

    /// - Returns: whether it is closed by this.
    mutating func probed(succeeded: Bool, now: Int64) -> Bool {
        guard case .halfOpen = state else { return false }
        guard succeeded else {
            state = .open(until: now + settings.pause)
            return false
        }
        state = .closed
        inARow = 0
        outcomes = 0
        count = 0
        return true
    }

    private var failures: Int { outcomes.nonzeroBitCount }

    private mutating func note(isFailure: Bool) {
        let mask: UInt64 = settings.memory == 64 ? .max : (1 << UInt64(settings.memory)) - 1
        outcomes = (outcomes << 1 | (isFailure ? 1 : 0)) & mask
        count = min(count + 1, settings.memory)
    }
}
