/// What a single request adds: entities that came with it, names that nothing compiled knows, and values that
/// expressions made. Nothing is allocated for a request that needs none of it.
struct Scratch {
    fileprivate var kept: [AnyObject] = []
    fileprivate var names: [EntityName] = []
    fileprivate var nodes: [EntityNode] = []
    fileprivate var given: [EntityUID: Entity] = [:]
    /// Given entities that are in other ones than the store says, so that what is stored below them is too.
    fileprivate var moved: [Int32] = []

    /// Whether entities came with the request.
    var hasEntities: Bool { !nodes.isEmpty }
}

/// Behind a pointer, as finding a name may add one while something else is added.
extension UnsafeMutablePointer<Scratch> {
    /// Keeps an object that operands point to until the request is decided.
    func keep(_ object: AnyObject) { pointee.kept.append(object) }

    /// The name of an entity that neither the store nor a policy knows.
    func name(of uid: EntityUID, _ program: Program) -> EntityName {
        if let name = pointee.names.first(where: { $0.uid == uid }) { return name }
        let name = EntityName(
            uid: uid, symbol: -1 - Int32(pointee.names.count), type: program.types[uid.type] ?? -1)
        pointee.names.append(name)
        return name
    }

    /// What came with the request of an entity, or what is stored of one that something given puts elsewhere; nil when the
    /// store knows it as it is.
    func node(_ name: EntityName, _ store: EntityStore, _ program: Program) -> EntityNode? {
        if let node = pointee.nodes.first(where: { $0.name.symbol == name.symbol }) { return node }
        guard !pointee.moved.isEmpty, let stored = store.node(name.symbol),
            pointee.moved.contains(where: { stored.ancestors.contains($0) })
        else { return nil }
        let node = stored.moved(to: ancestors(of: stored.entity, store, program))
        pointee.nodes.append(node)
        return node
    }

    /// Adds what came with the request. They are in what they name as parents and in what these are in, as the request or
    /// the store says; and so is what is stored below them. Of those given twice the last counts.
    func add(_ entities: [Entity], _ store: EntityStore, _ program: Program) {
        pointee.given = Dictionary(entities.map { ($0.uid, $0) }, uniquingKeysWith: { $1 })
        for entity in pointee.given.values {
            let own = find(entity.uid, store, program)
            if (store.node(own.symbol)?.entity.parents ?? []) != entity.parents { pointee.moved.append(own.symbol) }
            let node = EntityNode(
                entity, name: own, attributes: nil, ancestors: ancestors(of: entity, store, program))
            pointee.nodes.append(node)
        }
    }

    private func find(_ uid: EntityUID, _ store: EntityStore, _ program: Program) -> EntityName {
        store.table.find(uid) ?? program.table.find(uid) ?? name(of: uid, program)
    }

    private func ancestors(of entity: Entity, _ store: EntityStore, _ program: Program) -> SymbolSet {
        var found: Set<Int32> = []
        var pending = Array(entity.parents)
        while let parent = pending.popLast() {
            let symbol = find(parent, store, program).symbol
            guard found.insert(symbol).inserted, let known = pointee.given[parent] ?? store.node(symbol)?.entity else {
                continue
            }
            pending.append(contentsOf: known.parents)
        }
        return SymbolSet(found)
    }
}
