import StrictJSON

/// Finds the limits that a request falls under without looking at the others: each limit is filed under one value that it
/// asks for (the one that fewest others ask for), or else one descriptor that it needs.
struct LimitIndex: Sendable {
    private let limits: [CompiledLimit]
    private let slots: [String: Int]
    private let byValue: [[String: [Int]]]
    private let byPresence: [[Int]]
    /// Limits that need nothing of a request.
    private let always: [Int]

    init(_ limits: [Limit]) {
        var slots: [String: Int] = [:]
        for limit in limits {
            let names =
                (limit.match + limit.except).map(\.descriptor) + limit.per + [limit.shares?.by].compactMap(\.self)
            for name in names where slots[name] == nil { slots[name] = slots.count }
        }
        let compiled = limits.enumerated().map { entry in
            // Every name was given a slot above.
            CompiledLimit(entry.element, position: entry.offset) { slots[$0] ?? 0 }
        }
        var filing = Filing(compiled, slots: slots.count)
        for limit in compiled { filing.file(limit) }
        self.limits = compiled
        self.slots = slots
        byValue = filing.byValue
        byPresence = filing.byPresence
        always = filing.always
    }

    func applied(to descriptors: Descriptors, cost: Int64) -> [AppliedLimit] {
        guard !limits.isEmpty else { return [] }
        return withUnsafeTemporaryAllocation(of: Int.self, capacity: slots.count + 1) { positions in
            positions.initialize(repeating: -1)
            var candidates = always
            candidates.reserveCapacity(16)
            for (position, pair) in descriptors.pairs.enumerated() {
                guard let slot = slots[pair.name] else { continue }
                positions[slot] = position
                candidates.append(contentsOf: byPresence[slot])
                if let filed = byValue[slot][pair.value] { candidates.append(contentsOf: filed) }
            }
            candidates.sort()
            var request = MatchedRequest(descriptors: descriptors, positions: UnsafeBufferPointer(positions))
            var applied: [AppliedLimit] = []
            applied.reserveCapacity(candidates.count)
            for candidate in candidates {
                if let one = request.apply(limits[candidate], cost: cost) { applied.append(one) }
            }
            return applied
        }
    }
}

/// Chooses under what each limit is filed.
private struct Filing {
    private(set) var byValue: [[String: [Int]]]
    private(set) var byPresence: [[Int]]
    private(set) var always: [Int] = []
    /// How many limits ask for a value.
    private var demand: [[String: Int]]

    init(_ limits: [CompiledLimit], slots: Int) {
        byValue = Array(repeating: [:], count: slots)
        byPresence = Array(repeating: [], count: slots)
        demand = Array(repeating: [:], count: slots)
        for limit in limits {
            for (slot, test) in limit.conditions {
                for value in Self.values(test) ?? [] { demand[slot][value, default: 0] += 1 }
            }
        }
    }

    /// The values that a test allows; nil when it allows others than those it lists.
    private static func values(_ test: Condition.Test) -> [String]? {
        if case .text(let values, let prefixes) = test, prefixes.isEmpty { Array(Set(values)) } else { nil }
    }

    mutating func file(_ limit: CompiledLimit) {
        let exact = limit.conditions.compactMap { condition in
            Self.values(condition.test).map { (slot: condition.slot, values: $0) }
        }
        let best = exact.min { cost($0) < cost($1) }
        if let best {
            for value in best.values { byValue[best.slot][value, default: []].append(limit.position) }
            return
        }
        let needed =
            limit.conditions.filter { $0.test != .absent }.map(\.slot) + limit.others.map(\.slot)
            + [limit.primary?.slot].compactMap(\.self)
        if let slot = needed.min(by: { byPresence[$0].count < byPresence[$1].count }) {
            byPresence[slot].append(limit.position)
        } else {
            always.append(limit.position)
        }
    }

    private func cost(_ condition: (slot: Int, values: [String])) -> Int {
        condition.values.reduce(0) { max($0, demand[condition.slot][$1] ?? 0) }
    }
}

/// A request while limits are matched with it.
private struct MatchedRequest {
    let descriptors: Descriptors
    /// Where the descriptor of a slot stands, -1 for none.
    let positions: UnsafeBufferPointer<Int>
    /// Parsed when the first limit asks.
    private var address: IPAddress??

    init(descriptors: Descriptors, positions: UnsafeBufferPointer<Int>) {
        self.descriptors = descriptors
        self.positions = positions
    }

    private func value(_ slot: Int) -> String? {
        positions[slot] < 0 ? nil : descriptors.pairs[positions[slot]].value
    }

    mutating func apply(_ compiled: CompiledLimit, cost: Int64) -> AppliedLimit? {
        for condition in compiled.conditions where !holds(condition.test, condition.slot) { return nil }
        for exception in compiled.exceptions where holds(exception.test, exception.slot) { return nil }
        var key: [UInt8] = []
        key.reserveCapacity(112)
        if let primary = compiled.primary {
            guard let value = value(primary.slot) else { return nil }
            key.append(contentsOf: primary.prefix)
            append(value, isAddress: primary.isAddress, compiled, to: &key)
        } else {
            key.append(contentsOf: "rl:{global".utf8)
        }
        key.append(contentsOf: compiled.middle)
        for other in compiled.others {
            guard let value = value(other.slot) else { return nil }
            key.append(UInt8(ascii: "|"))
            append(value, isAddress: other.isAddress, compiled, to: &key)
        }
        let limit = compiled.limit
        let cost = limit.cost == .one ? min(Bounds.clamped(cost), 1) : Bounds.clamped(cost)
        let (counter, surplus) = counters(compiled, quantity: limit.quantity, key: key)
        return AppliedLimit(compiled: compiled, cost: cost, counter: counter, surplus: surplus)
    }

    private func counters(
        _ compiled: CompiledLimit, quantity: Int64, key: [UInt8]
    ) -> (LimitCounter, surplus: LimitCounter?) {
        guard let shares = compiled.shares else {
            return (LimitCounter(key: String(decoding: key, as: UTF8.self), quantity: quantity), nil)
        }
        let surplus = LimitCounter(
            key: String(decoding: key + Array("+~".utf8), as: UTF8.self), quantity: shares.surplus)
        var own = key
        own.append(UInt8(ascii: "+"))
        var part = shares.others
        // Names are the same when their bytes are: a look-alike is one of the others.
        if let value = value(shares.slot), let named = shares.parts[value],
            let name = shares.parts.keys.first(where: { $0.sameBytes(as: value) })
        {
            part = named
            own.append(UInt8(ascii: "="))
            KeyValue.append(name, to: &own)
        }
        if part == 0 { return (surplus, nil) }
        let counter = LimitCounter(key: String(decoding: own, as: UTF8.self), quantity: part)
        return (counter, shares.surplus == 0 ? nil : surplus)
    }

    private mutating func holds(_ test: Condition.Test, _ slot: Int) -> Bool {
        let value = value(slot)
        if case .networks = test { return test.holds(value, address: value.flatMap { parsed($0) }) }
        return test.holds(value, address: nil)
    }

    private mutating func append(_ value: String, isAddress: Bool, _ compiled: CompiledLimit, to key: inout [UInt8]) {
        guard isAddress else { return KeyValue.append(value, to: &key) }
        // What is no address is one caller together: it must not get round the limit.
        let text = parsed(value)?.keyText(compiled.limit.addressPrefix) ?? "unknown"
        key.append(contentsOf: text.utf8)
    }

    private mutating func parsed(_ value: String) -> IPAddress? {
        if let address { return address }
        let parsed = IPAddress(value)
        address = .some(parsed)
        return parsed
    }
}
