import RateLimits
import Redis
import TestSupport
import Testing

@testable import RateLimitService

/// Reservations and leases in Redis.
@Suite("Records") struct RecordTests {
    private static let start: Int64 = 1_790_000_000_000

    private struct Fixture {
        let store: LimitStore
        let applied: AppliedLimit

        init(_ algorithm: LimitAlgorithm = .window(span: 60_000), _ quantity: Int64 = 100) async throws {
            store = try await ScriptTests.store()
            applied = try ScriptTests.applied(ScriptTests.limit(algorithm, quantity), unique("rec"))
        }

        func used(at now: Int64) async throws -> Int64 {
            let admission = try await store.admit(CounterGroup(applied, cost: 0), time: now)
            return applied.counter.quantity - (admission.outcomes.first?.remaining ?? 0)
        }

        func reserve(_ id: String, _ cost: Int64, at now: Int64, owner: String = "me") async throws -> Admission {
            try await store.admit(
                CounterGroup(applied, cost: cost),
                Purpose(id: id, owner: owner, keep: 70_000, expires: 10_000), time: now)
        }

        func settle(
            _ id: String, _ state: Settlement.State, _ amount: Int64 = 0, at now: Int64, owner: String = "me"
        ) async throws -> Settlement {
            try await store.settle(id, tag: applied.counter.tag, owner: owner, state, amount: amount, time: now)
        }
    }

    @Test func theDifferenceIsSettledOnce() async throws {
        let fixture = try await Fixture()
        let now = Self.start
        #expect(try await fixture.reserve("a", 10, at: now).result == .admitted)
        #expect(try await fixture.reserve("a", 10, at: now + 5).result == .known, "the same again charges nothing")
        #expect(try await fixture.used(at: now) == 10)
        #expect(try await fixture.settle("a", .committed, 4, at: now + 2_000) == .done(.committed, 4))
        #expect(try await fixture.used(at: now + 2_000) == 4)
        #expect(try await fixture.settle("a", .committed, 4, at: now + 3_000) == .done(.committed, 4))
        #expect(try await fixture.settle("a", .committed, 5, at: now + 3_000) == .settledOtherwise(.committed, 4))
        #expect(try await fixture.settle("a", .refunded, at: now + 3_000) == .settledOtherwise(.committed, 4))
        #expect(try await fixture.used(at: now + 3_000) == 4)
    }

