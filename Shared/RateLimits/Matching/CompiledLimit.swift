/// A limit with its descriptors as numbers and its key begun. One object for all requests, as copying a `Limit` costs more
/// than a decision.
final class CompiledLimit: Sendable {
    let limit: Limit
    let position: Int
    let conditions: [(slot: Int, test: Condition.Test)]
    let exceptions: [(slot: Int, test: Condition.Test)]
    /// The descriptor whose value is the tag of the keys, and how the tag begins; nil: the tag is `global`.
    let primary: (slot: Int, isAddress: Bool, prefix: [UInt8])?
    /// The other descriptors of `per`.
    let others: [(slot: Int, isAddress: Bool)]
    /// What stands between the tag and the values of `others`.
    let middle: [UInt8]
    let shares: (slot: Int, parts: [String: Int64], others: Int64, surplus: Int64)?

    init(_ limit: Limit, position: Int, slot: (String) -> Int) {
        self.limit = limit
        self.position = position
        conditions = limit.match.map { (slot($0.descriptor), $0.test) }
        exceptions = limit.except.map { (slot($0.descriptor), $0.test) }
        let tag = Self.tags.first { limit.per.contains($0.descriptor) }
        primary = tag.map { (slot($0.descriptor), $0.descriptor == Condition.address, Array("rl:{\($0.letter):".utf8)) }
        others = limit.per.filter { $0 != tag?.descriptor }.map { (slot($0), $0 == Condition.address) }
        middle = Array("}\(limit.name).\(KeyShape(limit).text)".utf8)
        shares = limit.shares.map { shares in
            let parts = shares.weights.keys.map { ($0, shares.part(of: $0, quantity: limit.quantity)) }
            return (
                slot(shares.by), Dictionary(uniqueKeysWithValues: parts),
                shares.part(of: nil, quantity: limit.quantity), shares.surplus(of: limit.quantity)
            )
        }
    }

    /// Whose limits share a slot of Redis Cluster: a user's, else a client's, else an address'.
    private static let tags = [("user", "u"), ("client", "c"), (Condition.address, "a")]
        .map { (descriptor: $0.0, letter: $0.1) }
}
