/// The work of making a new `EntityStore` of an old one.
struct EntityStoreChange {
    private struct OpenChunk {
        var nodes: [EntityNode?]
        var children: [[Int32]]
    }

    private let old: EntityStore
    private var table: EntityTable
    private var open: [Int: OpenChunk] = [:]
    private var count: Int
    /// Entities whose ancestors must be found anew.
    private var dirty: [Int32: Entity] = [:]

    init(of store: EntityStore) {
        old = store
        table = store.table
        count = store.count
    }

    func isNew(_ uid: EntityUID) -> Bool { table.find(uid).flatMap { entity($0.symbol) } == nil }

    mutating func put(_ entity: Entity) {
        let name = old.symbols.entity(entity.uid)
        table.insert(name)
        // Entities that are only mentioned have to be found as well: compiled attributes know them by their numbers.
        for parent in entity.parents { table.insert(old.symbols.entity(parent)) }
        for field in entity.attributes.fields { insertEntities(of: field.value) }
        let before = self.entity(name.symbol)
        if before == nil { count += 1 }
        relink(name.symbol, from: before?.parents ?? [], to: entity.parents)
        dirty[name.symbol] = entity
    }

    private mutating func insertEntities(of value: Value) {
        switch value {
        case .entity(let uid): table.insert(old.symbols.entity(uid))
        case .set(let set): for element in set.elements { insertEntities(of: element) }
        case .record(let record): for field in record.fields { insertEntities(of: field.value) }
        case .bool, .int, .string, .extension: break
        }
    }

    mutating func remove(_ uid: EntityUID) {
        guard let name = table.find(uid), let before = entity(name.symbol) else { return }
        count -= 1
        relink(name.symbol, from: before.parents, to: [])
        dirty[name.symbol] = nil
        withChunk(of: name.symbol) { $0.nodes[$1] = nil }
        // What was in it over this one is not any more.
        for child in descendants(of: [name.symbol]) { markDirty(child) }
    }

    consuming func apply() throws(EntityStoreError) -> EntityStore {
        for symbol in descendants(of: Array(dirty.keys)) { markDirty(symbol) }
        var ancestors: [Int32: [Int32]] = [:]
        for symbol in dirty.keys.sorted() { try findAncestors(symbol, &ancestors) }
        for (symbol, entity) in dirty {
            let node = node(for: entity, symbol, SymbolSet(ancestors[symbol] ?? []))
            withChunk(of: symbol) { $0.nodes[$1] = node }
        }
        var chunks = old.chunks
        for (index, chunk) in open {
            while chunks.count <= index { chunks.append(nil) }
            chunks[index] = EntityStore.Chunk(nodes: chunk.nodes, children: chunk.children)
        }
        return EntityStore(symbols: old.symbols, table: table, chunks: chunks, count: count)
    }

    // MARK: Hierarchy

    /// Ancestors of what changed are gathered without recursion, as chains may be long; a stack of entities under way
    /// tells cycles.
    private func findAncestors(_ start: Int32, _ found: inout [Int32: [Int32]]) throws(EntityStoreError) {
        guard found[start] == nil else { return }
        var stack: [(symbol: Int32, parents: [Int32], next: Int)] = [(start, parents(start), 0)]
        var underWay: Set<Int32> = [start]
        while var top = stack.popLast() {
            var isComplete = true
            while top.next < top.parents.count {
                let parent = top.parents[top.next]
                if underWay.contains(parent) { throw .cycle(uid(top.symbol)) }
                top.next += 1
                if dirty[parent] != nil, found[parent] == nil {
                    stack.append(top)
                    stack.append((parent, parents(parent), 0))
                    underWay.insert(parent)
                    isComplete = false
                    break
                }
            }
            guard isComplete else { continue }
            var all: Set<Int32> = []
            for parent in top.parents {
                all.insert(parent)
                if let known = found[parent] {
                    all.formUnion(known)
                } else if let node = old.node(parent), dirty[parent] == nil, entity(parent) != nil {
                    node.ancestors.forEach { all.insert($0) }
                }
            }
            if all.contains(top.symbol) { throw .cycle(uid(top.symbol)) }
            found[top.symbol] = Array(all)
            underWay.remove(top.symbol)
        }
    }

    private func parents(_ symbol: Int32) -> [Int32] {
        entity(symbol)?.parents.map { old.symbols.entity($0).symbol } ?? []
    }

    /// Stored entities below these, not these themselves.
    private func descendants(of symbols: [Int32]) -> Set<Int32> {
        var found: Set<Int32> = []
        var pending = symbols
        while let symbol = pending.popLast() {
            for child in children(symbol) where found.insert(child).inserted { pending.append(child) }
        }
        return found
    }

    private mutating func markDirty(_ symbol: Int32) {
        if dirty[symbol] == nil, let entity = entity(symbol) { dirty[symbol] = entity }
    }

    private mutating func relink(_ symbol: Int32, from before: Set<EntityUID>, to after: Set<EntityUID>) {
        guard before != after else { return }
        for parent in before.subtracting(after) {
            withChunk(of: old.symbols.entity(parent).symbol) { $0.children[$1].removeAll { $0 == symbol } }
        }
        for parent in after.subtracting(before) {
            withChunk(of: old.symbols.entity(parent).symbol) { $0.children[$1].append(symbol) }
        }
    }

    // MARK: Chunks

    private mutating func withChunk(of symbol: Int32, _ body: (inout OpenChunk, Int) -> Void) {
        let (index, place) = position(symbol)
        if open[index] == nil { open[index] = opened(index) }
        body(&open[index, default: OpenChunk(nodes: [], children: [])], place)
    }

    private func opened(_ index: Int) -> OpenChunk {
        if index < old.chunks.count, let chunk = old.chunks[index] {
            return OpenChunk(nodes: chunk.nodes, children: chunk.children)
        }
        let size = 1 << Int(EntityStore.chunkBits)
        return OpenChunk(nodes: Array(repeating: nil, count: size), children: Array(repeating: [], count: size))
    }

    private func position(_ symbol: Int32) -> (chunk: Int, place: Int) {
        (Int(symbol >> EntityStore.chunkBits), Int(symbol & (1 << EntityStore.chunkBits - 1)))
    }

    private func entity(_ symbol: Int32) -> Entity? {
        if let entity = dirty[symbol] { return entity }
        let (index, place) = position(symbol)
        if let chunk = open[index] { return chunk.nodes[place]?.entity }
        return old.node(symbol)?.entity
    }

    private func children(_ symbol: Int32) -> [Int32] {
        let (index, place) = position(symbol)
        if let chunk = open[index] { return chunk.children[place] }
        return old.children(symbol)
    }

    private func uid(_ symbol: Int32) -> EntityUID {
        entity(symbol)?.uid ?? EntityUID(type: Name(unchecked: ""), id: "")
    }

    private func node(for entity: Entity, _ symbol: Int32, _ ancestors: SymbolSet) -> EntityNode {
        if let node = old.node(symbol), node.entity == entity { return node.moved(to: ancestors) }
        return EntityNode(
            entity, name: old.symbols.entity(entity.uid), attributes: .compile(entity.attributes, old.symbols),
            ancestors: ancestors)
    }
}

extension RecordObject {
    private static let empty = RecordObject(.empty, Symbols()) { _, _ in .bool(false) }

    fileprivate static func compile(_ record: Record, _ symbols: Symbols) -> RecordObject {
        guard !record.isEmpty else { return empty }
        return RecordObject(record, symbols) { Operand.compile($0, symbols, &$1) { symbols.entity($0) } }
    }
}