    @Test func whatCameOnTopIsChargedWhateverTheLimitSays() async throws {
        let fixture = try await Fixture(.window(span: 60_000), 20)
        let now = Self.start
        _ = try await fixture.reserve("a", 15, at: now)
        #expect(try await fixture.settle("a", .committed, 30, at: now + 5_000) == .done(.committed, 30))
        let after = try await fixture.store.admit(CounterGroup(fixture.applied, cost: 1), time: now + 5_000)
        #expect(after.result == .refused)
        // The estimate leaves first; the rest is of when it was committed.
        let retry = try #require(after.outcomes.first?.retryAfter)
        #expect(
            try await fixture.store.admit(CounterGroup(fixture.applied, cost: 1), time: now + 5_000 + retry - 1).result
                == .refused)
        #expect(
            try await fixture.store.admit(CounterGroup(fixture.applied, cost: 1), time: now + 5_000 + retry).result
                == .admitted)
    }

    @Test func aRefundComesFromItsOwnSubWindow() async throws {
        let fixture = try await Fixture()
        let now = Self.start
        _ = try await fixture.reserve("a", 10, at: now)
        _ = try await fixture.store.admit(CounterGroup(fixture.applied, cost: 7), time: now + 30_000)
        #expect(try await fixture.settle("a", .refunded, at: now + 9_000) == .done(.refunded, 0))
        #expect(try await fixture.used(at: now + 30_000) == 7)
        // The seven are still those of their own time.
        #expect(try await fixture.used(at: now + 90_000) == 7)
        #expect(try await fixture.used(at: now + 92_500) == 0)
    }

    @Test func whatHasLeftTheWindowIsNotGivenBack() async throws {
        let fixture = try await Fixture(.window(span: 1_000), 10)
        let now = Self.start
        _ = try await fixture.reserve("a", 8, at: now)
        _ = try await fixture.store.admit(CounterGroup(fixture.applied, cost: 6), time: now + 1_500)
        #expect(try await fixture.settle("a", .refunded, at: now + 1_500) == .done(.refunded, 0))
        #expect(try await fixture.used(at: now + 1_500) == 6)
    }

    @Test func aBucketGivesBackOnlyWhatHasNotFlowedBack() async throws {
        // Ten a second, twenty at once.
        let fixture = try await Fixture(.bucket(span: 1_000, burst: 20), 10)
        let now = Self.start
        _ = try await fixture.reserve("a", 10, at: now)
        // Half a second later five have flowed back by themselves, and three more were taken.
        _ = try await fixture.store.admit(CounterGroup(fixture.applied, cost: 3), time: now + 500)
        #expect(try await fixture.settle("a", .refunded, at: now + 500) == .done(.refunded, 0))
        let left = try await fixture.store.admit(CounterGroup(fixture.applied, cost: 0), time: now + 500)
        #expect(left.outcomes.first?.remaining == 17, "the three, and nothing of theirs")
    }

    @Test func expiryCommits() async throws {
        let fixture = try await Fixture()
        let now = Self.start
        _ = try await fixture.reserve("a", 10, at: now)
        #expect(try await fixture.settle("a", .refunded, at: now + 10_000) == .expired)
        #expect(try await fixture.settle("a", .committed, 1, at: now + 10_000) == .expired)
        #expect(try await fixture.used(at: now + 10_000) == 10)
    }

    @Test func nobodyElseSettles() async throws {
        let fixture = try await Fixture()
        let now = Self.start
        _ = try await fixture.reserve("a", 10, at: now)
        #expect(try await fixture.settle("a", .refunded, at: now, owner: "you") == .unknown)
        #expect(try await fixture.reserve("a", 10, at: now, owner: "you").result == .foreign)
        #expect(try await fixture.settle("a", .returned, 5, at: now) == .unknown, "a reservation is no lease")
        #expect(try await fixture.settle("b", .refunded, at: now) == .unknown)
        #expect(try await fixture.used(at: now) == 10)
    }

    @Test func aRefusedReservationLeavesNothing() async throws {
        let fixture = try await Fixture(.window(span: 60_000), 5)
        let now = Self.start
        #expect(try await fixture.reserve("a", 6, at: now).result == .refused)
        #expect(try await fixture.settle("a", .refunded, at: now) == .unknown)
        #expect(try await fixture.reserve("a", 5, at: now).result == .admitted, "it may be asked again for less")
    }

    // MARK: Leases

    private func lease(
        _ fixture: Fixture, _ id: String, _ permits: Int64, ahead: Int64, at now: Int64
    ) async throws -> Admission {
        try await fixture.store.admit(
            CounterGroup(fixture.applied, cost: 1),
            Purpose(permits: permits, ahead: ahead, id: id, owner: "me", keep: 70_000, expires: ahead), time: now)
    }

    @Test func aBlockIsAtMostHalfOfWhatIsLeftAndIsGivenBackOnce() async throws {
        let fixture = try await Fixture()
        let now = Self.start
        #expect(try await lease(fixture, "a", 1_000, ahead: 1_200, at: now).permits == 50)
        #expect(try await lease(fixture, "b", 10, ahead: 1_200, at: now).permits == 10)
        #expect(try await lease(fixture, "c", 1_000, ahead: 1_200, at: now).permits == 20)
        #expect(try await fixture.used(at: now) == 80)
        #expect(try await fixture.settle("a", .returned, 30, at: now + 1_000) == .done(.returned, 30))
        #expect(try await fixture.settle("a", .returned, 30, at: now + 1_000) == .done(.returned, 30))
        #expect(try await fixture.settle("a", .returned, 40, at: now + 1_000) == .settledOtherwise(.returned, 30))
        #expect(try await fixture.used(at: now + 1_000) == 50)
        #expect(
            try await fixture.settle("b", .returned, 99, at: now + 1_000) == .done(.returned, 10), "no more than it was"
        )
        #expect(try await fixture.settle("c", .refunded, at: now + 1_000) == .unknown, "a lease is no reservation")
        #expect(try await fixture.used(at: now + 1_000) == 40)
    }

    /// Holders spend at any instant of their time, give back or do not; the sum over any window holds.
    @Test(
        "whenever permits are spent, no window has too many",
        arguments: [
            LimitAlgorithm.window(span: 5_000), .exact(span: 5_000), .bucket(span: 5_000, burst: 40),
        ])
    func sumHolds(_ algorithm: LimitAlgorithm) async throws {
        let quantity: Int64 = 120
        let fixture = try await Fixture(algorithm, quantity)
        let life = LeaseLife.milliseconds([fixture.applied])
        var random = SplitMix(5)
        var now = Self.start
        var log = AdmittedLog()
        var held: [(id: String, permits: Int64, ends: Int64)] = []
        for step in 0..<(1_500 * ScriptTests.scale) {
            now += Int64.random(in: 0...40, using: &random)
            // Some holders spend to the last instant, and some never.
            for holder in held where Int.random(in: 0..<3, using: &random) == 0 && now < holder.ends {
                log.add(holder.ends - 1, holder.permits)
                held.removeAll { $0.id == holder.id }
            }
            for holder in held where now >= holder.ends {
                if Bool.random(using: &random) {
                    _ = try await fixture.settle(holder.id, .returned, holder.permits, at: now)
                }
                held.removeAll { $0.id == holder.id }
            }
            if Bool.random(using: &random) {
                let admission = try await fixture.store.admit(CounterGroup(fixture.applied, cost: 1), time: now)
                if admission.result == .admitted { log.add(now, 1) }
            } else {
                let wanted = Int64.random(in: 1...20, using: &random)
                let admission = try await lease(fixture, "l\(step)", wanted, ahead: life, at: now)
                if admission.permits > 0 { held.append(("l\(step)", admission.permits, now + admission.life)) }
            }
        }
        var bound = quantity
        if case .bucket(_, let burst) = algorithm { bound += burst }
        #expect(log.most(in: 5_000) <= bound, "\(algorithm)")
        #expect(log.most(in: 5_000) > quantity / 3, "it was busy")
        if case .bucket(let span, let burst) = algorithm {
            // At any scale: the burst and what flows back.
            for length in [life, 500, 1_000, 2_000] as [Int64] {
                #expect(log.most(in: length) <= burst + (length * quantity + span - 1) / span)
            }
        }
    }

    // MARK: After an outage

    @Test func whatWasAdmittedMeanwhileIsCharged() async throws {
        let fixture = try await Fixture(.window(span: 10_000), 100)
        let now = Self.start
        try await fixture.store.charge(
            fixture.applied.counter.key, fixture.applied.algorithm, quantity: 100,
            [(9_000, 10), (4_000, 20), (10_500, 5), (0, 1)].sorted { $0.0 > $1.0 },
            time: now)
        #expect(try await fixture.used(at: now) == 31, "what is older has left the window")
        #expect(try await fixture.used(at: now + 2_000) == 21)
        #expect(try await fixture.used(at: now + 6_500) == 1)
    }

    @Test func ofABucketAPartHasFlowedBack() async throws {
        let fixture = try await Fixture(.bucket(span: 1_000, burst: 20), 10)
        try await fixture.store.charge(
            fixture.applied.counter.key, fixture.applied.algorithm, quantity: 10, [(5_000, 20), (500, 9)],
            time: Self.start)
        let left = try await fixture.store.admit(CounterGroup(fixture.applied, cost: 0), time: Self.start)
        #expect(left.outcomes.first?.remaining == 16, "nine less five")
    }
}
