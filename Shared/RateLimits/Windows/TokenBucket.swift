/// The generic cell rate algorithm: `quantity` a span on average, `burst` at once, so at most both together in any span.
///
/// The theoretical arrival time (the instant at which the bucket is full again) is kept as whole milliseconds and a numerator
/// over `quantity`: one permit takes span / quantity milliseconds, which no number of bits says exactly. In units of
/// 1 / quantity of a millisecond everything is a whole number: a permit is `span`, a millisecond is `quantity`.
///
/// State: the whole milliseconds, the numerator.
package struct TokenBucket: RateWindow, Hashable {
    package let quantity: Int64
    /// Milliseconds.
    package let span: Int64
    package let burst: Int64
    private var full = Instant(whole: 0, part: 0)

    private struct Instant: Sendable, Hashable {
        var whole: Int64
        /// Below `quantity`.
        var part: Int64
    }

    /// The largest burst for which all products stay exact: debts go up to twice the burst, and a cost comes on top.
    package static func highestBurst(span: Int64) -> Int64 {
        min((Bounds.exactInteger / max(span, 1) - Bounds.cost) / 2 - 1, Bounds.bucketQuantity)
    }

    package init(quantity: Int64, span: Int64, burst: Int64) {
        self.quantity = max(quantity, 1)
        self.span = max(span, 1)
        self.burst = burst
    }

    private var capacity: Int64 { burst * span }

    /// What has been used and not yet flowed back. Debts are bounded: one that is larger comes from a clock that was set back
    /// since, or from another quantity, and counts as none.
    private func debt(_ now: Int64) -> Int64 {
        guard full.whole >= now else { return 0 }
        let (product, overflow) = (full.whole - now).multipliedReportingOverflow(by: quantity)
        let debt = product &+ min(full.part, quantity - 1)
        return overflow || debt > 2 * capacity ? 0 : debt
    }

    package func outcome(cost: Int64, now: Int64) -> Outcome {
        let cost = Bounds.clamped(cost)
        let debt = debt(now)
        let after = debt + cost * span
        guard after <= capacity else {
            let retryAfter = cost <= burst ? milliseconds(after - capacity) : nil
            return Outcome(admitted: false, remaining: remaining(debt), reset: reset(debt), retryAfter: retryAfter)
        }
        return Outcome(admitted: true, remaining: remaining(after), reset: reset(after))
    }

    private func remaining(_ debt: Int64) -> Int64 { max((capacity - debt) / span, 0) }

    /// Until there is a permit more.
    private func reset(_ debt: Int64) -> Int64 {
        debt == 0 ? 0 : milliseconds(debt + (remaining(debt) + 1) * span - capacity)
    }

    /// Until a debt has flowed back, rounded up.
    private func milliseconds(_ debt: Int64) -> Int64 { (debt + quantity - 1) / quantity }

    /// A bucket has no sub-windows: what a lease spends later counts as of now, and its bound is that of a span longer by `ahead`.
    package mutating func charge(cost: Int64, now: Int64, ahead: Int64) {
        let cost = Bounds.clamped(cost)
        guard cost > 0 else { return }
        set(debt: min(debt(now) + cost * span, 2 * capacity), now: now)
    }

    package mutating func refund(cost: Int64, chargedAt: Int64, now: Int64) {
        set(debt: max(debt(now) - Bounds.clamped(cost) * span, 0), now: now)
    }

    private mutating func set(debt: Int64, now: Int64) {
        full = debt == 0 ? Instant(whole: 0, part: 0) : Instant(whole: now + debt / quantity, part: debt % quantity)
    }

    package func used(now: Int64) -> Int64 { (debt(now) + span - 1) / span }

    package func lifetime(now: Int64) -> Int64 { milliseconds(debt(now)) }
}

extension TokenBucket {
    /// State that is not understood counts as none.
    package init(quantity: Int64, span: Int64, burst: Int64, bytes: [UInt8]) {
        self.init(quantity: quantity, span: span, burst: burst)
        guard var reader = PackedReader(bytes), reader.count == 2, let whole = reader.int(), let part = reader.int(),
            (0..<Bounds.exactInteger).contains(whole), (0..<Bounds.exactInteger).contains(part)
        else { return }
        full = Instant(whole: whole, part: part)
    }

    package var bytes: [UInt8] {
        guard full != Instant(whole: 0, part: 0) else { return [] }
        var writer = PackedWriter(count: 2)
        writer.int(full.whole)
        writer.int(full.part)
        return writer.bytes
    }
}
