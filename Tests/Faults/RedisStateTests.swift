import StrictJSON
import TestSupport
import Testing

@Suite("Redis loses state", .serialized)
struct RedisStateTests {
    @Test("Set back by a second: what was revoked stays revoked, later refresh tokens repair", .timeLimit(.minutes(2)))
    func setBack() async throws {
        try await Rig.run(traders: 5) { rig in
            let log = EventLog(rig.system.broker)
            let untouched = try await rig.signIn(0)
            let revoked = try await rig.signIn(1)
            let refreshed = try await rig.signIn(2)
            let replayed = try await rig.signIn(3)
            try await log.untilComplete()

            let snapshot = try await rig.system.redis.snapshot()
            try await rig.logOut(revoked.access).require(204)
            let second = try TestPerson.Session(try await rig.refresh(refreshed.refresh).require(200))
            let third = try TestPerson.Session(try await rig.refresh(second.refresh, replica: 1).require(200))
            let successor = try await rig.refresh(replayed.refresh).require(200).string("refresh_token")
            let forgotten = try await rig.signIn(4)
            try await log.untilComplete()
            try await Task.sleep(for: .seconds(1))
            try await rig.system.redis.restore(snapshot)
            try await rig.untilReady()

            // Redis believes that this session lives.
            for replica in rig.replicas.indices { #expect(try await !rig.isActive(revoked.access, replica: replica)) }
            #expect(try await rig.orders.call("GET", "/v1/orders", token: revoked.access).status == 401)
            #expect(try await rig.refresh(revoked.refresh).status == 400)
            // Also for a replica that knows of it from SQL alone.
            await rig.replicas[1].terminate()
            try await rig.replicas[1].start()
            #expect(try await !rig.isActive(revoked.access, replica: 1))
            #expect(try await rig.refresh(revoked.refresh, replica: 1).status == 400)

            // Redis believes that the first token is still to be used; the client holds the third.
            let fourth = try TestPerson.Session(try await rig.refresh(third.refresh, replica: 1).require(200))
            #expect(fourth.sessionID == refreshed.sessionID)
            #expect(try await rig.isActive(fourth.access, replica: 0))
            // A token from before the repair is a replay: the session ends.
            #expect(try await rig.refresh(second.refresh).status == 400)
            #expect(try await rig.refresh(fourth.refresh).status == 400)
            #expect(try await !rig.isActive(fourth.access, replica: 1))

            // A token that was used in the lost second cannot be told from an unused one, but has no other successor.
            #expect(try await rig.refresh(replayed.refresh).require(200).string("refresh_token") == successor)

            #expect(try await rig.refresh(untouched.refresh).status == 200)
            #expect(try await rig.refresh(forgotten.refresh).status == 400)
            _ = try await rig.signIn(4, replica: 1)

            // The numbers go on in a new epoch; no number stands for two events.
            try await log.untilComplete()
            #expect(log.gaps == [])
            #expect(
                EventVerdict.violations(
                    in: log.traces + (try await topicContents(rig.system.broker)),
                    ended: [revoked.sessionID, refreshed.sessionID]) == [])
            await log.stop()
        }
    }

    @Test("Emptied: everybody signs in again, and nothing fails in any other way", .timeLimit(.minutes(2)))
    func emptied() async throws {
        try await Rig.run(traders: 10) { rig in
            let log = EventLog(rig.system.broker)
            var sessions = try await rig.signInAll()
            let ended = sessions.removeLast()
            try await rig.logOut(ended.access).require(204)
            try await log.untilComplete()

            rig.system.redis.kill()
            try rig.system.redis.eraseData()
            try await rig.system.redis.start()
            try await rig.untilReady()

            for (index, session) in sessions.enumerated() {
                let replica = index % 2
                let refused = try await rig.refresh(session.refresh, replica: replica)
                #expect(refused.status == 400)
                #expect(refused.json["error"] == "invalid_grant")
                #expect(try await !rig.isActive(session.access, replica: replica))
                // Nobody took the access token back, and order-api asks nobody while its feed is fresh.
                #expect(try await rig.orders.call("GET", "/v1/orders", token: session.access).status == 200)
                #expect(
                    try await rig.system.http(replica).call("GET", "/v1/sessions", token: session.access).status == 200)
                // The end of what Redis has forgotten still holds.
                #expect(try await rig.logOut(session.access, replica: replica).status == 204)
            }
            #expect(try await !rig.isActive(ended.access, replica: 1))
            for trader in rig.traders.indices {
                let session = try await rig.signIn(trader, replica: trader % 2)
                #expect(try await rig.isActive(session.access, replica: 1 - trader % 2))
                #expect(try await rig.refresh(session.refresh, replica: 1 - trader % 2).status == 200)
            }
            for session in sessions {
                try await eventually("order-api refuses what was logged out") {
                    try await rig.orders.call("GET", "/v1/orders", token: session.access).status == 401
                }
            }
            try await log.untilComplete()
            #expect(log.gaps == [])
            #expect(
                EventVerdict.violations(
                    in: log.traces + (try await topicContents(rig.system.broker)),
                    ended: Set(sessions.map(\.sessionID) + [ended.sessionID])) == [])
            await log.stop()
        }
    }
}
