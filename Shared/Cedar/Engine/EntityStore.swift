/// Entities compiled for the engine: immutable, so that a decision sees one state of all of them. A change makes a new
/// store that shares what did not change.
public final class EntityStore: Sendable {
    /// A run of 256 numbers. `children` are the stored entities that name one of them as their parent.
    final class Chunk: Sendable {
        let nodes: [EntityNode?]
        /// The nodes again, where they can be pointed to.
        let places: FixedArray<Unmanaged<EntityNode>?>
        let children: [[Int32]]

        init(nodes: [EntityNode?], children: [[Int32]]) {
            self.nodes = nodes
            self.children = children
            places = FixedArray(nodes.map { $0.map { .passUnretained($0) } })
        }
    }

    static let chunkBits: Int32 = 8

    public let symbols: Symbols
    let table: EntityTable
    let chunks: [Chunk?]
    /// Where the nodes of each chunk stand.
    private let directory: FixedArray<UnsafePointer<Unmanaged<EntityNode>?>?>
    /// How many entities are stored.
    public let count: Int

    init(symbols: Symbols, table: EntityTable, chunks: [Chunk?], count: Int) {
        self.symbols = symbols
        self.table = table.finished()
        self.chunks = chunks
        directory = FixedArray(chunks.map { $0?.places.start })
        self.count = count
    }

    /// - Throws: an entity that is among its own ancestors, or that comes twice.
    public convenience init(
        _ entities: some Collection<Entity>, symbols: Symbols
    ) throws(EntityStoreError) {
        let empty = EntityStore(
            symbols: symbols, table: EntityTable(expecting: entities.count), chunks: [], count: 0)
        var change = EntityStoreChange(of: empty)
        for entity in entities {
            guard change.isNew(entity.uid) else { throw .duplicate(entity.uid) }
            change.put(entity)
        }
        let result = try change.apply()
        self.init(symbols: symbols, table: result.table, chunks: result.chunks, count: result.count)
    }

    /// The store after entities were put (added or replaced) and removed. Entities that name a removed one as their
    /// parent stay in it, as entities may be in one that is not stored.
    /// - Throws: an entity that would be among its own ancestors.
    public func updating(
        _ entities: some Sequence<Entity>, removing removed: some Sequence<EntityUID> = EmptyCollection<EntityUID>()
    ) throws(EntityStoreError) -> EntityStore {
        var change = EntityStoreChange(of: self)
        for uid in removed { change.remove(uid) }
        for entity in entities { change.put(entity) }
        return try change.apply()
    }

    public subscript(uid: EntityUID) -> Entity? {
        table.find(uid).flatMap { node($0.symbol) }?.entity
    }

    /// All that are stored, in no particular order.
    public var entities: [Entity] { chunks.flatMap { $0?.nodes.compactMap { $0?.entity } ?? [] } }

    func node(_ symbol: Int32) -> EntityNode? { view.node(symbol)?.takeUnretainedValue() }

    /// A store without its ownership, for one who knows that it lives.
    struct View {
        let table: EntityTable.View
        fileprivate let directory: UnsafePointer<UnsafePointer<Unmanaged<EntityNode>?>?>
        fileprivate let count: Int

        @inline(__always)
        func node(_ symbol: Int32) -> Unmanaged<EntityNode>? {
            // Numbers of a single request are negative, and shift to a chunk that does not exist.
            let chunk = Int(symbol >> EntityStore.chunkBits)
            guard chunk >= 0, chunk < count, let nodes = directory[chunk] else { return nil }
            return nodes[Int(symbol & (1 << EntityStore.chunkBits - 1))]
        }
    }

    var view: View { View(table: table.view, directory: directory.start, count: directory.count) }

    func children(_ symbol: Int32) -> [Int32] {
        let chunk = Int(symbol >> EntityStore.chunkBits)
        guard chunk >= 0, chunk < chunks.count, let chunk = chunks[chunk] else { return [] }
        return chunk.children[Int(symbol & (1 << EntityStore.chunkBits - 1))]
    }
}

public enum EntityStoreError: Error, Sendable, Hashable {
    /// It would be among its own ancestors.
    case cycle(EntityUID)
    case duplicate(EntityUID)
}
