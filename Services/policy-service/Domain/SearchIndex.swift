import Cedar
import Synchronization

/// The stored entities of each type in the order of their ids, which is the same on every replica. Made when a type is first searched, and
/// kept up with the store by what changed.
final class SearchIndex: Sendable {
    private struct Ordered {
        let store: EntityStore
        let uids: [EntityUID]
    }

    private let types = Mutex<[Name: Ordered]>([:])

    /// Types that are kept. A caller can name any; only those of which something is stored take room.
    static let capacity = 256

    func uids(ofType type: Name, in store: EntityStore) -> [EntityUID] {
        let known = types.withLock { $0[type] }
        if let known, known.store === store { return known.uids }
        let uids = known.flatMap { SearchIndex.updated($0, to: store, type) } ?? store.uids(ofType: type).orderedByID
        types.withLock { types in
            if uids.isEmpty {
                types[type] = nil
            } else if types[type] != nil || types.count < SearchIndex.capacity {
                types[type] = Ordered(store: store, uids: uids)
            }
        }
        return uids
    }

    /// Whether it keeps an order of a store; for tests.
    var kept: Int { types.withLock { $0.count } }

    private static func updated(_ known: Ordered, to store: EntityStore, _ type: Name) -> [EntityUID]? {
        guard let (added, removed) = store.changes(since: known.store, ofType: type) else { return nil }
        if added.isEmpty, removed.isEmpty { return known.uids }
        let gone = Set(removed)
        var new = added.orderedByID[...]
        var merged: [EntityUID] = []
        merged.reserveCapacity(known.uids.count + new.count)
        for uid in known.uids where !gone.contains(uid) {
            while let first = new.first, first.id < uid.id {
                merged.append(first)
                new = new.dropFirst()
            }
            merged.append(uid)
        }
        return merged + new
    }
}

extension [EntityUID] {
    /// Entities of one type in the order of their ids. Looks at the first bytes of each once, which tell most of them apart: a
    /// fraction of the time of comparing texts where there are a million.
    var orderedByID: [EntityUID] {
        let keys = map { uid in
            var (high, low): (UInt64, UInt64) = (0, 0)
            for (index, byte) in uid.id.string.utf8.prefix(16).enumerated() {
                let shifted = UInt64(byte) << UInt64(56 - 8 * (index & 7))
                if index < 8 { high |= shifted } else { low |= shifted }
            }
            return (high: high, low: low, uid: uid)
        }
        return keys.sorted { left, right in
            if left.high != right.high { return left.high < right.high }
            if left.low != right.low { return left.low < right.low }
            return left.uid.id < right.uid.id
        }.map(\.uid)
    }

    /// Of an ordered list, what comes after an id.
    func after(_ id: CedarString?) -> ArraySlice<EntityUID> {
        guard let id else { return self[...] }
        var (low, high) = (0, count)
        while low < high {
            let middle = (low + high) / 2
            if self[middle].id <= id { low = middle + 1 } else { high = middle }
        }
        return self[low...]
    }
}
