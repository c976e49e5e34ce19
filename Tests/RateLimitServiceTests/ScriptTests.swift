import Foundation
import RateLimits
import Redis
import TestSupport
import Testing

@testable import RateLimitService

/// The scripts do the arithmetic of the pure windows: the same questions at the same instants have the same answers.
@Suite("Scripts against pure windows") struct ScriptTests {
    /// Ten times as much under JTS_LONG=1.
    static let scale = ProcessInfo.processInfo.environment["JTS_LONG"] == "1" ? 10 : 1

    /// Scripts whose time is an argument.
    static func store() async throws -> LimitStore {
        LimitStore(
            redis: try Shared.client(try await Shared.redis().url), scripts: LimitScripts(.lastArgument))
    }

    /// One limit for each user, as it stands in a set.
    static func applied(_ limit: Limit, _ user: String, cost: Int64 = 1) throws -> AppliedLimit {
        try #require(LimitSet([limit]).applied(to: .user(user), cost: cost).first)
    }

    static func limit(_ algorithm: LimitAlgorithm, _ quantity: Int64) -> Limit {
        Limit(name: "l", per: ["user"], quantity: quantity, algorithm: algorithm)
    }

    /// Arrivals as they come: at once, evenly, in bursts, after a pause, at the edges of sub-windows, and back in time.
    struct Arrivals {
        var now: Int64 = 1_790_000_000_000
        let span: Int64

        mutating func next(using random: inout SplitMix) -> Int64 {
            let width = max(span / 50, 1)
            switch Int.random(in: 0..<24, using: &random) {
            case 0...9: break
            case 10...15: now += Int64.random(in: 0...(width + 1), using: &random)
            case 16...19: now += Int64.random(in: 0...max(span / 10, 1), using: &random)
            case 20, 21: now = (now / width + 1) * width - Int64.random(in: 0...1, using: &random)
            case 22: now += span + Int64.random(in: -2...2, using: &random)
            default: now -= Int64.random(in: 0...width, using: &random)
            }
            return now
        }
    }

    static let algorithms: [LimitAlgorithm] = [
        .window(span: 60_000), .window(span: 50), .window(span: 1_000), .exact(span: 10_000), .exact(span: 7),
        .bucket(span: 60_000, burst: 20), .bucket(span: 977, burst: 3), .calendar(.day), .calendar(.month),
    ]

