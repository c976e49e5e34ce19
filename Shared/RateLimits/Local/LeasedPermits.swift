import Synchronization

/// Permits that were charged to a limit beforehand and may be spent here until an instant: a decision without a round trip,
/// lock-free, from any thread.
///
/// A block is charged in the sub-window in which it ends, so that what is spent within its time is within the limit. It is
/// never spent later, however long a thread was paused: the instant is part of the word that a spender exchanges. Two blocks
/// have room, so that the next can be fetched while the last is spent.
package final class LeasedPermits: Sendable {
    private let first = Atomic<UInt64>(0)
    private let second = Atomic<UInt64>(0)
    /// Nanoseconds of the monotonic clock from which ticks count.
    private let origin: Int64

    package init(now: Int64 = MonotonicClock.nanoseconds()) { origin = now }

    /// A block's word: 44 bits for the tick at which it ends (55 years of them), 20 for the permits (1,048,575).
    private enum Word {
        static let permitBits: UInt64 = 20
        static let permitMask: UInt64 = 1 << permitBits - 1
        /// A tenth of a millisecond.
        static let tick: Int64 = 100_000

        static func permits(_ word: UInt64) -> UInt64 { word & permitMask }
        static func end(_ word: UInt64) -> UInt64 { word >> permitBits }
    }

    /// Rounded up, so that a block is over early rather than late.
    private func tick(_ now: Int64) -> UInt64 { UInt64((max(now - origin, 0) + Word.tick - 1) / Word.tick) }

    /// Takes the permits, or none. `now`: nanoseconds of the monotonic clock.
    package func spend(_ cost: Int64 = 1, now: Int64 = MonotonicClock.nanoseconds()) -> Bool {
        guard (0...Bounds.cost).contains(cost) else { return false }
        let tick = tick(now)
        return spend(UInt64(cost), tick, from: first) || spend(UInt64(cost), tick, from: second)
    }

    private func spend(_ cost: UInt64, _ tick: UInt64, from block: borrowing Atomic<UInt64>) -> Bool {
        var word = block.load(ordering: .relaxed)
        while Word.end(word) > tick, Word.permits(word) >= cost {
            // The permits are the low bits, and there are enough of them.
            let (exchanged, original) = block.weakCompareExchange(
                expected: word, desired: word - cost, ordering: .relaxed)
            if exchanged { return true }
            word = original
        }
        return false
    }

    /// Permits that could be spent now.
    package func remaining(now: Int64 = MonotonicClock.nanoseconds()) -> Int64 {
        let tick = tick(now)
        return [first.load(ordering: .relaxed), second.load(ordering: .relaxed)]
            .reduce(0) { Word.end($1) > tick ? $0 + Int64(Word.permits($1)) : $0 }
    }

    /// Puts in a block: it takes the place of the one that ends first. For one fetcher at a time.
    ///
    /// - Parameter end: nanoseconds of the monotonic clock, counted from before the block was asked for.
    /// - Returns: permits that were displaced unspent while their time lasted, to be given back by whoever holds them.
    package func install(_ permits: Int64, until end: Int64, now: Int64 = MonotonicClock.nanoseconds()) -> Int64 {
        let endTick = UInt64(max(end - origin, 0) / Word.tick)
        let permits = UInt64(min(max(permits, 0), Bounds.cost))
        let word = endTick << Word.permitBits | permits
        let tick = tick(now)
        let older = Word.end(first.load(ordering: .relaxed)) <= Word.end(second.load(ordering: .relaxed))
        let displaced =
            older ? first.exchange(word, ordering: .relaxed) : second.exchange(word, ordering: .relaxed)
        return Word.end(displaced) > tick ? Int64(Word.permits(displaced)) : 0
    }

    /// Ends all blocks. What was left and still in time is returned, to be given back.
    package func close(now: Int64 = MonotonicClock.nanoseconds()) -> Int64 {
        let tick = tick(now)
        return [first.exchange(0, ordering: .relaxed), second.exchange(0, ordering: .relaxed)]
            .reduce(0) { Word.end($1) > tick ? $0 + Int64(Word.permits($1)) : $0 }
    }
}
