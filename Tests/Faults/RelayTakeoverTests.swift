import Contracts
import EventBus
import TestSupport
import Testing

@Suite("The relay's leader is killed", .serialized)
struct RelayTakeoverTests {
    /// The promise is three seconds; the rest is for machines with something else to do.
    static let limit: Duration = .seconds(5)

    @Test("The other replica takes over, and nothing is lost", .timeLimit(.minutes(2)))
    func takeover() async throws {
        try await Rig.run(traders: 2) { rig in
            let log = EventLog(rig.system.broker)
            try await log.untilComplete()
            var ended: Set<String> = []
            for (round, outbox) in ["main", "sessions", "main"].enumerated() {
                let leader = try await rig.leader(of: outbox)
                let survivor = 1 - leader
                // Committed by the leader right before its end: only the survivor can tell of it.
                let session = try await rig.signIn(0, replica: leader)
                try await rig.logOut(session.access, replica: leader).require(204)
                let killedAt = ContinuousClock.now
                rig.replicas[leader].kill()
                ended.insert(session.sessionID)

                let name = "token-service/\(outbox)"
                try await eventually("\(name) is relayed again", within: .seconds(20), poll: .milliseconds(20)) {
                    // What the leader sent last may be read a moment after its end.
                    !log.beats(of: name, on: .securityEvents, since: killedAt + .milliseconds(300)).isEmpty
                }
                let first = try #require(
                    log.beats(of: name, on: .securityEvents, since: killedAt + .milliseconds(300)).first)
                let gap = first.readAt - killedAt
                print("Faults: round \(round): \(name) taken over \(gap) after the leader was killed")
                #expect(gap < Self.limit)
                #expect(try await rig.leader(of: outbox) == survivor)
                try await log.untilTold("the logout is told") { $0.revokes(session.sessionID) }
                try await rig.replicas[leader].start()
            }
            try await log.untilComplete()
            #expect(log.gaps == [])
            #expect(
                EventVerdict.violations(
                    in: log.traces + (try await topicContents(rig.system.broker)), ended: ended) == [])
            await log.stop()
        }
    }
}
