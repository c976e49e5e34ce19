/// Counts in 50 sub-windows. A cost is admitted when it fits beside the counts of the current sub-window and the 50 before
/// it: so no window of the span ever sees more than the quantity, and nothing is refused that an exact window 2 % longer
/// would admit.
///
/// State: the number of the oldest sub-window (since the epoch), then counts; a negative number skips so many sub-windows
/// without any.
package struct SlidingWindow: RateWindow, Hashable {
    package static let subwindows: Int64 = 50

    package let quantity: Int64
    /// Milliseconds, a multiple of 50.
    package let span: Int64
    /// Milliseconds.
    package var width: Int64 { max(span / Self.subwindows, 1) }
    /// By number, each once, none empty.
    private var counts: [Count] = []

    struct Count: Sendable, Hashable {
        var number: Int64
        var value: Int64
    }

    package init(quantity: Int64, span: Int64) {
        self.quantity = quantity
        self.span = span
    }

    package func outcome(cost: Int64, now: Int64) -> Outcome {
        let cost = Bounds.clamped(cost)
        let current = now / width
        let valid = valid(current)
        let used = valid.reduce(0) { $0 + $1.value }
        guard used + cost <= quantity else {
            let reset = valid.first.map { leaves($0, now) } ?? 0
            return Outcome(
                admitted: false, remaining: max(quantity - used, 0), reset: reset,
                retryAfter: retryAfter(valid, used: used, cost: cost, now: now))
        }
        // What is admitted now is the oldest when nothing was used so far, or the clock was set back since.
        let new = Count(number: current, value: cost)
        let oldest = valid.first.map { cost > 0 && current < $0.number ? new : $0 } ?? new
        return Outcome(
            admitted: true, remaining: quantity - used - cost, reset: used + cost == 0 ? 0 : leaves(oldest, now))
    }

    /// Milliseconds until a count leaves the window.
    private func leaves(_ count: Count, _ now: Int64) -> Int64 { (count.number + Self.subwindows + 1) * width - now }

    private func retryAfter(_ counts: some Sequence<Count>, used: Int64, cost: Int64, now: Int64) -> Int64? {
        guard cost <= quantity else { return nil }
        var used = used
        for count in counts {
            used -= count.value
            if used + cost <= quantity { return leaves(count, now) }
        }
        return nil
    }

    package mutating func charge(cost: Int64, now: Int64, ahead: Int64) {
        let cost = Bounds.clamped(cost)
        guard cost > 0 else { return }
        let current = now / width
        counts.removeAll { $0.number < current - Self.subwindows || $0.number > current + Self.subwindows }
        let number = min((now + max(ahead, 0)) / width, current + Self.subwindows)
        // Nearly always the newest.
        let index = counts.lastIndex { $0.number <= number }
        if let index, counts[index].number == number {
            counts[index].value = min(counts[index].value + cost, Bounds.count)
        } else {
            counts.insert(Count(number: number, value: cost), at: index.map { $0 + 1 } ?? 0)
        }
    }

    package mutating func refund(cost: Int64, chargedAt: Int64, now: Int64) {
        let number = chargedAt / width
        guard let index = counts.firstIndex(where: { $0.number == number }) else { return }
        counts[index].value -= min(Bounds.clamped(cost), counts[index].value)
        if counts[index].value == 0 { counts.remove(at: index) }
    }

    package func used(now: Int64) -> Int64 { valid(now / width).reduce(0) { $0 + $1.value } }

    /// The counts that fall into the window of a sub-window, and those ahead of it.
    private func valid(_ current: Int64) -> LazyFilterSequence<[Count]> {
        counts.lazy.filter { current - Self.subwindows <= $0.number && $0.number <= current + Self.subwindows }
    }

    package func lifetime(now: Int64) -> Int64 { counts.last.map { max(leaves($0, now), 0) } ?? 0 }
}

extension SlidingWindow {
    /// State that is not understood counts as none.
    package init(quantity: Int64, span: Int64, bytes: [UInt8]) {
        self.init(quantity: quantity, span: span)
        guard var reader = PackedReader(bytes), reader.count > 1, var number = reader.int() else { return }
        var read: [Count] = []
        for _ in 1..<reader.count {
            guard let value = reader.int(), value > -Bounds.exactInteger, value <= Bounds.count else { return }
            if value < 0 {
                number -= value
            } else {
                if value > 0 { read.append(Count(number: number, value: value)) }
                number += 1
            }
            guard (0..<Bounds.exactInteger).contains(number) else { return }
        }
        counts = read
    }

    package var bytes: [UInt8] {
        guard let first = counts.first else { return [] }
        var elements: [Int64] = [first.number]
        var number = first.number
        for count in counts {
            if count.number > number { elements.append(number - count.number) }
            elements.append(count.value)
            number = count.number + 1
        }
        var writer = PackedWriter(count: elements.count)
        for element in elements { writer.int(element) }
        return writer.bytes
    }
}
