/// A log of what was admitted when. A cost is admitted when it fits beside all that was admitted within the span: what
/// was admitted at t counts until just before t + span.
///
/// State: the oldest time, its cost, then pairs of milliseconds since the entry before and cost.
package struct ExactLog: RateWindow, Hashable {
    package let quantity: Int64
    /// Milliseconds.
    package let span: Int64
    /// By time, one an instant.
    private var entries: [Entry] = []

    private struct Entry: Sendable, Hashable {
        var time: Int64
        var cost: Int64
    }

    package init(quantity: Int64, span: Int64) {
        self.quantity = quantity
        self.span = span
    }

    package func outcome(cost: Int64, now: Int64) -> Outcome {
        let cost = Bounds.clamped(cost)
        let valid = valid(now)
        let used = valid.reduce(0) { $0 + $1.cost }
        let reset = valid.first.map { $0.time + span - now }
        guard used + cost > quantity else {
            // What is admitted now is the oldest when nothing was used so far, or the clock was set back since.
            let first = cost == 0 ? reset ?? 0 : min(reset ?? span, span)
            return Outcome(admitted: true, remaining: quantity - used - cost, reset: first)
        }
        var retryAfter: Int64?
        if cost <= quantity {
            var rest = used
            for entry in valid {
                rest -= entry.cost
                if rest + cost <= quantity {
                    retryAfter = entry.time + span - now
                    break
                }
            }
        }
        return Outcome(
            admitted: false, remaining: max(quantity - used, 0), reset: reset ?? 0, retryAfter: retryAfter)
    }

    package mutating func charge(cost: Int64, now: Int64, ahead: Int64) {
        let cost = Bounds.clamped(cost)
        guard cost > 0 else { return }
        entries.removeAll { $0.time <= now - span || $0.time > now + span }
        let time = now + min(max(ahead, 0), span)
        let index = entries.lastIndex { $0.time <= time }
        if let index, entries[index].time == time {
            entries[index].cost = min(entries[index].cost + cost, Bounds.count)
        } else {
            entries.insert(Entry(time: time, cost: cost), at: index.map { $0 + 1 } ?? 0)
        }
    }

    package mutating func refund(cost: Int64, chargedAt: Int64, now: Int64) {
        guard let index = entries.firstIndex(where: { $0.time == chargedAt }) else { return }
        entries[index].cost -= min(Bounds.clamped(cost), entries[index].cost)
        if entries[index].cost == 0 { entries.remove(at: index) }
    }

    package func used(now: Int64) -> Int64 { valid(now).reduce(0) { $0 + $1.cost } }

    private func valid(_ now: Int64) -> LazyFilterSequence<[Entry]> {
        entries.lazy.filter { [span] in now - span < $0.time && $0.time <= now + span }
    }

    package func lifetime(now: Int64) -> Int64 { entries.last.map { max($0.time + span - now, 0) } ?? 0 }
}

extension ExactLog {
    /// State that is not understood counts as none.
    package init(quantity: Int64, span: Int64, bytes: [UInt8]) {
        self.init(quantity: quantity, span: span)
        guard var reader = PackedReader(bytes), reader.count % 2 == 0 else { return }
        var read: [Entry] = []
        var time: Int64 = 0
        for _ in 0..<(reader.count / 2) {
            guard let passed = reader.int(), let cost = reader.int(), (0..<Bounds.exactInteger).contains(passed),
                (1...Bounds.count).contains(cost), time + passed < Bounds.exactInteger
            else { return }
            time += passed
            read.append(Entry(time: time, cost: cost))
        }
        entries = read
    }

    package var bytes: [UInt8] {
        guard !entries.isEmpty else { return [] }
        var writer = PackedWriter(count: entries.count * 2)
        var time: Int64 = 0
        for entry in entries {
            writer.int(entry.time - time)
            writer.int(entry.cost)
            time = entry.time
        }
        return writer.bytes
    }
}
