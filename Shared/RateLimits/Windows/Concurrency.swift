/// Permits held at the same time. A holder gives its permits back; what it never gives back ends at its expiry.
///
/// State: for each holder its id, the time at which it ends, and its permits, by time. In Redis a sorted set is as good.
package struct Concurrency: Sendable, Hashable {
    package let quantity: Int64
    /// Milliseconds.
    package let expiry: Int64
    /// By end, then id.
    private var holders: [Holder] = []

    private struct Holder: Sendable, Hashable {
        var id: String
        var end: Int64
        var permits: Int64
    }

    package init(quantity: Int64, expiry: Int64) {
        self.quantity = quantity
        self.expiry = expiry
    }

    private func valid(_ now: Int64) -> [Holder] { holders.filter { now < $0.end && $0.end <= now + 2 * expiry } }

    /// What `acquire` would say; changes nothing. A holder's own permits are no obstacle to it: asking again renews.
    package func outcome(cost: Int64, now: Int64, id: String? = nil) -> Outcome {
        let cost = Bounds.clamped(cost)
        let others = valid(now).filter { $0.id != id }
        let used = others.reduce(0) { $0 + $1.permits }
        guard used + cost <= quantity else {
            var rest = used
            let leaving =
                cost > quantity
                ? nil
                : others.first { holder in
                    rest -= holder.permits
                    return rest + cost <= quantity
                }
            return Outcome(
                admitted: false, remaining: max(quantity - used, 0), reset: (others.first?.end ?? now) - now,
                retryAfter: leaving.map { $0.end - now })
        }
        let end = others.first?.end ?? (cost == 0 ? now : now + expiry)
        return Outcome(admitted: true, remaining: quantity - used - cost, reset: end - now)
    }

    /// Takes permits for a holder until it releases them or `expiry` has passed; or refuses and changes nothing. Holders are
    /// named by their bytes; asking again renews.
    package mutating func acquire(id: String, cost: Int64, now: Int64) -> Outcome {
        let outcome = outcome(cost: cost, now: now, id: id)
        let cost = Bounds.clamped(cost)
        guard outcome.admitted, cost > 0 else { return outcome }
        holders = valid(now).filter { $0.id != id } + [Holder(id: id, end: now + expiry, permits: cost)]
        holders.sort { ($0.end, $0.id) < ($1.end, $1.id) }
        return outcome
    }

    /// Whether there was anything to give back.
    @discardableResult
    package mutating func release(id: String) -> Bool {
        let count = holders.count
        holders.removeAll { $0.id == id }
        return holders.count < count
    }

    package func lifetime(now: Int64) -> Int64 { holders.last.map { max($0.end - now, 0) } ?? 0 }
}

extension Concurrency {
    /// State that is not understood counts as none.
    package init(quantity: Int64, expiry: Int64, bytes: [UInt8]) {
        self.init(quantity: quantity, expiry: expiry)
        guard var reader = PackedReader(bytes), reader.count % 3 == 0 else { return }
        var read: [Holder] = []
        for _ in 0..<(reader.count / 3) {
            guard let id = reader.text(), let end = reader.int(), let permits = reader.int(),
                (0..<Bounds.exactInteger).contains(end), (1...Bounds.cost).contains(permits)
            else { return }
            read.append(Holder(id: id, end: end, permits: permits))
        }
        holders = read
    }

    package var bytes: [UInt8] {
        guard !holders.isEmpty else { return [] }
        var writer = PackedWriter(count: holders.count * 3)
        for holder in holders {
            writer.text(holder.id)
            writer.int(holder.end)
            writer.int(holder.permits)
        }
        return writer.bytes
    }
}
