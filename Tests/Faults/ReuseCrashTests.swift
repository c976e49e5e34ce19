import Contracts
import TestSupport
import Testing

@Suite("A replica dies between the end of a session in Redis and in SQL", .serialized)
struct ReuseCrashTests {
    @Test("The other replica settles what a replayed refresh token ended", .timeLimit(.minutes(2)))
    func settled() async throws {
        try await Rig.run(traders: 1) { rig in
            let log = EventLog(rig.system.broker)
            let session = try await rig.signIn(0)
            let second = try TestPerson.Session(try await rig.refresh(session.refresh).require(200))
            let third = try TestPerson.Session(try await rig.refresh(second.refresh).require(200))
            #expect(try await rig.orders.call("GET", "/v1/orders", token: third.access).status == 200)
            try await log.untilComplete()

            // Nothing can be written about revocations, so that the replica is sure to be killed after the script and
            // before the commit.
            let lock = try await lockRevocations(rig)
            let replay = Task { try? await rig.refresh(session.refresh, replica: 0, timeout: .seconds(30)) }
            try await eventually("the script has ended the session") { try await pending(rig) == 1 }
            rig.replicas[0].kill()
            #expect(await replay.value == nil, "the replica answered before it was killed")
            let count = "SELECT COUNT(*) FROM revocations WHERE target = '\(session.sessionID)'"
            #expect(try await rig.sql(count) == "0")
            try await unlock(rig)
            await lock.value

            try await eventually("the revocation stands in SQL", within: .seconds(30), poll: .milliseconds(100)) {
                try await rig.sql(count) == "1"
            }
            try await log.untilTold("the revocation is told", within: .seconds(20)) { $0.revokes(session.sessionID) }
            try await log.untilTold("the reuse is told", within: .seconds(20)) {
                $0.type == "org.jts.security.refresh-reused" && $0.session == session.sessionID
            }
            try await eventually("order-api refuses") {
                try await rig.orders.call("GET", "/v1/orders", token: third.access).status == 401
            }
            #expect(try await rig.refresh(third.refresh, replica: 1).status == 400)
            #expect(try await !rig.isActive(third.access, replica: 1))
            try await eventually("nothing is left to settle") { try await pending(rig) == 0 }

            // The replica that died finds nothing to do again.
            try await rig.replicas[0].start()
            #expect(try await rig.refresh(third.refresh, replica: 0).status == 400)
            #expect(try await rig.sql(count) == "1")
            #expect(
                EventVerdict.violations(in: log.traces, ended: [session.sessionID]) == [])
            await log.stop()
        }
    }

    /// Lets everybody read the revocations and nobody write them.
    private func lockRevocations(_ rig: Rig) async throws -> Task<Void, Never> {
        let holder = Task {
            // Ends with an error when it is cut.
            _ = try? await rig.sql("BEGIN; LOCK TABLE revocations IN EXCLUSIVE MODE; SELECT pg_sleep(40)")
        }
        try await eventually("the lock") {
            try await rig.sql("SELECT COUNT(*) FROM pg_locks WHERE mode = 'ExclusiveLock' AND granted AND \(isTable)")
                == "1"
        }
        return holder
    }

    private var isTable: String { "relation = 'revocations'::regclass" }

    private func unlock(_ rig: Rig) async throws {
        _ = try await rig.sql(
            "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE mode = 'ExclusiveLock' AND granted AND \(isTable)")
    }

    /// Sessions that a script ended and whose revocation has yet to reach SQL.
    private func pending(_ rig: Rig) async throws -> Int {
        let keys = try await rig.system.redis.cli(["--raw", "KEYS", "ts:*:pending"])
        var count = 0
        for key in keys.split(separator: "\n") where !key.isEmpty {
            count += Int(try await rig.system.redis.cli(["--raw", "ZCARD", String(key)])) ?? 0
        }
        return count
    }
}
