import RateLimits
import Redis

/// Decides: by the counters in Redis, and while they cannot be reached as each limit says for that case.
///
/// All limits of a request are decided together, and a refusal charges none. Where Redis is a cluster, counters of several
/// hash tags are decided one group after the other, and what was charged is taken back when a later one refuses; limits
/// that share no tag with a caller are met from blocks that this replica holds (`HeldBlocks`).
final class Limiter: Sendable {
    let book: LimitBook
    let store: LimitStore
    let gates: RedisGates
    let local: LocalCounters
    let isCluster: Bool
    let blocks: HeldBlocks?
    let counts = DecisionCounts()
    private let replica: String
    /// Milliseconds since the epoch.
    let clock: @Sendable () -> Int64

    init(
        book: LimitBook, store: LimitStore, gates: RedisGates, local: LocalCounters, isCluster: Bool, replica: String,
        clock: @escaping @Sendable () -> Int64
    ) {
        self.book = book
        self.store = store
        self.gates = gates
        self.local = local
        self.isCluster = isCluster
        self.replica = replica
        self.clock = clock
        blocks = isCluster ? HeldBlocks(store: store, gates: gates, replica: replica) : nil
    }

    // MARK: Checks

    /// Admits a request and charges it, or refuses it and charges nothing.
    func check(_ descriptors: Descriptors, cost: Int64) async -> Decision {
        let applied = book.current.applied(to: descriptors, cost: cost)
        let decision = await decide(applied, nil)
        counts.note(decision)
        return decision
    }

    /// The same from an event loop, when nothing has to be waited for but one answer of Redis.
    /// - Parameter completion: called once, now or on the same event loop; with nil when the ordinary way has to be gone after
    ///   all and nothing was charged.
    /// - Returns: whether it is; otherwise nothing was done.
    func checkAtOnce(
        _ descriptors: Descriptors, cost: Int64, _ completion: @escaping (Decision?) -> Void
    ) -> Bool {
        let applied = book.current.applied(to: descriptors, cost: cost)
        if applied.isEmpty {
            completion(.unlimited)
            return true
        }
        guard let blocks, holds(applied) else { return askAtOnce(applied, [:], completion) }
        var taken: [Int: HeldBlocks.Taken] = [:]
        var met: [Int: Outcome] = [:]
        for (position, one) in applied.enumerated() where HeldBlocks.isMet(one) {
            guard case .taken(let block, let outcome) = blocks.takeAtOnce(one) else {
                for block in taken.values { blocks.putBack(block) }
                return false
            }
            taken[position] = block
            met[position] = outcome
        }
        let isAsked = askAtOnce(applied, met) { decision in
            if !(decision?.isAllowed ?? false) || decision?.source == .local {
                for block in taken.values { blocks.putBack(block) }
            }
            completion(decision)
        }
        if !isAsked { for block in taken.values { blocks.putBack(block) } }
        return isAsked
    }

    /// - Parameter met: what blocks have said already, by position.
    private func askAtOnce(
        _ applied: [AppliedLimit], _ met: [Int: Outcome], _ completion: @escaping (Decision?) -> Void
    ) -> Bool {
        let purpose = purpose(applied)
        let groups = CounterGroup.groups(applied, bySlot: isCluster, leaving: Set(met.keys))
        guard groups.count <= 1 else { return false }
        guard let group = groups.first, let key = group.keys.first else {
            completion(finish(applied, met, group: nil, nil))
            return true
        }
        guard gates[key].letsThrough else {
            completion(decideLocally(applied, purpose))
            return true
        }
        return store.admitAtOnce(group, purpose) { [self] result in
            switch result {
            case .success(.error(let line)) where Limiter.isForOrdinaryPath(line): completion(nil)
            case .success(let reply):
                guard let admission = Admission(reply) else {
                    gates[key].failed(key)
                    return completion(decideLocally(applied, purpose))
                }
                gates[key].succeeded()
                completion(finish(applied, met, group: group, admission))
            case .failure:
                gates[key].failed(key)
                completion(decideLocally(applied, purpose))
            }
        }
    }

    private func finish(
        _ applied: [AppliedLimit], _ met: [Int: Outcome], group: CounterGroup?, _ admission: Admission?
    ) -> Decision {
        var decision = Decision(source: .shared, verdicts: [])
        decision.verdicts.reserveCapacity(applied.count)
        if met.isEmpty, let admission {
            for (one, outcome) in zip(applied, admission.outcomes) {
                decision.verdicts.append(LimitVerdict(applied: one, outcome: outcome))
            }
        } else {
            var all = met
            if let group, let admission {
                for (position, outcome) in zip(group.positions, admission.outcomes) { all[position] = outcome }
            }
            for (position, one) in applied.enumerated() {
                if let outcome = all[position] {
                    decision.verdicts.append(LimitVerdict(applied: one, outcome: outcome))
                }
            }
        }
        decision.permits = admission?.permits ?? 1
        counts.note(decision)
        return decision
    }

    /// A script that is not loaded yet, a slot that has moved: nothing was done.
    private static func isForOrdinaryPath(_ line: String) -> Bool {
        ["NOSCRIPT", "MOVED", "ASK", "TRYAGAIN"].contains { line.hasPrefix($0) }
    }