    @Test("decisions, charges ahead and refunds", arguments: algorithms)
    func sameAnswers(_ algorithm: LimitAlgorithm) async throws {
        let store = try await Self.store()
        var random = SplitMix(UInt64(bitPattern: Int64(algorithm.name.utf8.reduce(7) { $0 * 31 + Int($1) })))
        for quantity in [1, 7, 100, 5_000] as [Int64] {
            let limit = Self.limit(algorithm, quantity)
            let user = unique()
            let span = algorithm.span ?? 86_400_000
            var pure = try #require(algorithm.counter(quantity: quantity))
            var arrivals = Arrivals(span: span)
            for step in 0..<(400 * Self.scale) {
                let now = arrivals.next(using: &random)
                let cost: Int64 =
                    switch Int.random(in: 0..<10, using: &random) {
                    case 0: 0
                    case 1...6: 1
                    case 7, 8: Int64.random(in: 1...max(quantity / 5, 1), using: &random)
                    default: Int64.random(in: 1...(quantity + 2), using: &random)
                    }
                let group = CounterGroup(try Self.applied(limit, user), cost: cost)
                let expected = pure.decide(cost: cost, now: now)
                let admission = try await store.admit(group, time: now)
                #expect(admission.now == now)
                try #require(
                    admission.outcomes == [expected],
                    "\(algorithm) of \(quantity), step \(step), cost \(cost), at \(now): \(admission.outcomes)")
                #expect((admission.result == .admitted) == expected.admitted)
            }
            try await givesBackAlike(store, limit, &random)
        }
    }

    /// Charges now or ahead, and gives back what was charged now.
    private func givesBackAlike(_ store: LimitStore, _ limit: Limit, _ random: inout SplitMix) async throws {
        var pure = try #require(limit.algorithm.counter(quantity: limit.quantity))
        let applied = try Self.applied(limit, unique())
        let width = max(1, (limit.algorithm.span ?? 0) / 50)
        var now: Int64 = 1_790_000_000_000
        for step in 0..<(100 * Self.scale) {
            now += Int64.random(in: 0...width, using: &random)
            let cost = Int64.random(in: 0...max(1, min(limit.quantity, 5)), using: &random)
            var purpose = Purpose(id: RequestName.make(), owner: "me", keep: 60_000, expires: 60_000)
            // The pure bucket knows nothing of ahead.
            if case .bucket = limit.algorithm {
            } else if step % 3 == 0 {
                purpose.permits = 1
                purpose.ahead = Int64.random(in: 0...width, using: &random)
            }
            let expected = pure.outcome(cost: cost, now: now)
            if expected.admitted { pure.charge(cost: cost, now: now, ahead: purpose.ahead) }
            let admission = try await store.admit(CounterGroup(applied, cost: cost), purpose, time: now)
            let outcome = try #require(admission.outcomes.first)
            try #require(
                outcome.admitted == expected.admitted && outcome.remaining == expected.remaining, "step \(step)")
            try #require(outcome.retryAfter == expected.retryAfter)
            guard expected.admitted, Bool.random(using: &random) else { continue }
            // At the same instant: a bucket has not drained by then, and both give back all.
            let state = purpose.permits > 0 ? Settlement.State.returned : .refunded
            let settled = try await store.settle(
                purpose.id, tag: applied.counter.tag, owner: "me", state, amount: purpose.permits, time: now)
            #expect(settled == .done(state, purpose.permits))
            pure.refund(cost: cost, chargedAt: now + purpose.ahead, now: now)
        }
    }

    @Test("windows beyond four bytes", .timeLimit(.minutes(1)))
    func wideCounts() async throws {
        let store = try await Self.store()
        let user = unique()
        let large: Int64 = 6_000_000_000
        var pure: any RateWindow = SlidingWindow(quantity: large, span: 60_000)
        let now: Int64 = 1_790_000_000_000
        // Begun by a limit whose counts have four bytes, then raised.
        let small = Self.limit(.window(span: 60_000), 3_000_000)
        for step in 0..<3 {
            let applied = try Self.applied(small, user)
            let expected = SlidingWindow(quantity: small.quantity, span: 60_000, bytes: pure.bytes)
                .outcome(cost: 1_000_000, now: now + Int64(step))
            pure.charge(cost: 1_000_000, now: now + Int64(step))
            let admission = try await store.admit(CounterGroup(applied, cost: 1_000_000), time: now + Int64(step))
            #expect(admission.outcomes == [expected])
        }
        let raised = Self.limit(.window(span: 60_000), large)
        for step in 0..<7_000 {
            let at = now + 10 + Int64(step) / 4
            let expected = pure.decide(cost: 1_000_000, now: at)
            let admission = try await store.admit(
                CounterGroup(try Self.applied(raised, user), cost: 1_000_000), time: at)
            try #require(admission.outcomes == [expected], "step \(step)")
        }
        let last = try await store.admit(
            CounterGroup(try Self.applied(raised, user), cost: 1_000_000), time: now + 9_000)
        #expect(last.result == .refused)
    }

    @Test("permits held at the same time")
    func concurrency() async throws {
        let store = try await Self.store()
        var random = SplitMix(11)
        let limit = Self.limit(.concurrency(expiry: 5_000), 12)
        let user = unique()
        var pure = Concurrency(quantity: 12, expiry: 5_000)
        var now: Int64 = 1_790_000_000_000
        var holders: [String] = []
        var refused = 0
        for step in 0..<(600 * Self.scale) {
            now += Int64.random(in: 0...400, using: &random)
            let applied = try Self.applied(limit, user)
            if Int.random(in: 0..<3, using: &random) == 0, let holder = holders.randomElement(using: &random) {
                pure.release(id: holder)
                _ = try await store.settle(holder, tag: applied.counter.tag, owner: "me", .refunded, time: now)
                holders.removeAll { $0 == holder }
                continue
            }
            let cost = Int64.random(in: 0...4, using: &random)
            let id = "h\(step)"
            let expected = pure.acquire(id: id, cost: cost, now: now)
            let admission = try await store.admit(
                CounterGroup(applied, cost: cost),
                Purpose(id: id, owner: "me", keep: 60_000, expires: 60_000), time: now)
            try #require(admission.outcomes == [expected], "step \(step): \(admission.outcomes), \(expected)")
            if expected.admitted, cost > 0 { holders.append(id) }
            if !expected.admitted { refused += 1 }
        }
        #expect(refused > 20)
    }

    @Test("values expire when they say nothing any more, and take less than 250 bytes")
    func memory() async throws {
        let redis = try await Shared.redis()
        let store = LimitStore(redis: try Shared.client(redis.url))
        for (algorithm, span) in [
            (LimitAlgorithm.window(span: 60_000), 61_200), (.exact(span: 60_000), 60_000),
            (.bucket(span: 60_000, burst: 30), 20_001), (.concurrency(expiry: 60_000), 60_000),
        ] {
            let applied = try Self.applied(Self.limit(algorithm, 30), unique())
            _ = try await store.admit(CounterGroup(applied, cost: 10), Purpose(id: unique()))
            let left = try #require(Int(try await redis.cli(["PTTL", applied.counter.key])))
            #expect(left > 0 && left <= span, "\(algorithm): \(left)")
        }
        // Every sub-window of a busy limit in use.
        let timed = try await Self.store()
        let applied = try Self.applied(Self.limit(.window(span: 60_000), 20_000), unique())
        for step in 0..<60 {
            _ = try await timed.admit(CounterGroup(applied, cost: 300), time: 1_790_000_000_000 + Int64(step) * 1_200)
        }
        let length = try #require(Int(try await redis.cli(["STRLEN", applied.counter.key])))
        #expect(length < 250, "\(length)")
        #expect(length > 200)
    }
}
