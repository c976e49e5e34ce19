/// Who holds which slots of a Redis Cluster.
struct ClusterLayout: Sendable, Equatable {
    private(set) var masters: [RedisAddress] = []
    /// For each slot an index into `masters`; -1 where nobody holds it.
    private var slots = [Int16](repeating: -1, count: HashSlot.count)

    init() {}

    /// The answer to `CLUSTER SLOTS`; nil when it is none, or names no master.
    /// - Parameter node: who answered; an empty host in the answer means it.
    init?(_ reply: RESPValue, from node: RedisAddress) {
        guard let ranges = reply.array else { return nil }
        for range in ranges {
            guard let parts = range.array, parts.count >= 3, let first = parts[0].int, let last = parts[1].int,
                let master = parts[2].array, master.count >= 2, let port = master[1].int,
                (1...65_535).contains(port), first >= 0, first <= last, last < Int64(HashSlot.count)
            else { return nil }
            let host = master[0].string.flatMap { $0.isEmpty || $0 == "?" ? nil : $0 } ?? node.host
            let index = self.index(of: RedisAddress(host: host, port: Int(port)))
            for slot in Int(first)...Int(last) { slots[slot] = index }
        }
        if masters.isEmpty { return nil }
    }

    subscript(slot: Int) -> RedisAddress? {
        let index = Int(slots[slot])
        return masters.indices.contains(index) ? masters[index] : nil
    }

    /// One slot has moved.
    mutating func move(_ slot: Int, to node: RedisAddress) {
        guard slots.indices.contains(slot) else { return }
        slots[slot] = index(of: node)
    }

    private mutating func index(of node: RedisAddress) -> Int16 {
        if let index = masters.firstIndex(of: node) { return Int16(index) }
        // A cluster has at most as many masters as slots, which fits.
        guard masters.count < HashSlot.count else { return -1 }
        masters.append(node)
        return Int16(masters.count - 1)
    }
}

/// Where a node sends those who ask the wrong one.
enum ClusterRedirection: Equatable {
    /// For good.
    case moved(slot: Int, RedisAddress)
    /// For this command only, while the slot is moved.
    case ask(RedisAddress)

    /// `MOVED 3999 127.0.0.1:6381` or `ASK …`; nil for any other error line.
    init?(_ line: String, from node: RedisAddress) {
        let words = line.split(separator: " ")
        guard words.count == 3, let slot = Int(words[1]), (0..<HashSlot.count).contains(slot),
            let colon = words[2].lastIndex(of: ":"), let port = Int(words[2][words[2].index(after: colon)...]),
            (1...65_535).contains(port)
        else { return nil }
        let host = String(words[2][..<colon])
        let address = RedisAddress(host: host.isEmpty ? node.host : host, port: port)
        switch words[0] {
        case "MOVED": self = .moved(slot: slot, address)
        case "ASK": self = .ask(address)
        default: return nil
        }
    }
}
