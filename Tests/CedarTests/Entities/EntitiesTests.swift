import Testing

@testable import Cedar

@Suite struct EntitiesTests {
    private func uid(_ id: Int) -> EntityUID { EntityUID(type: Name(unchecked: "N"), id: CedarString(String(id))) }

    private func node(_ id: Int, in parents: [Int]) -> Entity { Entity(uid: uid(id), parents: Set(parents.map(uid))) }

    @Test func ancestors() throws {
        let entities = try Entities([
            node(1, in: [2, 3]), node(2, in: [4]), node(3, in: [4]), node(4, in: [5]), node(6, in: []),
        ])
        #expect(entities.ancestors(of: uid(1)) == Set([2, 3, 4, 5].map(uid)))
        #expect(entities.ancestors(of: uid(5)) == [])
        #expect(entities.isIn(uid(1), uid(5)))
        #expect(entities.isIn(uid(1), uid(1)))
        #expect(entities.isIn(uid(9), uid(9)))
        #expect(!entities.isIn(uid(4), uid(1)))
        #expect(!entities.isIn(uid(6), uid(5)))
        #expect(entities[uid(2)] == node(2, in: [4]))
        #expect(entities[uid(5)] == nil)
        #expect(entities.all.map(\.uid) == [1, 2, 3, 4, 6].map(uid))
    }

    @Test func cycles() throws {
        #expect(throws: EntitiesError.cycle(uid(1))) { try Entities([node(1, in: [1])]) }
        // 7 and 8 are above the cycle, 9 is below it.
        let nodes = [
            node(7, in: [8]), node(8, in: []), node(1, in: [2]), node(2, in: [3, 7]), node(3, in: [1]),
            node(9, in: [1]),
        ]
        let error = #expect(throws: EntitiesError.self) { try Entities(nodes) }
        #expect([1, 2, 3].map { EntitiesError.cycle(uid($0)) }.contains(error))
        // Through an entity that is not there nothing is known to come back.
        #expect(try Entities([node(1, in: [2]), node(3, in: [1])]).ancestors(of: uid(3)) == Set([1, 2].map(uid)))
    }

    @Test func duplicates() throws {
        #expect(try Entities([node(1, in: [2]), node(1, in: [2])]).count == 1)
        #expect(throws: EntitiesError.duplicate(uid(1))) { try Entities([node(1, in: [2]), node(1, in: [3])]) }
        let named = Entity(uid: uid(1), attributes: ["name": .int(1)])
        #expect(throws: EntitiesError.duplicate(uid(1))) { try Entities([named, node(1, in: [])]) }
        let tagged = Entity(uid: uid(1), tags: ["name": .int(1)])
        #expect(throws: EntitiesError.duplicate(uid(1))) { try Entities([tagged, node(1, in: [])]) }
    }

    /// A chain of all entities has as many pairs as their number squared: none of this may be made beforehand.
    @Test func longChain() throws {
        let length = 50_000
        let entities = try Entities((0..<length).map { node($0, in: [$0 + 1]) })
        #expect(entities.isIn(uid(0), uid(length)))
        #expect(!entities.isIn(uid(length), uid(0)))
        #expect(throws: EntitiesError.self) {
            try Entities((0..<length).map { node($0, in: [($0 + 1) % length]) })
        }
    }

    /// Ways from the first to the last level are many; entities are few.
    @Test func manyWays() throws {
        let entities = try Entities((0..<60).map { node($0, in: [$0 / 2 * 2 + 2, $0 / 2 * 2 + 3]) })
        #expect(entities.isIn(uid(0), uid(60)))
        #expect(!entities.isIn(uid(0), uid(99)))
        #expect(entities.ancestors(of: uid(0)).count == 60)
    }
}
