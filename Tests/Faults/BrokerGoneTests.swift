import Foundation
import StrictJSON
import TestSupport
import Testing

@Suite("The broker is gone", .serialized)
struct BrokerGoneTests {
    /// A minute when there is time.
    static let outage: Duration =
        ProcessInfo.processInfo.environment["JTS_LONG"] == "1" ? .seconds(60) : .seconds(15)

    @Test(
        "Orders only as introspection vouches, cancels always; everything is told afterwards", .timeLimit(.minutes(4)))
    func gone() async throws {
        try await Rig.run(traders: 4) { rig in
            let log = EventLog(rig.system.broker)
            let trader = try await rig.signIn(0)
            let leaving = try await rig.signIn(1)
            let before = try await rig.signIn(2)
            var open: [String] = []
            for _ in 0..<6 {
                open.append(try await rig.placeOrder(trader.access).require(201).string("id"))
            }
            try await rig.logOut(before.access).require(204)
            try await log.untilComplete()

            rig.system.broker.kill()
            let returns = ContinuousClock.now + Self.outage
            // The feed gets stale; the answers do not change, as introspection vouches.
            for _ in 0..<7 {
                let answer = try await rig.placeOrder(trader.access)
                #expect(answer.status == 201, "\(answer.text)")
                try await Task.sleep(for: .seconds(1))
            }
            // Nothing but introspection can tell order-api.
            try await rig.logOut(leaving.access).require(204)
            #expect(try await rig.placeOrder(leaving.access).status == 401)
            let stranger = try await rig.signIn(3)
            #expect(try await rig.placeOrder(stranger.access).status == 201)

            for replica in rig.replicas { replica.kill() }
            repeat {
                expectUnavailable(try await rig.placeOrder(trader.access), "placing an order nobody vouches for")
                expectUnavailable(
                    try await rig.orders.call("GET", "/v1/orders", token: trader.access), "a look nobody vouches for")
                if let order = open.popLast() {
                    let answer = try await rig.cancelOrder(order, trader.access)
                    #expect(answer.status == 200, "\(answer.text)")
                }
                // A bad token stays a bad token.
                #expect(try await rig.placeOrder(trader.access + "x").status == 401)
                try await Task.sleep(for: .milliseconds(500))
            } while ContinuousClock.now < returns - .seconds(2)
            #expect(open.count < 6)

            // token-service needs no broker to start; introspection vouches again.
            for replica in rig.replicas { try await replica.start() }
            try await eventually("orders go on") { try await rig.placeOrder(trader.access).status == 201 }
            #expect(try await rig.placeOrder(leaving.access).status == 401)
            try await Task.sleep(until: returns)

            // Back, with nothing of what it knew.
            try await rig.system.broker.start()
            try await expectFreshFeed(rig, trader)
            try await log.untilComplete()
            #expect(log.gaps == [])
            // From the first number on, without what was read before.
            let republished = try await topicContents(rig.system.broker)
            #expect(
                EventVerdict.violations(
                    in: republished, ended: [before.sessionID, leaving.sessionID],
                    started: Set([trader, leaving, before, stranger].map(\.sessionID))) == [])
            try await log.untilTold("cancels are told") { $0.type == "org.jts.security.order-cancelled" }
            await log.stop()
        }
    }

    /// With the replica stopped that order-api introspects at, only a fresh feed lets an order through.
    private func expectFreshFeed(_ rig: Rig, _ trader: TestPerson.Session) async throws {
        let introspecting = rig.replicas[rig.replicas.count - 1]
        introspecting.pause()
        defer { introspecting.resume() }
        try await eventually("the feed is fresh again", within: .seconds(30), poll: .milliseconds(250)) {
            try await rig.placeOrder(trader.access, timeout: .seconds(20)).status == 201
        }
    }
}
