import RateLimits
import Synchronization

/// Counts in this replica while Redis is away: each limit as its `unavailable` rule says, and what was admitted meanwhile, so
/// that it can be charged when Redis is back.
final class LocalCounters: Sendable {
    /// What was admitted of a counter, to be charged.
    struct Owed: Sendable {
        let key: String
        let algorithm: LimitAlgorithm
        let quantity: Int64
        /// When (by the clock of the counters) and how much, the oldest first.
        var changes: [(at: Int64, cost: Int64)]
    }

    private struct Entry {
        var window: (any RateWindow)?
        var held: Concurrency?
        var owed: Owed
    }

    /// Counters that are kept; what finds no place is refused.
    static let capacity = 100_000

    private let replicas: Int64
    private let capacity: Int
    private let entries = Mutex<[String: Entry]>([:])

    init(replicas: Int, capacity: Int = LocalCounters.capacity) {
        self.replicas = Int64(replicas)
        self.capacity = capacity
    }

    var count: Int { entries.withLock { $0.count } }
    /// Whether something waits to be charged.
    var owes: Bool { entries.withLock { $0.values.contains { !$0.owed.changes.isEmpty } } }

    /// Decides a request under all its limits, or under none.
    /// - Parameters:
    ///   - now: milliseconds since the epoch.
    ///   - retry: after how many milliseconds to come back to a limit that is closed while Redis is away.
    func decide(_ applied: [AppliedLimit], _ purpose: Purpose? = nil, now: Int64, retry: Int64 = 1_000) -> Decision {
        let permits = max(1, purpose?.permits ?? 1)
        return entries.withLock { entries in
            var verdicts: [LimitVerdict] = []
            var kept: [Entry?] = []
            for one in applied {
                let (entry, outcome) = look(one, permits, purpose, now, retry, &entries)
                verdicts.append(LimitVerdict(applied: one, outcome: outcome))
                kept.append(entry)
            }
            var decision = Decision(source: .local, verdicts: verdicts)
            guard decision.isAllowed else { return decision }
            for (one, entry) in zip(applied, kept) {
                guard var entry else { continue }
                charge(one.cost * permits, &entry, purpose, now)
                entries[one.counter.key] = entry
            }
            decision.permits = permits
            decision.life = purpose?.ahead ?? 0
            return decision
        }
    }

    private func look(
        _ one: AppliedLimit, _ permits: Int64, _ purpose: Purpose?, _ now: Int64, _ retry: Int64,
        _ entries: inout [String: Entry]
    ) -> (Entry?, Outcome) {
        let closed = Outcome(admitted: false, remaining: 0, reset: retry, retryAfter: retry)
        let cost = one.cost * permits
        // More than a request can cost is more than a block of a replica's share can be.
        guard cost <= Bounds.cost, let share = share(of: one) else { return (nil, closed) }
        let key = one.counter.key
        guard let entry = entries[key] ?? make(one, share, now, &entries) else { return (nil, closed) }
        if let held = entry.held { return (entry, held.outcome(cost: cost, now: now)) }
        guard let window = entry.window else { return (nil, closed) }
        return (entry, window.outcome(cost: cost, now: now))
    }

    /// What this replica may admit by itself; nil for nothing.
    private func share(of one: AppliedLimit) -> (quantity: Int64, burst: Int64)? {
        var burst: Int64 = 0
        if case .bucket(_, let depth) = one.algorithm { burst = depth }
        switch one.limit.unavailable {
        case .closed: return nil
        case .open(let budget): return budget > 0 ? (budget, budget) : nil
        case .local:
            let quantity = one.counters.reduce(0) { $0 + $1.quantity } / replicas
            return quantity > 0 ? (quantity, max(1, burst / replicas)) : nil
        }
    }

    private func make(
        _ one: AppliedLimit, _ share: (quantity: Int64, burst: Int64), _ now: Int64, _ entries: inout [String: Entry]
    ) -> Entry? {
        if entries.count >= capacity { LocalCounters.prune(&entries, now) }
        guard entries.count < capacity else { return nil }
        var algorithm = one.algorithm
        var quantity = share.quantity
        switch algorithm {
        case .bucket(let span, _): algorithm = .bucket(span: span, burst: share.burst)
        case .calendar(let period):
            // What of the quota is left nobody knows here: an hour's part of it each hour.
            let hours: Int64 = period == .day ? 24 : 24 * 28
            algorithm = .window(span: 3_600_000)
            quantity = (quantity + hours - 1) / hours
        case .window, .exact, .concurrency: break
        }
        var entry = Entry(
            window: algorithm.counter(quantity: quantity),
            owed: Owed(key: one.counter.key, algorithm: one.algorithm, quantity: one.counter.quantity, changes: []))
        if case .concurrency(let expiry) = algorithm {
            entry.held = Concurrency(quantity: quantity, expiry: expiry)
        }
        return entry
    }

    private func charge(_ cost: Int64, _ entry: inout Entry, _ purpose: Purpose?, _ now: Int64) {
        guard cost > 0 else { return }
        if entry.held != nil {
            // Who holds them is known here alone: they end by themselves.
            _ = entry.held?.acquire(id: purpose?.id ?? "", cost: cost, now: now)
            return
        }
        entry.window?.charge(cost: cost, now: now, ahead: purpose?.ahead ?? 0)
        let grain = max(1, (entry.owed.algorithm.span ?? 60_000) / 50)
        if let last = entry.owed.changes.last, now - last.at < grain, now >= last.at {
            entry.owed.changes[entry.owed.changes.count - 1].cost += cost
        } else {
            // Older ones have left the window.
            if entry.owed.changes.count > 60 { entry.owed.changes.removeFirst() }
            entry.owed.changes.append((now, cost))
        }
    }

    private static func prune(_ entries: inout [String: Entry], _ now: Int64) {
        entries = entries.filter { !$0.value.owed.changes.isEmpty || lifetime($0.value, now) > 0 }
    }

    private static func lifetime(_ entry: Entry, _ now: Int64) -> Int64 {
        max(entry.window?.lifetime(now: now) ?? 0, entry.held?.lifetime(now: now) ?? 0)
    }

    // MARK: When Redis is back

    /// Takes out what is to be charged, some at a time.
    func takeOwed(_ most: Int, where isWanted: (String) -> Bool = { _ in true }) -> [Owed] {
        entries.withLock { entries in
            var taken: [Owed] = []
            for (key, entry) in entries where !entry.owed.changes.isEmpty && isWanted(key) {
                taken.append(entry.owed)
                if taken.count == most { break }
            }
            for owed in taken { entries[owed.key]?.owed.changes = [] }
            return taken
        }
    }

    /// Puts back what could not be charged.
    func putBack(_ owed: Owed) {
        entries.withLock { entries in
            guard let later = entries[owed.key]?.owed.changes else { return }
            entries[owed.key]?.owed.changes = Array((owed.changes + later).suffix(61))
        }
    }

    /// Forgets what has left its window.
    func prune(now: Int64) { entries.withLock { LocalCounters.prune(&$0, now) } }
}
