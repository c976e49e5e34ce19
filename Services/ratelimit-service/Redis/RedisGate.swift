import Redis
import Synchronization

/// Stands before a part of Redis: counts how its calls end, and while it is away lets none through, so that nobody waits.
///
/// A probe in the background finds out when it is back (`Recovery`).
final class RedisGate: Sendable {
    private struct State {
        var breaker: CircuitBreaker
        /// What was asked for when it went away: what a probe asks for.
        var key = "rl:probe"
    }

    private let state: Mutex<State>
    private let isClosed = Atomic<Bool>(true)
    private let failures = Atomic<Int>(0)
    /// Milliseconds of a clock that is never set back.
    private let clock: @Sendable () -> Int64

    init(_ settings: CircuitBreaker.Settings, clock: @escaping @Sendable () -> Int64) {
        state = Mutex(State(breaker: CircuitBreaker(settings)))
        self.clock = clock
    }

    /// Whether to ask now.
    var letsThrough: Bool { isClosed.load(ordering: .acquiring) }
    /// Calls that had no answer in time or could not be made.
    var failed: Int { failures.load(ordering: .relaxed) }

    func succeeded() { state.withLock { $0.breaker.succeeded() } }

    /// - Parameter key: what was asked for.
    func failed(_ key: String) {
        failures.wrappingAdd(1, ordering: .relaxed)
        let now = clock()
        state.withLock { state in
            guard state.breaker.failed(now: now) else { return }
            state.key = key
            isClosed.store(false, ordering: .releasing)
        }
    }

    /// - Returns: the key to ask for, when it is time; its outcome has to be reported by `probed`.
    func beginProbe() -> String? {
        let now = clock()
        return state.withLock { $0.breaker.beginProbe(now: now) ? $0.key : nil }
    }

    func probed(succeeded: Bool) {
        let now = clock()
        state.withLock { state in
            guard state.breaker.probed(succeeded: succeeded, now: now) else { return }
            isClosed.store(true, ordering: .releasing)
        }
    }
}

/// The gates before all of Redis: one, or where it is a cluster one for each range of slots, as its masters come and go by
/// themselves.
final class RedisGates: Sendable {
    struct Away: Error, CustomStringConvertible {
        let milliseconds: Int64
        var description: String { "Redis has been away for \(milliseconds) ms; each replica keeps limits by itself" }
    }

    /// What others are told of.
    enum Change: Sendable, Equatable {
        case degraded
        case recovered(afterMilliseconds: Int64)
    }

    private struct State {
        var awaySince: Int64?
        var backSince: Int64?
    }

    /// It has to stay for so long before it counts as back: an unsteady Redis is one outage.
    static let settling: Int64 = 1_000
    private static let ranges = 16

    let all: [RedisGate]
    private let state = Mutex(State())
    private let clock: @Sendable () -> Int64

    init(
        isCluster: Bool, settings: CircuitBreaker.Settings = .init(),
        clock: @escaping @Sendable () -> Int64 = RedisGates.monotonic
    ) {
        all = (0..<(isCluster ? RedisGates.ranges : 1)).map { _ in RedisGate(settings, clock: clock) }
        self.clock = clock
    }

    private static let start = ContinuousClock.now
    /// Milliseconds since some instant.
    static let monotonic: @Sendable () -> Int64 = {
        let passed = start.duration(to: .now).components
        return passed.seconds * 1_000 + passed.attoseconds / 1_000_000_000_000_000
    }

    /// The gate that a key is behind.
    subscript(key: String) -> RedisGate {
        all.count == 1 ? all[0] : all[HashSlot.of(key) * RedisGates.ranges / HashSlot.count]
    }

    var areOpen: Bool { all.allSatisfy(\.letsThrough) }

    /// For readiness.
    func check() throws(Away) {
        if areOpen { return }
        let since = state.withLock { $0.awaySince }
        throw Away(milliseconds: since.map { clock() - $0 } ?? 0)
    }

    /// Looks at the gates; tells once that Redis went away, and once that it has come back to stay.
    func look() -> Change? {
        let now = clock()
        let open = areOpen
        return state.withLock { state in
            guard let since = state.awaySince else {
                if open { return nil }
                state.awaySince = now
                return .degraded
            }
            guard open else {
                state.backSince = nil
                return nil
            }
            let back = state.backSince ?? now
            state.backSince = back
            guard now - back >= RedisGates.settling else { return nil }
            state = State()
            return .recovered(afterMilliseconds: back - since)
        }
    }
}
