/// What searches ask of a store: who is there at all.
extension EntityStore {
    /// Stored entities of a type, in no particular order.
    package func uids(ofType type: Name) -> [EntityUID] {
        var found: [EntityUID] = []
        for chunk in chunks {
            for case let node? in chunk?.nodes ?? [] where node.entity.uid.type == type {
                found.append(node.entity.uid)
            }
        }
        return found
    }

    /// Which entities of a type are stored here and were not in an older store, and which ones the other way round. Looks only at
    /// what differs.
    /// - Returns: nil when the other store is none that this one was made of.
    package func changes(
        since old: EntityStore, ofType type: Name
    ) -> (added: [EntityUID], removed: [EntityUID])? {
        guard old.symbols === symbols, old.chunks.count <= chunks.count else { return nil }
        var (added, removed): ([EntityUID], [EntityUID]) = ([], [])
        for (index, chunk) in chunks.enumerated() {
            let before = index < old.chunks.count ? old.chunks[index] : nil
            guard chunk !== before else { continue }
            for place in 0..<(1 << Int(EntityStore.chunkBits)) {
                switch (before?.nodes[place]?.entity.uid, chunk?.nodes[place]?.entity.uid) {
                case (nil, let uid?) where uid.type == type: added.append(uid)
                case (let uid?, nil) where uid.type == type: removed.append(uid)
                default: break
                }
            }
        }
        return (added, removed)
    }

    /// Stored entities of a type that are one of these, or in one of these over any number of steps.
    /// - Parameter limit: of the entities that are looked at, of whatever type.
    /// - Returns: nil when there are more.
    package func members(of groups: some Sequence<EntityUID>, ofType type: Name, limit: Int) -> Set<EntityUID>? {
        var found: Set<EntityUID> = []
        var seen: Set<Int32> = []
        var pending: [Int32] = []
        func visit(_ symbol: Int32) {
            if seen.insert(symbol).inserted { pending.append(symbol) }
        }
        for group in groups { if let name = table.find(group) { visit(name.symbol) } }
        while let symbol = pending.popLast() {
            guard seen.count <= limit else { return nil }
            if let uid = node(symbol)?.entity.uid, uid.type == type { found.insert(uid) }
            for child in children(symbol) { visit(child) }
        }
        return found
    }
}
