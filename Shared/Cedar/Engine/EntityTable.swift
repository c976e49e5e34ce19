/// Entities by uid, immutable, in shards, so that a changed copy shares all shards but a few.
///
/// Names are not counted: their `Symbols` keeps them, and whoever keeps a table keeps that.
struct EntityTable: Sendable {
    fileprivate struct Slot {
        var hash: UInt64
        var name: Unmanaged<EntityName>?
    }

    /// Open addressing, at most half full; the number of slots is a power of two, or zero.
    ///
    /// Unchecked, as it is changed only while a single table under construction has it.
    private final class Shard: @unchecked Sendable {
        var slots: [Slot] = []
        var count = 0
        /// The slots where they can be pointed to, when it is finished.
        var fixed: FixedArray<Slot>?

        init(copying other: Shard? = nil) {
            slots = other.map { Array($0.fixed?.elements ?? UnsafeBufferPointer(start: nil, count: 0)) } ?? []
            if let other, other.fixed == nil { slots = other.slots }
            count = other?.count ?? 0
        }

        func insert(_ name: EntityName, _ hash: UInt64) {
            if (count + 1) * 2 > slots.count {
                let old = slots
                slots = Array(repeating: Slot(hash: 0, name: nil), count: max(4, old.count * 2))
                for slot in old where slot.name != nil { place(slot) }
            }
            place(Slot(hash: hash, name: .passUnretained(name)))
            count += 1
        }

        private func place(_ slot: Slot) {
            let mask = slots.count - 1
            var index = Int(truncatingIfNeeded: slot.hash) & mask
            while slots[index].name != nil { index = (index + 1) & mask }
            slots[index] = slot
        }

        func finish() -> ShardView {
            if let fixed { return ShardView(slots: fixed.start, mask: fixed.count - 1) }
            guard count > 0 else { return ShardView(slots: nil, mask: 0) }
            let fixed = FixedArray(slots)
            slots = []
            self.fixed = fixed
            return ShardView(slots: fixed.start, mask: fixed.count - 1)
        }
    }

    fileprivate struct ShardView {
        let slots: UnsafePointer<Slot>?
        let mask: Int
    }

    /// A finished table without its ownership.
    struct View {
        fileprivate let shards: UnsafePointer<ShardView>
        fileprivate let shift: UInt64
    }

    private var shards: [Shard]
    private let shift: UInt64
    private let hash = QuickHash()
    /// Nil while names are added.
    private var views: FixedArray<ShardView>?

    /// - Parameter expected: about how many entities there will be.
    init(expecting expected: Int) {
        var bits: UInt64 = 0
        while bits < 12, expected >> bits > 256 { bits += 1 }
        shards = (0..<(1 << bits)).map { _ in Shard() }
        shift = 64 - bits
    }

    /// The table, ready to be looked into by requests.
    consuming func finished() -> EntityTable {
        if views == nil { views = FixedArray(shards.map { $0.finish() }) }
        return self
    }

    /// Valid while the finished table lives.
    var view: View {
        guard let views else { preconditionFailure("a table is looked into before it is finished") }
        return View(shards: views.start, shift: shift)
    }

    func find(_ uid: EntityUID) -> EntityName? {
        let hash = hash(uid)
        let shard = shards[Int(truncatingIfNeeded: hash >> shift)]
        let found =
            if let fixed = shard.fixed {
                EntityTable.find(uid, hash, fixed.start, fixed.count - 1)
            } else if shard.count > 0 {
                shard.slots.withUnsafeBufferPointer { slots in
                    slots.baseAddress.flatMap { EntityTable.find(uid, hash, $0, slots.count - 1) }
                }
            } else {
                nil as Unmanaged<EntityName>?
            }
        return found?.takeUnretainedValue()
    }

    /// Adds a name; a second time changes nothing.
    mutating func insert(_ name: EntityName) {
        guard find(name.uid) == nil else { return }
        let hash = hash(name.uid)
        let index = Int(truncatingIfNeeded: hash >> shift)
        views = nil
        if shards[index].fixed != nil || !isKnownUniquelyReferenced(&shards[index]) {
            shards[index] = Shard(copying: shards[index])
        }
        shards[index].insert(name, hash)
    }

    @inline(__always)
    fileprivate static func find(
        _ uid: EntityUID, _ hash: UInt64, _ slots: UnsafePointer<Slot>, _ mask: Int
    ) -> Unmanaged<EntityName>? {
        var index = Int(truncatingIfNeeded: hash) & mask
        while let name = slots[index].name {
            if slots[index].hash == hash,
                name._withUnsafeGuaranteedRef({
                    $0.uid.id.string.isSame(as: uid.id.string) && $0.uid.type.text.isSame(as: uid.type.text)
                })
            {
                return name
            }
            index = (index + 1) & mask
        }
        return nil
    }
}

extension EntityTable.View {
    @inline(__always)
    func find(_ uid: EntityUID, _ hash: UInt64) -> Unmanaged<EntityName>? {
        let shard = shards[Int(truncatingIfNeeded: hash >> shift)]
        guard let slots = shard.slots else { return nil }
        return EntityTable.find(uid, hash, slots, shard.mask)
    }
}
