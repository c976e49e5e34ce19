/// Decides where each policy stands.
struct PolicyIndexBuilder {
    enum Kind: Hashable { case principal, action, resource }

    private enum Key: Hashable {
        case entity(Kind, Int32)
        case attribute(AttributeGuard)
    }

    private var tally: [Key: Int] = [:]
    private var placed: [Kind: [Int32: [Int32]]] = [:]
    private var guarded: [AttributeGuard.Place: [AttributeGuard: [Int32]]] = [:]
    private(set) var rest: [Int32] = []
    private(set) var order: [Int32] = []

    mutating func count(_ head: PolicyHead, _ attribute: AttributeGuard?) {
        for key in keys(head, attribute) { tally[key, default: 0] += 1 }
    }

    mutating func place(_ position: Int32, _ head: PolicyHead, _ attribute: AttributeGuard?) {
        let best = keys(head, attribute).min { tally[$0, default: 0] < tally[$1, default: 0] }
        switch best {
        case .entity(let kind, let symbol): placed[kind, default: [:]][symbol, default: []].append(position)
        case .attribute(let attribute):
            guarded[attribute.place, default: [:]][attribute, default: []].append(position)
        case nil: rest.append(position)
        }
    }

    mutating func buckets(_ kind: Kind) -> PolicyIndex.Buckets {
        var places: [Int32: Range<Int32>] = [:]
        for (symbol, positions) in (placed[kind] ?? [:]).sorted(by: { $0.key < $1.key }) {
            places[symbol] = append(positions)
        }
        return PolicyIndex.Buckets(places)
    }

    mutating func attributeIndices(_ program: inout ProgramBuilder) -> [AttributeIndex] {
        var indices: [AttributeIndex] = []
        for (place, policies) in guarded {
            var byHash: [UInt64: [Int32]] = [:]
            for (attribute, positions) in policies {
                // Literals always have a hash.
                guard let hash = AttributeIndex.hash(program.operand(for: attribute.value), QuickHash()) else {
                    continue
                }
                byHash[hash, default: []] += positions
            }
            let start = Int32(order.count)
            let ranges = byHash.mapValues { append($0) }
            indices.append(
                AttributeIndex(
                    place, attribute: program.attributeName(place.attribute), ranges, all: start..<Int32(order.count)))
        }
        return indices
    }

    mutating func append(_ positions: [Int32]) -> Range<Int32> {
        order.append(contentsOf: positions)
        return Int32(order.count - positions.count)..<Int32(order.count)
    }

    private func keys(_ head: PolicyHead, _ attribute: AttributeGuard?) -> [Key] {
        var keys: [Key] = []
        if let symbol = head.principal.key { keys.append(.entity(.principal, symbol)) }
        if let symbol = head.resource.key { keys.append(.entity(.resource, symbol)) }
        if let symbol = head.action.key { keys.append(.entity(.action, symbol)) }
        if let attribute { keys.append(.attribute(attribute)) }
        return keys
    }
}
