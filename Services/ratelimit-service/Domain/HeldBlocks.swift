import RateLimits
import Redis
import Synchronization

/// Blocks of permits that this replica holds of limits that belong to no caller, where Redis is a cluster: their counters lie
/// on another master than the caller's, and one script cannot decide both.
///
/// A block is charged when it is granted and spent by this replica alone, within one sub-window by its own monotonic clock.
/// What it does not spend it gives back; what it cannot give back stays charged. So the sum never passes the limit, and what
/// lies unspent with other replicas (at most half of what was left at each grant) may be refused for as long.
final class HeldBlocks: Sendable {
    /// What was taken from a block, to be put back.
    struct Taken: Sendable {
        let key: String
        let block: String
        let cost: Int64
        /// Charged for this request alone.
        var tag: Substring?
    }

    enum Taking: Sendable {
        case taken(Taken, Outcome)
        case refused(Outcome)
        case away
    }

    private struct Block {
        let id: String
        let tag: Substring
        let granted: Int64
        var unspent: Int64
        /// By the monotonic clock.
        let began: Int64
        let ends: Int64
        /// Of the counter when it was granted.
        let outcome: Outcome
    }

    private struct Holding {
        var block: Block?
        var sizing: LeaseSizing
        var grant: Task<Outcome?, Never>?
    }

    private let store: LimitStore
    private let gates: RedisGates
    private let replica: String
    private let clock: @Sendable () -> Int64
    private let holdings = Mutex<[String: Holding]>([:])

    init(
        store: LimitStore, gates: RedisGates, replica: String,
        clock: @escaping @Sendable () -> Int64 = RedisGates.monotonic
    ) {
        self.store = store
        self.gates = gates
        self.replica = replica
        self.clock = clock
    }

    /// Whether a limit is met from blocks.
    static func isMet(_ one: AppliedLimit) -> Bool {
        guard one.surplus == nil, one.counter.tag == "global", one.cost > 0, !one.limit.shadow else { return false }
        switch one.algorithm {
        case .window, .exact, .bucket: return true
        case .calendar, .concurrency: return false
        }
    }

    /// From the block at hand; nil when that does not suffice.
    func takeAtOnce(_ one: AppliedLimit) -> Taking? {
        let now = clock()
        let key = one.counter.key
        return holdings.withLock { holdings in
            guard let block = holdings[key]?.block, now < block.ends, block.unspent >= one.cost else { return nil }
            holdings[key]?.block?.unspent -= one.cost
            var outcome = block.outcome
            outcome.remaining += block.unspent - one.cost
            return .taken(Taken(key: key, block: block.id, cost: one.cost), outcome)
        }
    }

    func take(_ one: AppliedLimit) async -> Taking {
        if let taking = takeAtOnce(one) { return taking }
        guard gates[one.counter.key].letsThrough else { return .away }
        let grant: Task<Outcome?, Never> = holdings.withLock { holdings in
            if let running = holdings[one.counter.key]?.grant { return running }
            let task = Task { await self.grant(one) }
            holdings[one.counter.key, default: Holding(sizing: LeaseSizing(quantity: one.counter.quantity))].grant =
                task
            return task
        }
        guard await grant.value != nil else { return .away }
        // Others may have been quicker, or the cost is more than a block: the counter itself decides then.
        if let taking = takeAtOnce(one) { return taking }
        return await takeDirectly(one)
    }

    /// Puts back what a request took that another limit refused.
    func putBack(_ taken: Taken) {
        if let tag = taken.tag {
            Task { [store, replica] in
                _ = try? await store.settle(taken.block, tag: tag, owner: replica, .undone)
            }
            return
        }
        holdings.withLock { holdings in
            // In another block it would be permits that were never granted there.
            guard holdings[taken.key]?.block?.id == taken.block else { return }
            holdings[taken.key]?.block?.unspent += taken.cost
        }
    }

    // MARK: Grants

    /// - Returns: what the counter said; nil when it could not be asked.
    private func grant(_ one: AppliedLimit) async -> Outcome? {
        let key = one.counter.key
        let life = LeaseLife.milliseconds([one])
        // The time in which it may be spent begins before Redis counts it.
        let now = clock()
        giveBack(key, now: now, isReplaced: true)
        let size = holdings.withLock { $0[key]?.sizing.size ?? 1 }
        defer { holdings.withLock { $0[key]?.grant = nil } }
        let purpose = Purpose(
            permits: max(size, one.cost), ahead: life, id: RequestName.make(), owner: replica, keep: life * 2 + 5_000,
            expires: life)
        do {
            let admission = try await store.admit(CounterGroup(one, cost: 1), purpose)
            gates[key].succeeded()
            guard let outcome = admission.outcomes.first else { return nil }
            if admission.permits > 0 {
                let block = Block(
                    id: purpose.id, tag: one.counter.tag, granted: admission.permits,
                    unspent: admission.permits, began: now, ends: now + admission.life, outcome: outcome)
                holdings.withLock { $0[key]?.block = block }
            }
            return outcome
        } catch {
            gates[key].failed(key)
            return nil
        }
    }

    private func takeDirectly(_ one: AppliedLimit) async -> Taking {
        let key = one.counter.key
        let purpose = Purpose(id: RequestName.make(), owner: replica, keep: 5_000, expires: 5_000)
        do {
            let admission = try await store.admit(CounterGroup(one, cost: one.cost), purpose)
            gates[key].succeeded()
            guard let outcome = admission.outcomes.first else { return .away }
            guard admission.result == .admitted else { return .refused(outcome) }
            return .taken(Taken(key: key, block: purpose.id, cost: one.cost, tag: one.counter.tag), outcome)
        } catch {
            gates[key].failed(key)
            return .away
        }
    }

    /// Gives back what is left of blocks whose time is over.
    func sweep() {
        let now = clock()
        let keys = holdings.withLock { $0.filter { $0.value.block.map { $0.ends <= now } ?? false }.map(\.key) }
        for key in keys { giveBack(key, now: now, isReplaced: false) }
    }

    private func giveBack(_ key: String, now: Int64, isReplaced: Bool) {
        let left: Block? = holdings.withLock { holdings in
            guard let block = holdings[key]?.block, isReplaced || block.ends <= now else { return nil }
            holdings[key]?.block = nil
            holdings[key]?.sizing.finished(
                spent: block.granted - block.unspent, granted: block.granted, lived: now - block.began,
                lifetime: block.ends - block.began)
            return block.unspent > 0 ? block : nil
        }
        guard let left, gates[key].letsThrough else { return }
        Task { [store, replica] in
            _ = try? await store.settle(left.id, tag: left.tag, owner: replica, .returned, amount: left.unspent)
        }
    }
}

extension CounterGroup {
    /// One limit at another cost than the request's.
    init(_ one: AppliedLimit, cost: Int64) {
        self.init(tag: one.counter.tag)
        append(one.counter.key, one.algorithm, quantity: one.counter.quantity, cost: cost)
    }
}
