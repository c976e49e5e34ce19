import StrictJSON
import TestSupport
import Testing

@Suite("PostgreSQL is away", .serialized)
struct PostgresFaultTests {
    enum Fault: String, CaseIterable, Sendable {
        case paused, killed
    }

    /// Longer than the time within which a repeated refresh is answered alike.
    static let outage: Duration = .seconds(12)
    /// Waiting for a connection, a statement, and once more for a machine that is slow.
    static let latency: Duration = .seconds(15)

    @Test(
        "Changes refused clearly, verification while the feed is fresh, no session lost", .timeLimit(.minutes(2)),
        arguments: Fault.allCases)
    func away(_ fault: Fault) async throws {
        try await Rig.run(traders: 5) { rig in
            let log = EventLog(rig.system.broker)
            let server = try rig.postgres()
            let verified = try await rig.signIn(0)
            let leaving = try await rig.signIn(1)
            let refreshing = try await rig.signIn(2)
            var open: [String] = []
            for _ in 0..<40 { open.append(try await rig.placeOrder(verified.access).require(201).string("id")) }
            let orders = open
            let admin = try await rig.system.adminToken()
            try await log.untilComplete()

            let successors = Shared<Set<String>>([])
            switch fault {
            case .paused: server.pause()
            case .killed: server.kill()
            }
            let began = ContinuousClock.now
            let until = began + Self.outage
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await Self.verify(verified, orders, rig, since: began) }
                group.addTask { try await Self.expectChangesRefused(leaving, admin, rig) }
                group.addTask {
                    // A client that does what Retry-After says.
                    while ContinuousClock.now < until {
                        let answer = try await rig.refresh(refreshing.refresh, timeout: .seconds(30))
                        if answer.status == 200 {
                            successors.update { $0.insert(answer.json["refresh_token"]?.string ?? "") }
                        } else {
                            expectUnavailable(answer, "refresh")
                        }
                        try await Task.sleep(for: .seconds(1))
                    }
                }
                try await group.waitForAll()
            }
            try await Task.sleep(until: until)
            switch fault {
            case .paused: server.resume()
            case .killed: try await server.start()
            }
            try await rig.untilReady()

            // The session of the client that kept asking is alive, and its token has one successor.
            let next = try TestPerson.Session(try await rig.refresh(refreshing.refresh, replica: 1).require(200))
            successors.update { $0.insert(next.refresh) }
            #expect(successors.value.count == 1)
            // A replica vouches again once it has read what was revoked meanwhile.
            for replica in rig.replicas.indices {
                try await eventually("introspection vouches again") {
                    try await rig.introspect(next.access, replica: replica).json["active"] == true
                }
            }
            try await eventually("orders go on") { try await rig.placeOrder(verified.access).status == 201 }
            // A refused logout did not happen, and happens now.
            #expect(try await rig.isActive(leaving.access, replica: 0))
            try await rig.logOut(leaving.access).require(204)
            try await eventually("the other replica knows") { try await !rig.isActive(leaving.access, replica: 1) }
            _ = try await rig.signIn(3)
            try await log.untilComplete()
            #expect(log.gaps == [])
            #expect(
                EventVerdict.violations(
                    in: log.traces + (try await topicContents(rig.system.broker)), ended: [leaving.sessionID]) == [])
            await log.stop()
        }
    }

    /// Nobody can take anything back without SQL, and nobody can say up to when that was so. For as long as a feed counts as
    /// fresh, verification goes on; from then on nobody vouches, and only what reduces risk goes on.
    private static func verify(
        _ session: TestPerson.Session, _ orders: [String], _ rig: Rig, since began: ContinuousClock.Instant
    ) async throws {
        var open = orders
        var refusals = 0
        while ContinuousClock.now < began + outage - .seconds(1) {
            let sent = ContinuousClock.now - began
            let looked = try await rig.orders.call("GET", "/v1/orders", token: session.access, timeout: .seconds(20))
            if sent < .seconds(3) {
                #expect(looked.status == 200, "order-api after \(sent): \(looked.text)")
            } else if sent > .seconds(6) {
                expectUnavailable(looked, "a look nobody vouches for")
                expectUnavailable(try await rig.placeOrder(session.access), "an order nobody vouches for")
                refusals += 1
            }
            if let order = open.popLast() {
                let cancelled = try await rig.cancelOrder(order, session.access)
                #expect(cancelled.status == 200, "cancel after \(sent): \(cancelled.text)")
            }
            for replica in rig.replicas.indices {
                let keys = try await rig.system.http(replica).call("GET", "/.well-known/jwks.json")
                #expect(keys.status == 200)
            }
            try await Task.sleep(for: .milliseconds(400))
        }
        #expect(refusals > 0)
        #expect(orders.count - open.count > 3)
    }

    private static func expectChangesRefused(_ leaving: TestPerson.Session, _ admin: String, _ rig: Rig) async throws {
        func expect(_ what: String, _ ask: () async throws -> TestHTTP.Answer) async throws {
            let began = ContinuousClock.now
            expectUnavailable(try await ask(), what)
            #expect(.now - began < latency, "\(what)")
        }
        try await expect("logout") { try await rig.logOut(leaving.access, timeout: .seconds(30)) }
        try await expect("a new user") {
            try await rig.system.http.call(
                "POST", "/v1/users", json: ["username": "late-comer", "roles": ["trader"]], token: admin)
        }
        try await expect("sign-in") {
            try await rig.system.http(1).call(
                "POST", "/v1/login",
                json: [
                    "username": .string(rig.traders[3].username), "password": .string(rig.traders[3].password),
                ])
        }
    }
}