    private func decideLocally(_ applied: [AppliedLimit], _ purpose: Purpose?) -> Decision {
        let decision = local.decide(applied, purpose, now: clock())
        counts.note(decision)
        return decision
    }

    /// Requests that hold permits have a name; others need none.
    private func purpose(_ applied: [AppliedLimit]) -> Purpose? {
        guard applied.contains(where: { if case .concurrency = $0.algorithm { true } else { false } }) else {
            return nil
        }
        return Purpose(id: RequestName.make())
    }

    private func holds(_ applied: [AppliedLimit]) -> Bool { applied.contains { HeldBlocks.isMet($0) } }

    // MARK: Deciding

    /// - Parameter purpose: nil for a plain request.
    func decide(_ applied: [AppliedLimit], _ purpose: Purpose?) async -> Decision {
        if applied.isEmpty { return .unlimited }
        let purpose = purpose ?? self.purpose(applied)
        guard let blocks, purpose?.keep ?? 0 == 0, holds(applied) else { return await decideByGroups(applied, purpose) }
        // From the blocks first: what they give can be put back at once.
        var taken: [Int: HeldBlocks.Taken] = [:]
        var outcomes: [Int: Outcome] = [:]
        for (position, one) in applied.enumerated() where HeldBlocks.isMet(one) {
            switch await blocks.take(one) {
            case .taken(let block, let outcome):
                taken[position] = block
                outcomes[position] = outcome
            case .refused(let outcome): outcomes[position] = outcome
            case .away:
                for block in taken.values { blocks.putBack(block) }
                return local.decide(applied, purpose, now: clock())
            }
        }
        var decision = await decideByGroups(applied, purpose, met: outcomes)
        if !decision.isAllowed || decision.source == .local {
            for block in taken.values { blocks.putBack(block) }
            if decision.source == .shared { decision.permits = 0 }
        }
        return decision
    }

    /// Decides the groups one after the other.
    /// - Parameter met: what the blocks have said already, by position.
    private func decideByGroups(
        _ applied: [AppliedLimit], _ purpose: Purpose?, met: [Int: Outcome] = [:]
    ) async -> Decision {
        var outcomes = met
        var decision = Decision(source: .shared, verdicts: [], permits: max(1, purpose?.permits ?? 1))
        decision.life = purpose?.ahead ?? 0
        let groups = CounterGroup.groups(applied, bySlot: isCluster, leaving: Set(met.keys))
        guard groups.allSatisfy({ gates[$0.keys[0]].letsThrough }) else {
            return local.decide(applied, purpose, now: clock())
        }
        let isRefused = met.contains { !$0.value.admitted }
        let purpose = groups.count > 1 ? recorded(purpose) : purpose
        var made: [(group: CounterGroup, permits: Int64)] = []
        deciding: for group in isRefused ? [] : groups {
            let key = group.keys[0]
            do {
                var asked = purpose
                if let wanted = purpose, wanted.permits > 0 { asked?.permits = decision.permits }
                let admission = try await store.admit(group, asked)
                gates[key].succeeded()
                for (position, outcome) in zip(group.positions, admission.outcomes) { outcomes[position] = outcome }
                decision.record = admission.result
                guard admission.result == .admitted || admission.result == .known else {
                    decision.permits = 0
                    break deciding
                }
                made.append((group, admission.permits))
                decision.tags.append(group.tag)
                decision.permits = min(decision.permits, admission.permits)
                decision.life = min(decision.life, admission.life)
            } catch {
                gates[key].failed(key)
                await undo(made.map(\.group), purpose)
                return local.decide(applied, purpose, now: clock())
            }
        }
        if isRefused { decision.permits = 0 }
        if decision.permits > 0 { await level(made, purpose, &decision) }
        if decision.permits == 0 { await undo(made.map(\.group), purpose) }
        decision.verdicts = applied.enumerated().compactMap { position, one in
            // What was not asked any more, since another had refused, is not answered for.
            outcomes[position].map { LimitVerdict(applied: one, outcome: $0) }
        }
        return decision
    }

    /// What may have to be taken back has a record for a moment.
    private func recorded(_ purpose: Purpose?) -> Purpose {
        var purpose = purpose ?? Purpose(id: RequestName.make())
        guard purpose.keep == 0 else { return purpose }
        purpose.owner = replica
        purpose.keep = 5_000
        purpose.expires = 5_000
        return purpose
    }

    /// Groups that granted more permits than the last one give them back: the permits are the same everywhere, or none.
    private func level(
        _ made: [(group: CounterGroup, permits: Int64)], _ purpose: Purpose?, _ decision: inout Decision
    ) async {
        guard var purpose, purpose.permits > 0 else { return }
        purpose.permits = decision.permits
        for (group, permits) in made where permits > decision.permits {
            await undo([group], purpose)
            guard let again = try? await store.admit(group, purpose), again.permits == decision.permits else {
                decision.permits = 0
                return
            }
        }
    }

    /// Takes back what groups were charged. When that fails the charge stays until it leaves the window: fewer are admitted
    /// then, never more.
    private func undo(_ groups: [CounterGroup], _ purpose: Purpose?) async {
        guard let purpose, purpose.keep > 0 else { return }
        for group in groups {
            _ = try? await store.settle(purpose.id, tag: group.tag, owner: purpose.owner, .undone)
        }
    }
}
