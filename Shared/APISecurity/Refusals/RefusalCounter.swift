/// How often something was refused, and a sample of it.
package struct RefusalTally<Key: Hashable & Sendable, Detail: Sendable>: Sendable {
    /// What makes refusals identical.
    package var key: Key
    /// Of the first refusal that is told of here.
    package var detail: Detail
    package var count: Int
    /// When the first and the last of them happened, milliseconds since the epoch.
    package var first: Int64
    package var last: Int64

    package init(key: Key, detail: Detail, count: Int, first: Int64, last: Int64) {
        self.key = key
        self.detail = detail
        self.count = count
        self.first = first
        self.last = last
    }
}

/// Refusals of so many kinds at once that they are only counted.
package struct RefusalOverflow: Sendable, Hashable {
    package var count: Int
    /// Milliseconds since the epoch.
    package var first: Int64
    package var last: Int64

    package init(count: Int, first: Int64, last: Int64) {
        self.count = count
        self.first = first
        self.last = last
    }
}

/// Counts identical refusals, so that nobody can fill the record with them: the first is told of at once, what follows
/// in one tally a window, until a window passes without any.
///
/// A state machine without a clock or a lock: its user says what time it is, and takes what there is to tell. Memory is
/// bounded by `capacity` distinct keys a window; refusals beyond it are counted together, and none is lost. Counting
/// costs one look into a table, or two for a key that is new.
package struct RefusalCounter<Key: Hashable & Sendable, Detail: Sendable>: Sendable {
    package typealias Tally = RefusalTally<Key, Detail>

    fileprivate struct Entry {
        var detail: Detail
        /// Refusals that have not been told of.
        var count: Int
        var first: Int64
        var last: Int64

        mutating func add(_ more: Int, _ detail: Detail, first: Int64, last: Int64) {
            if count == 0 { (self.detail, self.first) = (detail, first) }
            count += more
            self.first = min(self.first, first)
            self.last = max(self.last, last)
        }
    }

    /// What there is to tell. Made in constant time, whatever was counted, so that counting need not wait.
    package struct Batch: Sendable {
        fileprivate var firsts: [Tally] = []
        fileprivate var ended: [Key: Entry] = [:]
        /// Only so that its memory is given back where the batch ends, not where refusals are counted.
        fileprivate var forgotten: [Key: Entry] = [:]
        package fileprivate(set) var overflow: RefusalOverflow?

        package var tallies: [Tally] {
            firsts
                + ended.compactMap { key, entry in
                    guard entry.count > 0 else { return nil }
                    return Tally(
                        key: key, detail: entry.detail, count: entry.count, first: entry.first, last: entry.last)
                }
        }
    }

    package let capacity: Int
    /// Milliseconds.
    package let window: Int64
    private var windowStart: Int64?
    private var current: [Key: Entry] = [:]
    /// The keys of the window before: they have been told of, and are counted from the start.
    private var previous: [Key: Entry] = [:]
    private var firsts: [Tally] = []
    private var overflow: RefusalOverflow?

    /// - Parameters:
    ///   - capacity: distinct keys that are told apart within a window.
    ///   - window: milliseconds; one second in earnest.
    package init(capacity: Int = 10_000, window: Int64 = 1_000) {
        self.capacity = max(1, capacity)
        self.window = max(1, window)
    }

    /// - Parameter now: milliseconds since the epoch.
    package mutating func count(_ key: Key, _ detail: Detail, at now: Int64) {
        if current[key]?.add(1, detail, first: now, last: now) != nil { return }
        guard current.count < capacity else { return overflowed(by: 1, first: now, last: now) }
        let wasTold = previous[key] != nil
        current[key] = Entry(detail: detail, count: wasTold ? 1 : 0, first: now, last: now)
        if !wasTold { firsts.append(Tally(key: key, detail: detail, count: 1, first: now, last: now)) }
    }

    /// What there is to tell by now: the first of each kind, and when a window has passed what it counted.
    package mutating func take(at now: Int64) -> Batch {
        let start = windowStart ?? now
        windowStart = start
        // A clock that was set back ends the window.
        return now >= start && now - start < window ? takeFirsts() : takeAll(at: now)
    }

    /// The same, whether or not the window has passed.
    package mutating func takeAll(at now: Int64) -> Batch {
        var batch = takeFirsts()
        batch.ended = current
        batch.forgotten = previous
        batch.overflow = overflow
        (previous, current, overflow, windowStart) = (current, [:], nil, now)
        return batch
    }

    /// Takes back what could not be told: it is told with the window that runs.
    package mutating func giveBack(_ tallies: some Sequence<Tally>, _ overflow: RefusalOverflow? = nil) {
        for tally in tallies {
            let more = tally.count
            if current[tally.key]?.add(more, tally.detail, first: tally.first, last: tally.last) != nil { continue }
            guard current.count < capacity else {
                overflowed(by: more, first: tally.first, last: tally.last)
                continue
            }
            current[tally.key] = Entry(detail: tally.detail, count: more, first: tally.first, last: tally.last)
        }
        if let overflow { overflowed(by: overflow.count, first: overflow.first, last: overflow.last) }
    }

    private mutating func takeFirsts() -> Batch {
        var batch = Batch()
        swap(&batch.firsts, &firsts)
        return batch
    }

    private mutating func overflowed(by more: Int, first: Int64, last: Int64) {
        let known = overflow ?? RefusalOverflow(count: 0, first: first, last: last)
        overflow = RefusalOverflow(
            count: known.count + more, first: min(known.first, first), last: max(known.last, last))
    }
}
