import Testing

@testable import RateLimits

/// Random limits, costs and arrivals; every answer is compared with the log of what was admitted.
@Suite struct WindowSimulatorTests {
    @Test func slidingWindow() throws {
        var random = SplitMix(1)
        var requests = 0
        for _ in 0..<(200 * Simulation.scale) {
            let span = Int64.random(in: 1...2400, using: &random) * 50
            let quantity = Int64.random(
                in: 0...Int64([3, 60, 1000].randomElement(using: &random) ?? 3), using: &random)
            var window = SlidingWindow(quantity: quantity, span: span)
            var log = AdmittedLog()
            var arrivals = Simulation.Arrivals(span: span)
            for _ in 0..<1500 {
                requests += 1
                let now = arrivals.next(using: &random)
                let cost = Simulation.cost(upTo: quantity, using: &random)
                let before = window
                let outcome = window.decide(cost: cost, now: now)
                if outcome.admitted {
                    log.add(now, cost, keeping: span)
                    let used = log.sum(from: now - span, to: now)
                    try #require(used <= quantity, "over in a window of \(span) at \(now)")
                } else {
                    try #require(window == before)
                    // The instants of an exact window that is 2 % longer.
                    let longer = span + span / 50
                    try #require(log.sum(from: now - longer + 1, to: now) + cost > quantity)
                }
                try Promises.check(before, cost: cost, now: now, outcome)
                try Promises.checkState(window, now: now, quantity: quantity) {
                    SlidingWindow(quantity: quantity, span: span, bytes: $0)
                }
            }
        }
        #expect(requests >= 300_000)
    }

    @Test func exactLog() throws {
        var random = SplitMix(2)
        for _ in 0..<(60 * Simulation.scale) {
            let span = Int64.random(in: 1...100_000, using: &random)
            let quantity = Int64.random(in: 0...200, using: &random)
            var exact = ExactLog(quantity: quantity, span: span)
            var log = AdmittedLog()
            var arrivals = Simulation.Arrivals(span: span)
            for _ in 0..<1000 {
                let now = arrivals.next(using: &random)
                let cost = Simulation.cost(upTo: quantity, using: &random)
                let before = exact
                let outcome = exact.decide(cost: cost, now: now)
                let used = log.sum(from: now - span + 1, to: now)
                try #require(outcome.admitted == (used + cost <= quantity))
                if outcome.admitted { log.add(now, cost, keeping: span) } else { try #require(exact == before) }
                try Promises.check(before, cost: cost, now: now, outcome)
                try Promises.checkState(exact, now: now, quantity: quantity) {
                    ExactLog(quantity: quantity, span: span, bytes: $0)
                }
            }
        }
    }

    /// Against the algorithm in 128 bits, where a permit is a whole number of units whatever the quantity.
    @Test func tokenBucket() throws {
        var random = SplitMix(3)
        for _ in 0..<(120 * Simulation.scale) {
            let span = Int64.random(in: 1...100_000, using: &random)
            let quantity = Int64.random(in: 1...2000, using: &random)
            let burst = Int64.random(in: 1...100, using: &random)
            var bucket = TokenBucket(quantity: quantity, span: span, burst: burst)
            var full: Int128 = 0
            var log = AdmittedLog()
            var arrivals = Simulation.Arrivals(span: span)
            for _ in 0..<1000 {
                let now = arrivals.next(using: &random)
                let cost = Simulation.cost(upTo: burst, using: &random)
                let before = bucket
                let outcome = bucket.decide(cost: cost, now: now)
                let instant = Int128(now) * Int128(quantity)
                let next = max(full, instant) + Int128(cost) * Int128(span)
                try #require(outcome.admitted == (next - instant <= Int128(burst) * Int128(span)))
                if outcome.admitted {
                    full = next
                    log.add(now, cost, keeping: span)
                    try #require(log.sum(from: now - span, to: now) <= quantity + burst)
                } else {
                    try #require(bucket == before)
                }
                try Promises.check(before, cost: cost, now: now, outcome)
                try Promises.checkState(bucket, now: now, quantity: burst) {
                    TokenBucket(quantity: quantity, span: span, burst: burst, bytes: $0)
                }
            }
        }
    }

    @Test func calendarQuota() throws {
        var random = SplitMix(4)
        for period in CalendarPeriod.allCases {
            for _ in 0..<(20 * Simulation.scale) {
                let quantity = Int64.random(in: 0...500, using: &random)
                var quota = CalendarQuota(quantity: quantity, period: period)
                var used: [Int64: Int64] = [:]
                var now: Int64 = 1_790_000_000_000
                for _ in 0..<500 {
                    now += Int64.random(in: 0...40_000_000, using: &random)
                    let cost = Simulation.cost(upTo: quantity, using: &random)
                    let before = quota
                    let outcome = quota.decide(cost: cost, now: now)
                    let number = period.number(at: now)
                    try #require(outcome.admitted == (used[number, default: 0] + cost <= quantity))
                    if outcome.admitted { used[number, default: 0] += cost } else { try #require(quota == before) }
                    try Promises.check(before, cost: cost, now: now, outcome)
                    try Promises.checkState(quota, now: now, quantity: quantity) {
                        CalendarQuota(quantity: quantity, period: period, bytes: $0)
                    }
                }
            }
        }
    }
}

/// What every counter promises about its answers.
enum Promises {
    /// `retryAfter` is exact: a millisecond earlier it is refused, then it is admitted. `reset` is when more is available.
    static func check(_ before: some RateWindow, cost: Int64, now: Int64, _ outcome: Outcome) throws {
        try #require(before.outcome(cost: cost, now: now) == outcome)
        try #require(outcome.remaining >= 0 && outcome.reset >= 0)
        if outcome.admitted {
            try #require(outcome.retryAfter == nil)
            var after = before
            after.charge(cost: cost, now: now)
            try checkReset(after, outcome, now)
        } else {
            try checkReset(before, outcome, now)
            guard let retryAfter = outcome.retryAfter else {
                // More than there ever is.
                try #require(!before.outcome(cost: cost, now: now + before.lifetime(now: now) + 1).admitted)
                return
            }
            try #require(retryAfter > 0 && retryAfter >= outcome.reset)
            try #require(!before.outcome(cost: cost, now: now + retryAfter - 1).admitted)
            try #require(before.outcome(cost: cost, now: now + retryAfter).admitted)
        }
    }

    private static func checkReset(_ state: some RateWindow, _ outcome: Outcome, _ now: Int64) throws {
        try #require(state.outcome(cost: 0, now: now).remaining == outcome.remaining)
        guard outcome.reset > 0 else { return }
        try #require(state.outcome(cost: 0, now: now + outcome.reset - 1).remaining == outcome.remaining)
        try #require(state.outcome(cost: 0, now: now + outcome.reset).remaining > outcome.remaining)
    }

    /// The state survives being written and read, and is as good as none when its life is over.
    static func checkState<Window: RateWindow & Equatable>(
        _ window: Window, now: Int64, quantity: Int64, read: ([UInt8]) -> Window
    ) throws {
        try #require(read(window.bytes) == window)
        let lifetime = window.lifetime(now: now)
        try #require(lifetime >= 0)
        try #require(window.outcome(cost: 0, now: now + lifetime).remaining == quantity)
        if lifetime > 0 { try #require(window.outcome(cost: 0, now: now + lifetime - 1).remaining < quantity) }
    }
}
