import Foundation
import RateLimits
import Synchronization
import TestSupport
import Testing

@testable import RateLimitService

/// What the clients of a test were told.
private final class Tally: Sendable {
    struct Counts: Sendable {
        var local = 0
        var allowedShared: Int64 = 0
        var allowedLocal: Int64 = 0
        var localWaits: [Duration] = []
    }

    private let state = Mutex(Counts())
    var counts: Counts { state.withLock { $0 } }

    func note(_ decision: Decision, _ took: Duration) {
        state.withLock { counts in
            switch decision.source {
            case .shared: if decision.isAllowed { counts.allowedShared += 1 }
            case .local:
                counts.local += 1
                counts.localWaits.append(took)
                if decision.isAllowed { counts.allowedLocal += 1 }
            }
        }
    }
}

/// Redis stands still or dies while requests come.
@Suite("Outages", .serialized) struct OutageTests {
    private static let limits = """
        limits:
          - { name: local, match: { kind: local }, per: [user], quantity: 400, window: 60s }
          - { name: open, match: { kind: open }, per: [user], quantity: 400, window: 60s, unavailable: { open: 30 } }
          - { name: shut, match: { kind: shut }, per: [user], quantity: 400, window: 60s, unavailable: closed }
          - { name: bucket, match: { kind: bucket }, per: [user], quantity: 40, window: 10s, burst: 40 }
        """

    private func used(_ replica: Replica, _ descriptors: Descriptors) async -> Int64 {
        let decision = await replica.check(descriptors, cost: 0)
        guard decision.source == .shared, let verdict = decision.verdicts.first else { return -1 }
        return verdict.applied.counter.quantity - verdict.outcome.remaining
    }

    /// How many of a number are admitted; none may wait long.
    private func admitted(_ replica: Replica, _ descriptors: Descriptors, of count: Int) async -> Int {
        var admitted = 0
        for _ in 0..<count where await replica.check(descriptors).isAllowed { admitted += 1 }
        return admitted
    }

    @Test("stands still and goes on", arguments: [true, false])
    func eachLimitDoesWhatItSays(isKilled: Bool) async throws {
        let redis = try await RedisServer(.init(appendOnly: true))
        let replica = try await Replica(redis.url, Self.limits, replicas: 4, deadline: "100ms", runs: true)
        let user = unique("outage")
        func kind(_ kind: String) -> Descriptors { .user(user, ["kind": kind]) }
        for one in ["local", "open", "shut"] { #expect(await replica.check(kind(one)).source == .shared) }
        #expect(try await replica.events() == [])

        if isKilled { redis.kill() } else { redis.pause() }
        // Nobody waits for more than the deadline and what it takes to connect, and soon nobody waits at all.
        try await eventually("the breaker is open") {
            _ = await replica.check(.user("\(user)-other", ["kind": "local"]))
            return !replica.limiter.gates.areOpen
        }
        #expect(throws: RedisGates.Away.self) { try replica.limiter.gates.check() }
        #expect(await admitted(replica, kind("local"), of: 150) == 100, "a quarter, for one of four replicas")
        #expect(await admitted(replica, kind("open"), of: 50) == 30, "its budget")
        #expect(await admitted(replica, kind("shut"), of: 20) == 0)
        #expect(await admitted(replica, kind("bucket"), of: 40) >= 10, "a quarter of the burst")
        let refused = await replica.check(kind("shut"))
        #expect(refused.source == .local && refused.violated.first?.outcome.retryAfter == 1_000)

        if isKilled { try await redis.start() } else { redis.resume() }
        try await eventually("it is shared again") {
            let open = replica.limiter.gates.areOpen
            return open && !replica.limiter.local.owes
        }
        // What was admitted meanwhile is charged: no burst. One call may have been counted twice, never less than once.
        let local = await used(replica, kind("local"))
        #expect((101...110).contains(local), "\(local)")
        let open = await used(replica, kind("open"))
        #expect((31...40).contains(open), "\(open)")
        #expect(await used(replica, kind("shut")) == 1)
        #expect(await admitted(replica, kind("local"), of: 400) == Int(400 - local))
        try await eventually("both are told of") { try await replica.events().count >= 2 }
        try await Task.sleep(for: .milliseconds(300))
        #expect(
            try await replica.events() == [
                "org.jts.security.limiter-degraded", "org.jts.security.limiter-recovered",
            ])
        await replica.stop()
    }

