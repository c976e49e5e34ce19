import RateLimits
import Redis
import Synchronization

/// Blocks of permits for limiters within other processes: charged when they are granted, spent by their holder within one
/// sub-window, given back by the holder alone. What a holder never gives back stays charged until it leaves the window and is
/// granted to nobody else: a holder that was killed, paused or cut off cannot push the sum over the limit.
final class Leases: Sendable {
    /// After the time in which it may be spent, a block can be given back for as long, in milliseconds.
    static let memory: Int64 = 10_000
    /// Holders whose need is remembered.
    private static let most = 10_000

    private let limiter: Limiter
    private let reservations: Reservations
    private let clock: @Sendable () -> Int64
    private let holders = Mutex<[String: Holder]>([:])

    /// What is known of a holder's need.
    private struct Holder {
        var sizing: LeaseSizing
        var last: (permits: Int64, at: Int64, life: Int64)?
    }

    struct Grant: Sendable {
        let decision: Decision
        let id: RecordID
    }

    init(_ limiter: Limiter, clock: @escaping @Sendable () -> Int64 = RedisGates.monotonic) {
        self.limiter = limiter
        reservations = Reservations(limiter: limiter)
        self.clock = clock
    }

    /// - Parameters:
    ///   - cost: of one permit.
    ///   - wanted: how many; nil for as many as the holder seems to need. At most half of what is left is granted.
    ///   - unused: permits of its block before that it did not spend.
    /// - Returns: nil for permits that are held at the same time: those cannot be leased.
    func grant(
        _ descriptors: Descriptors, cost: Int64, wanted: Int64?, unused: Int64, owner: String
    ) async -> Grant? {
        let applied = limiter.book.current.applied(to: descriptors, cost: cost)
        if applied.contains(where: { if case .concurrency = $0.algorithm { true } else { false } }) { return nil }
        let life = LeaseLife.milliseconds(applied)
        let holder = applied.reduce(into: owner) { $0 += "\n" + $1.counter.key }
        let size = size(holder, applied, unused)
        var permits = wanted ?? size
        permits = max(1, min(permits, Bounds.cost / max(1, cost)))
        let purpose = Purpose(
            permits: permits, ahead: life, id: RequestName.make(), owner: owner, keep: life + Leases.memory,
            expires: life)
        var decision =
            applied.isEmpty
            ? Decision(source: .shared, verdicts: [], permits: permits, life: life)
            : await limiter.decide(applied, purpose)
        // A replica's own share may have room for fewer.
        while decision.source == .local, !decision.isAllowed, permits > 1 {
            permits /= 2
            var fewer = purpose
            fewer.permits = permits
            decision = limiter.local.decide(applied, fewer, now: limiter.clock())
        }
        limiter.counts.note(decision)
        if decision.isAllowed { note(holder, decision) }
        return Grant(decision: decision, id: RecordID(name: purpose.id, tags: decision.tags))
    }

    /// Gives back permits that were not spent, once.
    func giveBack(_ id: RecordID, owner: String, unused: Int64) async throws(RedisError) -> Settlement {
        try await reservations.settle(id, owner: owner, .returned, amount: unused)
    }

    private func size(_ holder: String, _ applied: [AppliedLimit], _ unused: Int64) -> Int64 {
        let now = clock()
        let quantity = applied.map(\.counter.quantity).min() ?? Bounds.cost
        return holders.withLock { holders in
            if holders[holder] == nil, holders.count >= Leases.most { holders.removeAll() }
            var known = holders[holder] ?? Holder(sizing: LeaseSizing(quantity: quantity))
            if let last = known.last {
                known.sizing.finished(
                    spent: last.permits - min(unused, last.permits), granted: last.permits, lived: now - last.at,
                    lifetime: last.life)
                known.last = nil
            }
            holders[holder] = known
            return known.sizing.size
        }
    }

    private func note(_ holder: String, _ decision: Decision) {
        let now = clock()
        holders.withLock { $0[holder]?.last = (decision.permits, now, decision.life) }
    }
}
