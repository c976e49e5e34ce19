/// What a counter says to a cost.
package struct Outcome: Sendable, Hashable {
    package var admitted: Bool
    /// What may still be used at once; after an admission, with its cost taken off.
    package var remaining: Int64
    /// Milliseconds until more is available than `remaining` if nothing else happens; 0 when nothing is used.
    package var reset: Int64
    /// After a refusal, the milliseconds until this cost is admitted if nothing else happens; exact. Nil when it is admitted,
    /// and when it is more than can ever be admitted.
    package var retryAfter: Int64?

    package init(admitted: Bool, remaining: Int64, reset: Int64, retryAfter: Int64? = nil) {
        self.admitted = admitted
        self.remaining = remaining
        self.reset = reset
        self.retryAfter = retryAfter
    }
}

/// A counter as a value: its limit and its state. Time is milliseconds since the epoch, by whatever clock the state is kept.
///
/// `bytes` is the state as it stands in Redis: a MessagePack array of integers (and ids), written as Redis' `cmsgpack` writes
/// it; empty when there is nothing to keep. The scripts do the same arithmetic, in doubles that are exact integers.
///
/// A clock that is set back by less than the window leaves what was counted in place; when it is set back by more, what
/// was counted would stay for as long, and is forgotten instead.
package protocol RateWindow: Sendable {
    /// What `decide` would say; changes nothing.
    func outcome(cost: Int64, now: Int64) -> Outcome
    /// Counts a cost, whether it fits or not. `ahead`: it may be spent until so many milliseconds later (a lease).
    mutating func charge(cost: Int64, now: Int64, ahead: Int64)
    /// Gives back what was charged at an instant, as far as it still counts.
    mutating func refund(cost: Int64, chargedAt: Int64, now: Int64)
    /// What counts at the moment, rounded up.
    func used(now: Int64) -> Int64
    var bytes: [UInt8] { get }
    /// Milliseconds after which the state is as if there were none.
    func lifetime(now: Int64) -> Int64
}

extension RateWindow {
    /// Admits the cost and counts it, or refuses it and changes nothing.
    package mutating func decide(cost: Int64, now: Int64) -> Outcome {
        let outcome = outcome(cost: cost, now: now)
        if outcome.admitted { charge(cost: cost, now: now, ahead: 0) }
        return outcome
    }

    package mutating func charge(cost: Int64, now: Int64) { charge(cost: cost, now: now, ahead: 0) }
}
