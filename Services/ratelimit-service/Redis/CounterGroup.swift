import RateLimits
import Redis

/// Counters that one script decides: those of one hash tag where Redis is a cluster, else all of a request.
struct CounterGroup: Sendable {
    /// What a script has to know of a counter beside its numbers.
    struct Flags: OptionSet, Sendable {
        let rawValue: Int
        /// Never refuses.
        static let shadow = Flags(rawValue: 1)
        /// The next counter is charged when the cost does not fit here.
        static let hasAlternative = Flags(rawValue: 2)
        /// Costs one, whatever the request comes to.
        static let costsOne = Flags(rawValue: 4)
    }

    /// What stands in the braces of the keys.
    let tag: Substring
    /// Which of the request's limits these are.
    private(set) var positions: [Int] = []
    private(set) var keys: [String] = []
    private(set) var words: [RedisArgument] = []

    init(tag: Substring) { self.tag = tag }

    mutating func append(_ applied: AppliedLimit, at position: Int) {
        positions.append(position)
        let counters = applied.counters
        for (index, counter) in counters.enumerated() {
            var flags: Flags = applied.limit.shadow ? .shadow : []
            if applied.limit.cost == .one { flags.insert(.costsOne) }
            if index + 1 < counters.count { flags.insert(.hasAlternative) }
            keys.append(counter.key)
            CounterGroup.append(
                applied.algorithm, quantity: counter.quantity, cost: applied.cost, flags: flags, to: &words)
        }
    }

    /// One counter, by itself.
    mutating func append(_ key: String, _ algorithm: LimitAlgorithm, quantity: Int64, cost: Int64) {
        positions.append(positions.count)
        keys.append(key)
        CounterGroup.append(algorithm, quantity: quantity, cost: cost, flags: [], to: &words)
    }

    /// The six arguments by which scripts know a counter.
    static func append(
        _ algorithm: LimitAlgorithm, quantity: Int64, cost: Int64, flags: Flags, to words: inout [RedisArgument]
    ) {
        let kind: RedisArgument
        var span: Int64 = 0
        var burst: Int64 = 0
        switch algorithm {
        case .window(let length): (kind, span) = ("w", length)
        case .exact(let length): (kind, span) = ("x", length)
        case .bucket(let length, let depth): (kind, span, burst) = ("b", length, depth)
        case .calendar(let period): (kind, burst) = ("c", period == .month ? 1 : 0)
        case .concurrency(let expiry): (kind, span) = ("n", expiry)
        }
        words.append(kind)
        words.append(.int(Int(quantity)))
        words.append(.int(Int(span)))
        words.append(.int(Int(burst)))
        words.append(.int(Int(cost)))
        words.append(.int(flags.rawValue))
    }

    /// - Parameter bySlot: whether keys of different tags may lie on different servers.
    static func groups(_ applied: [AppliedLimit], bySlot: Bool, leaving out: Set<Int> = []) -> [CounterGroup] {
        var groups: [CounterGroup] = []
        for (position, one) in applied.enumerated() where !out.contains(position) {
            let tag = one.counter.tag
            let index = bySlot ? groups.firstIndex { $0.tag == tag } : groups.indices.first
            if let index {
                groups[index].append(one, at: position)
            } else {
                var group = CounterGroup(tag: tag)
                group.append(one, at: position)
                groups.append(group)
            }
        }
        return groups
    }
}
