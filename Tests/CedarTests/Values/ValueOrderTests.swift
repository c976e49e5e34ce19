import Testing

@testable import Cedar

/// Sets are kept in an order; it has to be one, and to be found quickly.
@Suite struct ValueOrderTests {
    @Test func isTotal() {
        var random = RandomCase(seed: 11)
        let values = (0..<60).map { _ in random.value(random.kind()) }
        for a in values {
            for b in values {
                #expect((a < b) == (b.order(a) > 0))
                #expect((a == b) == (!(a < b) && !(b < a)))
                for c in values where a < b && b < c { #expect(a < c) }
            }
        }
    }

    @Test func comesFromTheFirstDifference() {
        let records: [Record] = [[:], ["a": .int(1)], ["a": .int(1), "b": .int(0)], ["a": .int(2)], ["b": .int(0)]]
        #expect(records.shuffled().sorted() == records)
        let sets = [[], [1], [1, 2], [1, 3], [2]].map { ValueSet($0.map { Value.int($0) }) }
        #expect(sets.shuffled().sorted() == sets)
    }

    /// Twice the work with every level would take longer than anybody waits.
    @Test func deepValues() {
        var deep = Value.int(1)
        for level in 0..<150 { deep = level % 2 == 0 ? .set(ValueSet([deep])) : .record(["a": deep]) }
        let copies = ValueSet([deep, .int(1), deep])
        #expect(copies.elements.count == 2)
        #expect(copies.contains(deep))
        #expect(!(deep < deep))
    }
}
