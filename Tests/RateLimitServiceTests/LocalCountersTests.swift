import RateLimits
import Testing

@testable import RateLimitService

@Suite struct LocalCountersTests {
    private let now: Int64 = 1_790_000_000_000

    private func applied(_ yaml: String, _ descriptors: Descriptors, cost: Int64 = 1) throws -> [AppliedLimit] {
        try LimitSet(yaml: yaml).applied(to: descriptors, cost: cost)
    }

    @Test func allOrNothing() throws {
        let counters = LocalCounters(replicas: 2)
        let limits = """
            limits:
              - { name: a, per: [user], quantity: 100, window: 60s }
              - { name: b, per: [user], quantity: 6, window: 60s }
            """
        let request = try applied(limits, .user("u"))
        for _ in 0..<3 { #expect(counters.decide(request, now: now).isAllowed) }
        for _ in 0..<10 { #expect(!counters.decide(request, now: now).isAllowed) }
        let owed = counters.takeOwed(10)
        #expect(owed.map { $0.changes.reduce(0) { $0 + $1.cost } } == [3, 3])
        #expect(counters.takeOwed(10).isEmpty)
        #expect(!counters.decide(request, now: now).isAllowed, "taking what is owed gives no new share")
    }

    @Test func whatCouldNotBeChargedIsPutBackInOrder() throws {
        let counters = LocalCounters(replicas: 1)
        let request = try applied("limits: [{ name: a, per: [user], quantity: 100, window: 60s }]", .user("u"))
        _ = counters.decide(request, now: now)
        let owed = try #require(counters.takeOwed(1).first)
        _ = counters.decide(request, now: now + 5_000)
        counters.putBack(owed)
        #expect(try #require(counters.takeOwed(1).first).changes.map(\.at) == [now, now + 5_000])
    }

    @Test func thereIsRoomForSoManyAndNoMore() throws {
        let counters = LocalCounters(replicas: 1, capacity: 10)
        let limits = "limits: [{ name: a, per: [user], quantity: 100, window: 1s }]"
        for index in 0..<10 { #expect(counters.decide(try applied(limits, .user("u\(index)")), now: now).isAllowed) }
        #expect(!counters.decide(try applied(limits, .user("more")), now: now).isAllowed)
        _ = counters.takeOwed(100)
        #expect(counters.decide(try applied(limits, .user("later")), now: now + 5_000).isAllowed, "the others are over")
        #expect(counters.count == 1)
    }

    @Test func aLeaseIsChargedAtItsEnd() throws {
        let counters = LocalCounters(replicas: 1)
        let request = try applied("limits: [{ name: a, per: [user], quantity: 10, window: 1s }]", .user("u"))
        let decision = counters.decide(request, Purpose(permits: 8, ahead: 20), now: now)
        #expect(decision.isAllowed && decision.permits == 8)
        #expect(!counters.decide(request, Purpose(permits: 3, ahead: 20), now: now + 1_019).isAllowed)
        #expect(counters.decide(request, Purpose(permits: 3, ahead: 20), now: now + 1_061).isAllowed)
    }

    @Test func aQuotaOfTheDayIsSpreadOverItsHours() throws {
        let counters = LocalCounters(replicas: 2)
        let request = try applied(
            "limits: [{ name: a, per: [user], quantity: 480, window: day }]", .user("u"), cost: 10)
        #expect(counters.decide(request, now: now).isAllowed)
        #expect(!counters.decide(request, now: now).isAllowed)
        #expect(counters.decide(request, now: now + 3_700_000).isAllowed)
    }
}