    @Test("under load nobody waits, nothing fails, and the return brings no burst")
    func underLoad() async throws {
        let redis = try await RedisServer(.init(appendOnly: true))
        let name = unique("load")
        let limits = "limits: [{ name: \(name), per: [user], quantity: 1000, window: 10s }]"
        var replicas: [Replica] = []
        for _ in 0..<4 {
            replicas.append(try await Replica(redis.url, limits, replicas: 4, deadline: "50ms", runs: true))
        }
        let tally = Tally()
        let replicasOfClients = replicas
        await withTaskGroup(of: Void.self) { group in
            let start = ContinuousClock.now
            let deadline = start + .seconds(4)
            for client in 0..<64 {
                let replica = replicasOfClients[client % 4]
                group.addTask {
                    while ContinuousClock.now < deadline {
                        let from = ContinuousClock.now
                        let decision = await replica.check(.user(name))
                        let took = from.duration(to: .now)
                        tally.note(decision, took)
                        try? await Task.sleep(for: .milliseconds(decision.isAllowed ? 1 : 5))
                    }
                }
            }
            group.addTask {
                try? await Task.sleep(for: .milliseconds(300))
                redis.pause()
                try? await Task.sleep(for: .milliseconds(1_200))
                redis.kill()
                try? await Task.sleep(for: .milliseconds(300))
                try? await redis.start()
            }
        }
        let total = tally.counts
        #expect(total.local > 100)
        // Shared at most the limit; in the window of the outage once more, as no replica knows what was used.
        #expect(total.allowedLocal <= 1_000)
        #expect(total.allowedShared + total.allowedLocal <= 2_000)
        // All but those that found out waited for nothing.
        let waits = total.localWaits.sorted()
        let median = try #require(waits.isEmpty ? nil : waits[waits.count / 2])
        #expect(median < .milliseconds(50), "half of them did not wait for a deadline: \(median)")
        try await eventually("all are shared again") {
            replicas.allSatisfy { $0.limiter.gates.areOpen && !$0.limiter.local.owes }
        }
        let after = await replicas[0].check(.user(name), cost: 0)
        let used = 1_000 - (after.verdicts.first?.outcome.remaining ?? 0)
        #expect(used >= min(1_000, total.allowedLocal), "\(used) of \(total.allowedLocal)")
        for replica in replicas { await replica.stop() }
    }

    @Test("settling waits for nobody: it is answered 503 and may be asked again")
    func settlingWhileAway() async throws {
        let redis = try await RedisServer(.init(appendOnly: true))
        let replica = try await Replica(redis.url, Self.limits, deadline: "100ms", runs: true)
        let user = unique("settle")
        let reserved = try await replica.caller.send(
            .post, "/v1/reserve", ["descriptors": ["user": .string(user), "kind": "local"], "cost": 10],
            as: Replica.service)
        let id = try #require(reserved["reservation"])
        redis.pause()
        let away = try await replica.caller.send(
            .post, "/v1/commit", ["reservation": id, "cost": 4], as: Replica.service)
        #expect(away.status == 503)
        try await eventually("the breaker is open") {
            _ = await replica.check(.user(user, ["kind": "local"]))
            return !replica.limiter.gates.areOpen
        }
        let local = try await replica.caller.send(
            .post, "/v1/reserve", ["descriptors": ["user": .string(user), "kind": "local"], "cost": 3],
            as: Replica.service)
        #expect(local["allowed"] == true && local["source"] == "local")
        let settled = try await replica.caller.send(
            .post, "/v1/refund", ["reservation": try #require(local["reservation"])], as: Replica.service)
        #expect(settled.status == 200, "there is no record of it: the estimate stands")
        redis.resume()
        try await eventually("it is shared again") { replica.limiter.gates.areOpen }
        let done = try await replica.caller.send(
            .post, "/v1/commit", ["reservation": id, "cost": 4], as: Replica.service)
        #expect(done.status == 200)
        #expect(done["state"] == "committed" && done["cost"] == 4)
        await replica.stop()
    }
}
