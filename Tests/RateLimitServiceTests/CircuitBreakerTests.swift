import Testing

@testable import RateLimitService

@Suite struct CircuitBreakerTests {
    @Test func opensAfterARunOfFailures() {
        let breaker = Held()
        for _ in 0..<4 { #expect(!breaker.failed(now: 0)) }
        breaker.succeeded()
        for _ in 0..<4 { #expect(!breaker.failed(now: 0)) }
        #expect(breaker.isClosed)
        #expect(breaker.failed(now: 10))
        #expect(breaker.state == .open(until: 260))
        #expect(!breaker.failed(now: 11), "one that began before changes nothing")
        #expect(breaker.state == .open(until: 260))
    }

    @Test func opensWhenHalfOfTheLastFail() {
        let breaker = Held(.init(run: 100, memory: 20))
        for index in 0..<19 {
            if index % 2 == 0 { #expect(!breaker.failed(now: 0)) } else { breaker.succeeded() }
        }
        // The twentieth is the tenth failure... and none before, however many failed.
        breaker.succeeded()
        #expect(breaker.isClosed)
        #expect(breaker.failed(now: 5))
    }

    @Test func fewFailuresAmongManyKeepItClosed() {
        let breaker = Held()
        for index in 0..<1_000 {
            if index % 3 == 0 { #expect(!breaker.failed(now: 0)) } else { breaker.succeeded() }
        }
        #expect(breaker.isClosed)
    }

    @Test func oneProbeAtATimeAndOnlyWhenItIsDue() {
        let breaker = Held()
        #expect(!breaker.beginProbe(now: 0), "closed")
        for _ in 0..<5 { _ = breaker.failed(now: 0) }
        #expect(!breaker.beginProbe(now: 249))
        #expect(breaker.beginProbe(now: 250))
        #expect(!breaker.beginProbe(now: 251), "one is on its way")
        #expect(!breaker.probed(succeeded: false, now: 300))
        #expect(breaker.state == .open(until: 550))
        #expect(breaker.beginProbe(now: 550))
        breaker.succeeded()
        #expect(!breaker.isClosed, "what came late is no probe")
        #expect(breaker.probed(succeeded: true, now: 560))
        #expect(breaker.isClosed)
        for _ in 0..<4 { #expect(!breaker.failed(now: 600)) }
        #expect(breaker.isClosed, "it begins anew")
    }

    @Test func aProbeThatIsNeverReportedDoesNotBlock() {
        let breaker = Held()
        for _ in 0..<5 { _ = breaker.failed(now: 0) }
        #expect(breaker.beginProbe(now: 250))
        #expect(!breaker.beginProbe(now: 5_249))
        #expect(breaker.beginProbe(now: 5_250))
    }
}

/// A breaker that expectations can change.
private final class Held {
    private var breaker: CircuitBreaker
    init(_ settings: CircuitBreaker.Settings = .init()) { breaker = CircuitBreaker(settings) }
    var isClosed: Bool { breaker.isClosed }
    var state: CircuitBreaker.State { breaker.state }
    func succeeded() { breaker.succeeded() }
    func failed(now: Int64) -> Bool { breaker.failed(now: now) }
    func beginProbe(now: Int64) -> Bool { breaker.beginProbe(now: now) }
    func probed(succeeded: Bool, now: Int64) -> Bool { breaker.probed(succeeded: succeeded, now: now) }
}

@Suite struct RedisGatesTests {
    @Test func anOutageIsToldOfOnce() {
        let time = Clock()
        let gates = RedisGates(isCluster: false, clock: { time.now })
        #expect(gates.look() == nil)
        for _ in 0..<5 { gates["k"].failed("k") }
        #expect(gates.look() == .degraded)
        #expect(gates.look() == nil)
        #expect(throws: RedisGates.Away.self) { try gates.check() }
        // It comes back for a moment and goes again.
        time.now = 300
        #expect(gates.all[0].beginProbe() == "k")
        gates.all[0].probed(succeeded: true)
        #expect(throws: Never.self) { try gates.check() }
        #expect(gates.look() == nil)
        time.now = 700
        for _ in 0..<5 { gates["k"].failed("k") }
        #expect(gates.look() == nil)
        time.now = 1_000
        #expect(gates.all[0].beginProbe() == "k")
        gates.all[0].probed(succeeded: true)
        #expect(gates.look() == nil)
        time.now = 2_000
        #expect(gates.look() == .recovered(afterMilliseconds: 1_000))
        #expect(gates.look() == nil)
    }

    @Test func aClusterHasOneForEachRangeOfSlots() {
        let gates = RedisGates(isCluster: true)
        let keys = (0..<200).map { "rl:{u:\($0)}x" }
        #expect(Set(keys.map { ObjectIdentifier(gates[$0]) }).count == 16)
        for _ in 0..<5 { gates[keys[0]].failed(keys[0]) }
        #expect(!gates[keys[0]].letsThrough)
        #expect(keys.filter { gates[$0].letsThrough }.count > 150)
    }
}
