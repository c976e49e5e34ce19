import Synchronization

/// Counts in this process while the shared counters cannot be reached, by the rule of each limit, and remembers what it
/// admitted so that it can be charged when they are back.
///
/// A share counts from nothing, as what was used before cannot be asked for: in the first window of an outage all replicas
/// together may admit once more what the limit allows, never more than that.
package final class LocalShare: Sendable {
    private let replicas: Int64
    private let capacity: Int
    private let counters = Mutex<[String: Counter]>([:])

    private struct Counter {
        var state: any RateWindow
        let applied: AppliedLimit
        let key: LimitCounter
        /// All that was admitted, for quotas whose period is longer than the outage.
        var admitted: Int64 = 0

        /// What of it still counts.
        func used(now: Int64) -> Int64 { min(admitted, state.used(now: now)) }
    }

    /// - Parameters:
    ///   - replicas: how many share each limit.
    ///   - capacity: counters that are kept; beyond them those that are over go, then any.
    package init(replicas: Int, capacity: Int = 100_000) {
        self.replicas = Int64(max(replicas, 1))
        self.capacity = max(capacity, 8)
    }

    /// Decides over all limits of a request: all admit and are charged, or nothing is. Limits in shadow never refuse. Limits of
    /// what is held at the same time are left to whoever knows the holders: here they admit unless they are closed.
    ///
    /// - Parameter now: milliseconds since the epoch.
    package func decide(_ limits: [AppliedLimit], now: Int64) -> (allowed: Bool, outcomes: [Outcome]) {
        counters.withLock { counters in
            var outcomes: [Outcome] = []
            var charges: [(AppliedLimit, LimitCounter, any RateWindow)] = []
            var allowed = true
            for limit in limits {
                let (outcome, charge) = self.outcome(limit, now: now, in: counters)
                outcomes.append(outcome)
                if let charge, outcome.admitted { charges.append((limit, charge.key, charge.state)) }
                if !outcome.admitted, !limit.limit.shadow { allowed = false }
            }
            guard allowed else {
                // Nothing is charged: those that would have admitted have as much left as before.
                for (index, limit) in limits.enumerated() where outcomes[index].admitted {
                    let before = self.outcome(limit, cost: 0, now: now, in: counters).0
                    outcomes[index].remaining = before.remaining
                    outcomes[index].reset = before.reset
                }
                return (false, outcomes)
            }
            for (limit, key, state) in charges where limit.cost > 0 {
                // Two limits never share a key.
                var counter = counters[key.key] ?? Counter(state: state, applied: limit, key: key)
                counter.state.charge(cost: limit.cost, now: now)
                counter.admitted = min(counter.admitted + limit.cost, Bounds.count)
                if counters[key.key] == nil, counters.count >= capacity { Self.makeRoom(in: &counters, now: now) }
                counters[key.key] = counter
            }
            return (true, outcomes)
        }
    }

    private func outcome(
        _ applied: AppliedLimit, cost: Int64? = nil, now: Int64, in counters: [String: Counter]
    ) -> (Outcome, charge: (key: LimitCounter, state: any RateWindow)?) {
        var last = Outcome(admitted: applied.limit.unavailable != .closed, remaining: 0, reset: 0)
        if applied.limit.unavailable == .closed { return (last, nil) }
        for counter in applied.counters {
            guard let state = counters[counter.key]?.state ?? fresh(applied, counter.quantity) else {
                return (last, nil)
            }
            last = state.outcome(cost: cost ?? applied.cost, now: now)
            if last.admitted { return (last, (counter, state)) }
        }
        return (last, nil)
    }

    /// The counter of this replica's part.
    private func fresh(_ applied: AppliedLimit, _ quantity: Int64) -> (any RateWindow)? {
        let part =
            if case .open(let budget) = applied.limit.unavailable { budget } else { quantity / replicas }
        switch applied.algorithm {
        case .window(let span): return SlidingWindow(quantity: part, span: span)
        case .exact(let span): return ExactLog(quantity: part, span: span)
        case .bucket(let span, let burst):
            guard case .local = applied.limit.unavailable else { return SlidingWindow(quantity: part, span: span) }
            // The rate and the burst are both divided: n rates of 1/n are the rate.
            return burst / replicas == 0 || part == 0
                ? SlidingWindow(quantity: part, span: span)
                : TokenBucket(quantity: part, span: span, burst: burst / replicas)
        case .calendar(let period):
            // What of the quota is left nobody knows here: an hour's part of it each hour.
            let hours: Int64 = period == .day ? 24 : 24 * 28
            return SlidingWindow(quantity: (part + hours - 1) / hours, span: 3_600_000)
        case .concurrency: return nil
        }
    }

    private static func makeRoom(in counters: inout [String: Counter], now: Int64) {
        let before = counters.count
        counters = counters.filter { $0.value.state.lifetime(now: now) > 0 || $0.value.applied.algorithm.isCalendar }
        guard counters.count > before - before / 8 - 1 else { return }
        for key in counters.keys.prefix(before / 8 + 1) { counters[key] = nil }
    }

    /// What was admitted and still counts, to be charged to the shared counters now that they are back; forgotten here.
    package func takeCharges(now: Int64) -> [LocalCharge] {
        let taken = counters.withLock { counters in
            defer { counters = [:] }
            return counters
        }
        return taken.values.compactMap { counter in
            let still = counter.applied.algorithm.isCalendar ? counter.admitted : counter.used(now: now)
            return still > 0 ? LocalCharge(applied: counter.applied, counter: counter.key, cost: still) : nil
        }
    }

    /// Counters that are kept.
    package var count: Int { counters.withLock { $0.count } }
}

/// What a replica admitted by itself under a limit.
package struct LocalCharge: Sendable {
    package let applied: AppliedLimit
    package let counter: LimitCounter
    /// May be more than the cost of one request can be.
    package let cost: Int64
}

extension LimitAlgorithm {
    fileprivate var isCalendar: Bool { if case .calendar = self { true } else { false } }
}
