import StrictJSON
import TestSupport
import Testing

@Suite("Redis is paused", .serialized)
struct RedisPausedTests {
    static let pause: Duration = .seconds(10)
    /// Redis is given a second to answer and a connection a quarter of one to be made, once more for what may be
    /// repeated; the rest is for slow machines.
    static let latency: Duration = .seconds(6)

    /// An answer, or the lack of one, during the pause.
    private struct Asked: Sendable {
        let what: String
        let answer: TestHTTP.Answer?
        let duration: Duration
    }

    @Test("Clear 503s, no pile-up; order-api goes on; all is well afterwards", .timeLimit(.minutes(2)))
    func paused() async throws {
        try await Rig.run(traders: 24) { rig in
            let sessions = try await rig.signInAll()
            try #require(try await rig.placeOrder(sessions[0].access).status == 201)

            let asked = Shared<[Asked]>([])
            let highest = Shared(0.0)
            let stalest = Shared(0.0)
            rig.system.redis.pause()
            let until = ContinuousClock.now + Self.pause
            await withTaskGroup(of: Void.self) { group in
                for (index, session) in sessions.enumerated() where index > 1 {
                    group.addTask { await Self.ask(index, session, rig, until: until, asked) }
                }
                group.addTask { await Self.trade(sessions[0], rig, until: until) }
                group.addTask { await Self.watch(rig, until: until, highest, stalest) }
                group.addTask { await Self.expectLogoutHolds(sessions[1], rig) }
            }
            rig.system.redis.resume()
            try await rig.untilReady()

            let answers = asked.value
            let slowest = answers.map(\.duration).max() ?? .zero
            print(
                "Faults: \(answers.count) questions while Redis was paused, slowest \(slowest), "
                    + "at most \(Int(highest.value)) commands pending, feed at most \(stalest.value) s old")
            #expect(answers.count >= 2 * sessions.count)
            for asked in answers {
                let answer = try #require(asked.answer, "\(asked.what) was not answered")
                expectUnavailable(answer, asked.what)
                #expect(asked.duration < Self.latency, "\(asked.what)")
            }
            // Each asker waits for one answer at a time, and gives up what is not answered.
            #expect(highest.value < Double(8 * sessions.count))

            for replica in rig.replicas.indices {
                try await eventually("no commands wait at replica \(replica)") {
                    await rig.metric("redis_commands_pending", replica: replica) ?? .infinity <= 1
                }
            }
            // Whatever Redis carried out after all when it woke up: the same request gets its one successor.
            for (index, session) in sessions.enumerated() where index > 1 {
                let next = try TestPerson.Session(
                    try await rig.refresh(session.refresh, replica: index % 2).require(200))
                #expect(try await rig.isActive(next.access, replica: 1 - index % 2))
            }
            _ = try await rig.signIn(1)
        }
    }

    /// Asks again and again what cannot be answered without Redis.
    private static func ask(
        _ index: Int, _ session: TestPerson.Session, _ rig: Rig, until: ContinuousClock.Instant,
        _ asked: Shared<[Asked]>
    ) async {
        let replica = index % 2
        var turn = index
        while ContinuousClock.now < until - .seconds(1) {
            let began = ContinuousClock.now
            let (what, answer): (String, TestHTTP.Answer?)
            switch turn % 3 {
            case 0:
                what = "refresh"
                answer = try? await rig.refresh(session.refresh, replica: replica, timeout: .seconds(20))
            case 1:
                what = "introspection"
                answer = try? await rig.introspect(session.access, replica: replica, timeout: .seconds(20))
            default:
                what = "sign-in"
                answer = try? await rig.system.http(replica).call(
                    "POST", "/v1/login",
                    json: [
                        "username": .string(rig.traders[index].username),
                        "password": .string(rig.traders[index].password),
                    ], timeout: .seconds(20))
            }
            // An answer that came after Redis woke up says nothing about the pause.
            let duration = ContinuousClock.now - began
            if began + duration < until {
                asked.update { $0.append(Asked(what: what, answer: answer, duration: duration)) }
            }
            turn += 1
            try? await Task.sleep(for: .milliseconds(50))
        }
    }

    /// order-api knows the keys and hears the revocations from SQL by way of Kafka: it needs no Redis.
    private static func trade(_ session: TestPerson.Session, _ rig: Rig, until: ContinuousClock.Instant) async {
        while ContinuousClock.now < until {
            let placed = try? await rig.placeOrder(session.access)
            #expect(placed?.status == 201, "\(placed?.text ?? "no answer")")
            let listed = try? await rig.orders.call("GET", "/v1/orders", token: session.access, timeout: .seconds(5))
            #expect(listed?.status == 200, "\(listed?.text ?? "no answer")")
            try? await Task.sleep(for: .milliseconds(250))
        }
    }

    private static func watch(
        _ rig: Rig, until: ContinuousClock.Instant, _ highest: Shared<Double>, _ stalest: Shared<Double>
    ) async {
        while ContinuousClock.now < until {
            for replica in rig.replicas.indices {
                let pending = await rig.metric("redis_commands_pending", replica: replica) ?? 0
                highest.update { $0 = max($0, pending) }
            }
            let age = await rig.staleness ?? .infinity
            stalest.update { $0 = max($0, age) }
            try? await Task.sleep(for: .milliseconds(200))
        }
    }

    /// A logout needs SQL alone, and order-api hears of it.
    private static func expectLogoutHolds(_ session: TestPerson.Session, _ rig: Rig) async {
        let answer = try? await rig.logOut(session.access, timeout: .seconds(20))
        #expect(answer?.status == 204, "\(answer?.text ?? "no answer")")
        try? await Task.sleep(for: KillTests.bound)
        let refused = try? await rig.orders.call("GET", "/v1/orders", token: session.access, timeout: .seconds(5))
        #expect(refused?.status == 401)
    }
}
