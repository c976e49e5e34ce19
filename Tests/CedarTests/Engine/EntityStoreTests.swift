import Foundation
import Testing

@testable import Cedar

/// A store that was changed step by step is the store of what it holds.
@Suite struct EntityStoreTests {
    private static func uid(_ number: Int) -> EntityUID { EntityUID(type: "N", id: CedarString("\(number)")) }

    @Test(
        "thousands of random puts, removals and moves end where a new store begins",
        arguments: [1, 2, 3, 4] as [UInt64])
    func randomSteps(seed: UInt64) throws {
        var random = RandomCase(seed: seed)
        let symbols = Symbols()
        var model: [EntityUID: Entity] = [:]
        var store = try EntityStore([Entity](), symbols: symbols)
        // Beyond one chunk of the store.
        let uids = (0..<(seed % 2 == 0 ? 40 : 300)).map(Self.uid)
        var refused = 0
        for step in 0..<500 {
            var (puts, removed): ([Entity], Set<EntityUID>) = ([], [])
            for _ in 0..<random.count(1...3) {
                let uid = random.pick(uids)
                if random.chance(30) {
                    removed.insert(uid)
                } else {
                    let parents = Set((0..<random.count(0...3)).map { _ in random.pick(uids) })
                    puts.append(Entity(uid: uid, attributes: ["step": .int(Int64(step))], parents: parents))
                }
            }
            var after = model
            for uid in removed { after[uid] = nil }
            for entity in puts { after[entity.uid] = entity }
            let hasCycle = (try? Entities(Array(after.values))) == nil
            do {
                let next = try store.updating(puts, removing: removed)
                try #require(!hasCycle, "a cycle was taken at step \(step)")
                (store, model) = (next, after)
            } catch let error as EntityStoreError {
                try #require(hasCycle, "step \(step) was refused: \(error)")
                guard case .cycle = error else { throw error }
                refused += 1
            }
            guard step % 100 == 99 else { continue }
            let anew = try EntityStore(Array(model.values), symbols: symbols)
            let difference = EngineOracle.difference(store, anew, uids)
            try #require(difference == nil, "after step \(step)")
            let plain = try Entities(Array(model.values))
            for uid in uids where model[uid] != nil {
                let found = EngineOracle.ancestors(uid, store, among: uids)
                try #require(found == plain.ancestors(of: uid), "after step \(step)")
            }
        }
        #expect(refused > 0)
    }

    @Test func cyclesAreRefused() throws {
        let symbols = Symbols()
        let (a, b, c) = (Self.uid(1), Self.uid(2), Self.uid(3))
        #expect(throws: EntityStoreError.cycle(a)) {
            try EntityStore([Entity(uid: a, parents: [a])], symbols: symbols)
        }
        let store = try EntityStore([Entity(uid: a, parents: [b]), Entity(uid: b, parents: [c])], symbols: symbols)
        #expect(throws: EntityStoreError.self) { try store.updating([Entity(uid: c, parents: [a])]) }
        // What closed the circle is cut in the same step.
        let moved = try store.updating([Entity(uid: c, parents: [a]), Entity(uid: b)])
        #expect(EngineOracle.ancestors(c, moved, among: [a, b, c]) == [a, b])
        #expect(EngineOracle.ancestors(b, moved, among: [a, b, c]) == [])
        // The store that was asked has not changed.
        #expect(EngineOracle.ancestors(a, store, among: [a, b, c]) == [b, c])
    }

    @Test func twiceIsRefused() throws {
        let entity = Entity(uid: Self.uid(1))
        #expect(throws: EntityStoreError.duplicate(entity.uid)) {
            try EntityStore([entity, entity], symbols: Symbols())
        }
    }

    @Test("what is not stored can be a parent, and is found when it is stored")
    func missingParent() throws {
        let symbols = Symbols()
        let (child, middle, top) = (Self.uid(1), Self.uid(2), Self.uid(3))
        var store = try EntityStore([Entity(uid: child, parents: [middle])], symbols: symbols)
        store = try store.updating([Entity(uid: middle, parents: [top])])
        #expect(EngineOracle.ancestors(child, store, among: [child, middle, top]) == [middle, top])
        store = try store.updating([Entity](), removing: [middle])
        #expect(EngineOracle.ancestors(child, store, among: [child, middle, top]) == [middle])
        #expect(store[middle] == nil)
        #expect(store.count == 1)
    }

    @Test("a chain of thousands, built from either end, is followed without recursion", arguments: [true, false])
    func longChain(isFromTop: Bool) throws {
        let length = 1_000
        let chain = (0..<length).map { Entity(uid: Self.uid($0), parents: $0 == 0 ? [] : [Self.uid($0 - 1)]) }
        let store = try EntityStore(isFromTop ? chain : chain.reversed(), symbols: Symbols())
        let last = try #require(store.table.find(Self.uid(length - 1)).flatMap { store.node($0.symbol) })
        #expect(last.ancestors.count == length - 1)
        #expect(throws: EntityStoreError.self) {
            try store.updating([Entity(uid: Self.uid(0), parents: [Self.uid(length - 1)])])
        }
    }

    @Test(
        "a million entities are stored, and one of them is changed",
        .enabled(if: ProcessInfo.processInfo.environment["JTS_LONG"] == "1"))
    func million() throws {
        let count = 1_000_000
        let entities = (0..<count).map { number in
            Entity(
                uid: Self.uid(number), attributes: ["owner": .entity(Self.uid(number / 2))],
                parents: number == 0 ? [] : [Self.uid(number / 8)])
        }
        let clock = ContinuousClock()
        let start = clock.now
        var store = try EntityStore(entities, symbols: Symbols())
        print("a million entities are stored after \(clock.now - start)")
        #expect(store.count == count)
        #expect(EngineOracle.ancestors(count - 1, store) == EngineOracle.eighths(of: count - 1))
        let changed = clock.now
        store = try store.updating([Entity(uid: Self.uid(count - 1), parents: [Self.uid(5)])])
        print("and one of them is changed after \(clock.now - changed)")
        #expect(EngineOracle.ancestors(count - 1, store) == EngineOracle.eighths(of: 5).union([5]))
    }
}

extension EngineOracle {
    /// Numbers of ancestors of an entity of the million.
    fileprivate static func ancestors(_ number: Int, _ store: EntityStore) -> Set<Int> {
        let uid = EntityUID(type: "N", id: CedarString("\(number)"))
        guard let node = store.table.find(uid).flatMap({ store.node($0.symbol) }) else { return [] }
        var found: Set<Int> = []
        node.ancestors.forEach { symbol in
            if let id = store.node(symbol).flatMap({ Int($0.name.uid.id.string) }) { found.insert(id) }
        }
        return found
    }

    fileprivate static func eighths(of number: Int) -> Set<Int> {
        var (found, number) = (Set<Int>(), number)
        while number > 0 {
            number /= 8
            found.insert(number)
        }
        return found
    }
}
