import RateLimits
import Redis
import TestSupport
import Testing

@testable import RateLimitService

/// All limits of a request are decided together.
@Suite("Admission") struct AdmissionTests {
    private static let limits = """
        limits:
          - { name: narrow, per: [user], quantity: 3, window: 60s }
          - { name: wide, per: [user, endpoint], quantity: 1000, window: 60s }
          - { name: log, per: [user], quantity: 100, window: 60s, algorithm: exact }
          - { name: burst, per: [user], quantity: 100, window: 60s, burst: 50 }
          - { name: quota, per: [user], quantity: 10000, window: day }
          - { name: everybody, quantity: 1000000, window: 1s }
        """

    /// All that Redis holds of a user.
    private func dump(_ redis: RedisServer, _ user: String) async throws -> [String: String] {
        let keys = try await redis.cli(["KEYS", "*\(user)*"]).split(separator: "\n").map(String.init)
        var dumped: [String: String] = [:]
        for key in keys { dumped[key] = try await redis.cli(["DUMP", key]) }
        return dumped
    }

    @Test func aRefusalChangesNoKey() async throws {
        let redis = try await Shared.redis()
        let replica = try await Replica(redis.url, Self.limits)
        let user = unique("dump")
        let descriptors = Descriptors.user(user, ["endpoint": "/v1/orders"])
        for _ in 0..<3 { #expect(await replica.check(descriptors).isAllowed) }
        let before = try await dump(redis, user)
        #expect(before.count == 5)
        for _ in 0..<20 {
            let refused = await replica.check(descriptors)
            #expect(!refused.isAllowed)
            #expect(refused.violated.map(\.applied.name) == ["narrow"])
            #expect(refused.source == .shared)
        }
        #expect(try await dump(redis, user) == before)
        await replica.stop()
    }

    @Test func allOrNothing() async throws {
        let replica = try await Replica(try await Shared.redis().url, Self.limits)
        let user = unique("all")
        let descriptors = Descriptors.user(user, ["endpoint": "/v1/orders"])
        #expect(await replica.check(descriptors, cost: 2).isAllowed)
        let refused = await replica.check(descriptors, cost: 2)
        #expect(!refused.isAllowed)
        // The others have as much left as before.
        let remaining = Dictionary(refused.verdicts.map { ($0.applied.name, $0.outcome.remaining) }) { $1 }
        #expect(remaining["narrow"] == 1)
        #expect(remaining["wide"] == 998)
        #expect(remaining["log"] == 98)
        #expect(remaining["burst"] == 48)
        #expect(remaining["quota"] == 9_998)
        let admitted = await replica.check(descriptors, cost: 1)
        #expect(admitted.isAllowed)
        #expect(admitted.verdicts.first?.outcome.remaining == 0)
        await replica.stop()
    }

    @Test func theLongestWaitIsExact() async throws {
        let replica = try await Replica(
            try await Shared.redis().url,
            """
            limits:
              - { name: short, per: [user], quantity: 5, window: 500ms }
              - { name: shorter, per: [user], quantity: 5, window: 200ms }
            """)
        let user = Descriptors.user(unique("wait"))
        #expect(await replica.check(user, cost: 5).isAllowed)
        let refused = await replica.check(user, cost: 3)
        let waits = refused.violated.compactMap(\.outcome.retryAfter)
        #expect(waits.count == 2)
        let longest = try #require(waits.max())
        #expect(longest > 200 && longest <= 510)
        try await Task.sleep(for: .milliseconds(longest))
        #expect(await replica.check(user, cost: 3).isAllowed)
        await replica.stop()
    }

    @Test func shadowLimitsCountAndNeverRefuse() async throws {
        let replica = try await Replica(
            try await Shared.redis().url,
            """
            limits:
              - { name: tried, per: [user], quantity: 2, window: 60s, shadow: true }
              - { name: real, per: [user], quantity: 4, window: 60s }
            """)
        let user = Descriptors.user(unique("shadow"))
        var told: [Bool] = []
        for _ in 0..<4 {
            let decision = await replica.check(user)
            #expect(decision.isAllowed)
            told.append(decision.verdicts.first?.outcome.admitted ?? false)
        }
        #expect(told == [true, true, false, false])
        #expect(await !replica.check(user).isAllowed)
        await replica.stop()
    }

    @Test func everybodyHasAShareAndTheSurplusIsForWhoeverComes() async throws {
        let name = unique("share")
        let replica = try await Replica(
            try await Shared.redis().url,
            """
            limits:
              - name: \(name)
                quantity: 100
                window: 60s
                shares: { by: tenant, weights: { a: 3, b: 1 }, default: 0, surplus: 20% }
            """)
        func admitted(_ tenant: String) async -> Int {
            var count = 0
            while await replica.check(["tenant": tenant]).isAllowed { count += 1 }
            return count
        }
        #expect(await admitted("a") == 80, "its 60 of 80, and the surplus")
        #expect(await admitted("b") == 20, "its own part is untouched")
        #expect(await admitted("stranger") == 0)
        await replica.stop()
    }

    @Test func requestsWithoutLimitsPass() async throws {
        let replica = try await Replica(
            try await Shared.redis().url, "limits: [{ name: x, per: [user], quantity: 0, window: 1s }]")
        let free = await replica.check(["address": "192.0.2.1"])
        #expect(free.isAllowed && free.verdicts.isEmpty)
        let closed = await replica.check(.user(unique()))
        #expect(!closed.isAllowed)
        #expect(closed.verdicts.first?.outcome.retryAfter == nil, "it never will")
        await replica.stop()
    }
}
