import Testing

@testable import APISecurity

@Suite struct RefusalCounterTests {
    private typealias Counter = RefusalCounter<String, Int>
    private var counter = Counter(capacity: 4)

    /// What a batch tells: key, how many, detail of the first, first and last instant.
    private func told(_ batch: Counter.Batch) -> Set<[String]> {
        let tallies = batch.tallies
        let lines = tallies.map { [$0.key, "\($0.count)", "\($0.detail)", "\($0.first)", "\($0.last)"] }
        #expect(Set(lines).count == lines.count)
        return Set(lines)
    }

    @Test mutating func theFirstIsToldAtOnceAndTheRestOnceAWindow() {
        #expect(told(counter.take(at: 0)) == [])
        counter.count("a", 1, at: 10)
        counter.count("a", 2, at: 11)
        #expect(told(counter.take(at: 12)) == [["a", "1", "1", "10", "10"]])
        counter.count("a", 3, at: 20)
        #expect(told(counter.take(at: 999)) == [])
        #expect(told(counter.take(at: 1_000)) == [["a", "2", "2", "11", "20"]])
        #expect(told(counter.take(at: 1_999)) == [])
    }

    /// As long as it goes on there is one tally a window; after a window without any the next is a first one again.
    @Test mutating func aFloodIsOneTallyAWindow() {
        _ = counter.take(at: 0)
        var tallies: [RefusalTally<String, Int>] = []
        for now in Int64(0)..<5_000 {
            for _ in 0..<10 { counter.count("a", 0, at: now) }
            tallies += counter.take(at: now).tallies
        }
        tallies += counter.take(at: 5_000).tallies
        #expect(tallies.count == 6)
        #expect(tallies.first?.count == 1)
        #expect(tallies.reduce(0) { $0 + $1.count } == 50_000)
        _ = counter.take(at: 6_000)
        counter.count("a", 7, at: 6_001)
        #expect(told(counter.take(at: 6_002)) == [["a", "1", "7", "6001", "6001"]])
    }

    @Test mutating func kindsAreToldApart() {
        counter.count("a", 1, at: 0)
        counter.count("b", 2, at: 0)
        counter.count("b", 3, at: 1)
        #expect(told(counter.take(at: 2)) == [["a", "1", "1", "0", "0"], ["b", "1", "2", "0", "0"]])
        #expect(told(counter.take(at: 1_002)) == [["b", "1", "3", "1", "1"]])
    }

    /// Beyond the capacity refusals are counted together: none is lost, and the next window has room again.
    @Test mutating func tooManyKindsAreCountedTogether() {
        _ = counter.take(at: 0)
        for number in 0..<10 { counter.count("key-\(number)", number, at: Int64(number)) }
        counter.count("key-0", 0, at: 10)
        let first = counter.take(at: 11)
        #expect(first.tallies.count == 4)
        #expect(first.overflow == nil)
        let ended = counter.take(at: 1_000)
        #expect(told(ended) == [["key-0", "1", "0", "10", "10"]])
        #expect(ended.overflow == RefusalOverflow(count: 6, first: 4, last: 9))
        counter.count("key-9", 9, at: 1_001)
        #expect(told(counter.take(at: 1_002)) == [["key-9", "1", "9", "1001", "1001"]])
        #expect(counter.take(at: 2_000).overflow == nil)
    }

    @Test mutating func whatCouldNotBeToldIsToldLater() {
        _ = counter.take(at: 0)
        counter.count("a", 1, at: 5)
        counter.count("b", 2, at: 6)
        let failed = counter.take(at: 7)
        counter.count("a", 3, at: 8)
        counter.giveBack(failed.tallies, RefusalOverflow(count: 3, first: 1, last: 2))
        #expect(told(counter.take(at: 9)) == [])
        let ended = counter.take(at: 1_000)
        #expect(told(ended) == [["a", "2", "3", "5", "8"], ["b", "1", "2", "6", "6"]])
        #expect(ended.overflow == RefusalOverflow(count: 3, first: 1, last: 2))
    }

    /// A sink that stays away does not make the table grow.
    @Test mutating func givingBackKeepsTheBound() {
        var now: Int64 = 0
        var counted = 0
        for _ in 0..<50 {
            for number in 0..<3 {
                counter.count("\(now)-\(number)", 0, at: now)
                counted += 1
            }
            let batch = counter.take(at: now)
            #expect(batch.tallies.count <= 8, "the first of one window, and what the one before counted")
            counter.giveBack(batch.tallies, batch.overflow)
            now += 500
        }
        let batch = counter.takeAll(at: now)
        #expect(batch.tallies.reduce(batch.overflow?.count ?? 0) { $0 + $1.count } == counted)
    }

    @Test mutating func aClockThatIsSetBackEndsTheWindow() {
        _ = counter.take(at: 10_000)
        counter.count("a", 1, at: 10_001)
        counter.count("a", 2, at: 10_002)
        #expect(
            told(counter.take(at: 5_000)) == [["a", "1", "1", "10001", "10001"], ["a", "1", "2", "10002", "10002"]])
        counter.count("a", 3, at: 5_001)
        #expect(told(counter.take(at: 5_999)) == [])
        #expect(told(counter.take(at: 6_000)) == [["a", "1", "3", "5001", "5001"]])
    }

    @Test mutating func everythingCanBeTakenAtOnce() {
        _ = counter.take(at: 0)
        counter.count("a", 1, at: 1)
        counter.count("a", 2, at: 2)
        #expect(told(counter.takeAll(at: 3)) == [["a", "1", "1", "1", "1"], ["a", "1", "2", "2", "2"]])
        #expect(told(counter.takeAll(at: 4)) == [])
    }
}
