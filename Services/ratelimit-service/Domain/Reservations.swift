import RateLimits
import Redis

/// Costs that are known only afterwards: the estimate is charged at once, the difference when it is known.
struct Reservations: Sendable {
    /// How long what became of a reservation is remembered after it has expired, in milliseconds.
    static let memory: Int64 = 60_000

    let limiter: Limiter

    /// Charges an estimate under all limits, or under none.
    /// - Parameters:
    ///   - expires: milliseconds after which the estimate stands.
    ///   - key: names the reservation among the owner's: asked again, it is the same one.
    func reserve(
        _ descriptors: Descriptors, cost: Int64, expires: Int64, owner: String, key: String?
    ) async -> (decision: Decision, id: RecordID) {
        let applied = limiter.book.current.applied(to: descriptors, cost: cost)
        let name = key.map { RequestName.derived(from: owner, $0) } ?? RequestName.make()
        let purpose = Purpose(id: name, owner: owner, keep: expires + Reservations.memory, expires: expires)
        let decision = await limiter.decide(applied, purpose)
        limiter.counts.note(decision)
        return (decision, RecordID(name: name, tags: decision.tags))
    }

    /// Settles what a reservation or lease charged, in all its groups.
    /// - Throws: when Redis cannot be reached; it may be asked again.
    func settle(
        _ id: RecordID, owner: String, _ state: Settlement.State, amount: Int64
    ) async throws(RedisError) -> Settlement {
        var worst = Settlement.done(state, amount)
        for tag in id.tags {
            let key = LimitStore.record(id.name, tag: tag)
            let gate = limiter.gates[key]
            guard gate.letsThrough else { throw .unavailable("it has been away for a while") }
            do throws(RedisError) {
                let settlement = try await limiter.store.settle(
                    id.name, tag: tag, owner: owner, state, amount: amount)
                gate.succeeded()
                if case .done(_, let counted) = settlement {
                    if case .done = worst { worst = .done(state, min(amount, counted)) }
                } else {
                    worst = settlement
                }
            } catch {
                gate.failed(key)
                throw error
            }
        }
        return worst
    }
}
