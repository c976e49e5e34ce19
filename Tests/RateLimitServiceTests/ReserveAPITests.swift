import HTTPTypes
import RateLimits
import RouteTesting
import StrictJSON
import TestSupport
import Testing

@testable import RateLimitService

@Suite("Reservations and leases over the API") struct ReserveAPITests {
    private static let limits = """
        limits:
          - { name: spend, per: [user], quantity: 100, window: 60s }
          - { name: requests, per: [user], quantity: 10, window: 60s, cost: one }
          - { name: at-once, match: { kind: slow }, per: [user], algorithm: concurrency, quantity: 2, expiry: 60s, cost: one }
        """

    private struct World {
        let replica: Replica
        let user = unique("api")

        init() async throws { replica = try await Replica(try await Shared.redis().url, ReserveAPITests.limits) }

        func post(
            _ path: String, _ body: JSONValue, as caller: String = Replica.service, key: String? = nil
        ) async throws -> RouteCaller.Answer {
            var headers: HTTPFields = [:]
            if let key, let name = HTTPField.Name("Idempotency-Key") { headers[name] = key }
            return try await replica.caller.send(.post, path, body, as: caller, headers: headers)
        }

        func reserve(_ cost: Int64, key: String? = nil, kind: String = "quick") async throws -> RouteCaller.Answer {
            try await post(
                "/v1/reserve", ["descriptors": ["user": .string(user), "kind": .string(kind)], "cost": .int(cost)],
                key: key)
        }

        func expect(_ expected: [Int64], line: Int = #line) async throws {
            let left = await remaining()
            #expect(left == expected, "line \(line)")
        }

        /// What is left of each limit.
        func remaining() async -> [Int64] {
            await replica.check(.user(user), cost: 0).verdicts.map(\.outcome.remaining)
        }
    }

    @Test func anEstimateIsChargedAndTheDifferenceSettled() async throws {
        let world = try await World()
        let reserved = try await world.reserve(40)
        #expect(reserved.status == 200 && reserved["allowed"] == true && reserved["expires_ms"] == 60_000)
        let id = try #require(reserved["reservation"])
        #expect(await world.remaining()[0] == 60)
        let other = try await world.post("/v1/commit", ["reservation": id, "cost": 1], as: "other/limits:check")
        #expect(other.status == 404)
        for _ in 0..<2 {
            let committed = try await world.post("/v1/commit", ["reservation": id, "cost": 25])
            #expect(committed.status == 200 && committed["state"] == "committed" && committed["cost"] == 25)
        }
        let otherwise = try await world.post("/v1/refund", ["reservation": id])
        #expect(otherwise.status == 409 && otherwise.problem == "already-settled")
        // A limit by requests counts one, whatever it came to; a look at what is left costs nothing.
        try await world.expect([75, 9])
        let returned = try #require(try await world.reserve(10)["reservation"])
        #expect(try await world.post("/v1/refund", ["reservation": returned]).status == 200)
        try await world.expect([75, 9])
        await world.replica.stop()
    }

    @Test func aRepeatedReservationIsTheSame() async throws {
        let world = try await World()
        let first = try await world.reserve(30, key: "k-1")
        let again = try await world.reserve(30, key: "k-1")
        #expect(first["reservation"] == again["reservation"])
        #expect(again["limits"] == first["limits"])
        #expect(try await world.reserve(30, key: "k-2")["reservation"] != first["reservation"])
        try await world.expect([40, 8])
        await world.replica.stop()
    }

    @Test func aRefusedReservationHasNoName() async throws {
        let world = try await World()
        let refused = try await world.reserve(101)
        #expect(refused.status == 200 && refused["allowed"] == false && refused["reservation"] == nil)
        try await world.expect([100, 10])
        await world.replica.stop()
    }

    @Test func whatIsHeldIsGivenUpByEitherEnd() async throws {
        let world = try await World()
        let one = try #require(try await world.reserve(1, kind: "slow")["reservation"])
        let two = try #require(try await world.reserve(1, kind: "slow")["reservation"])
        #expect(try await world.reserve(1, kind: "slow")["allowed"] == false)
        #expect(try await world.post("/v1/commit", ["reservation": one, "cost": 1]).status == 200)
        #expect(try await world.reserve(1, kind: "slow")["allowed"] == true)
        #expect(try await world.reserve(1, kind: "slow")["allowed"] == false)
        #expect(try await world.post("/v1/refund", ["reservation": two]).status == 200)
        #expect(try await world.reserve(1, kind: "slow")["allowed"] == true)
        let lease = try await world.post("/v1/leases", ["descriptors": ["user": .string(world.user), "kind": "slow"]])
        #expect(lease.status == 409 && lease.problem == "not-leasable")
        await world.replica.stop()
    }

    @Test(
        "ids that were never given",
        arguments: [
            ("", 400), ("x", 400), ("AAAAAAAAAAAAAAAAAAAAAA.", 400), ("AAAAAAAAAAAAAAAAAAAAAA.e30", 400),
            ("AAAAAAAAAAAAAAAAAAAAAA.dTp4", 404), ("AAAAAAAAAAAAAAAAAAAAAA.////", 400),
        ])
    func strangeIds(_ id: String, _ status: Int) async throws {
        let world = try await World()
        let answer = try await world.post("/v1/refund", ["reservation": .string(id)])
        #expect(answer.status == status, "\(answer.json)")
        await world.replica.stop()
    }

    @Test func aBlockIsSpentByItsHolderAlone() async throws {
        let world = try await World()
        let question: JSONValue = ["user": .string(world.user)]
        let granted = try await world.post("/v1/leases", ["descriptors": question, "permits": 4])
        #expect(granted.status == 200 && granted["allowed"] == true && granted["permits"] == 4)
        #expect(granted["spend_within_ms"] == 1_200)
        let id = try #require(granted["lease"])
        try await world.expect([96, 6])
        let other = try await world.post(
            "/v1/leases/return", ["lease": id, "unused": 3], as: "other/limits:check")
        #expect(other.status == 404)
        for _ in 0..<2 {
            let back = try await world.post("/v1/leases/return", ["lease": id, "unused": 3])
            #expect(back.status == 200 && back["returned"] == 3)
        }
        // Four less three, of permits as of requests.
        try await world.expect([99, 9])
        let next = try await world.post(
            "/v1/leases", ["descriptors": question, "previous": ["lease": id, "unused": 0]])
        #expect(next["allowed"] == true)
        await world.replica.stop()
    }

    @Test func theSizeOfBlocksFollowsTheNeed() async throws {
        let name = unique("need")
        let replica = try await Replica(
            try await Shared.redis().url,
            "limits: [{ name: \(name), per: [user], quantity: 100000, window: 60s }]")
        let time = Clock()
        let leases = Leases(replica.limiter, clock: { time.now })
        var sizes: [Int64] = []
        for _ in 0..<6 {
            let grant = try #require(
                await leases.grant(.user(name), cost: 1, wanted: nil, unused: 0, owner: "me"))
            sizes.append(grant.decision.permits)
            time.now += 100
        }
        #expect(sizes == sizes.sorted() && (sizes.last ?? 0) > 50, "it asks twelve times in a sub-window: \(sizes)")
        var last = sizes.last ?? 0
        for _ in 0..<30 {
            time.now += 1_200
            let grant = try #require(
                await leases.grant(.user(name), cost: 1, wanted: nil, unused: last, owner: "me"))
            #expect(grant.decision.permits <= last)
            last = grant.decision.permits
        }
        #expect(last <= 16, "it spends nothing: \(last)")
        await replica.stop()
    }
}
