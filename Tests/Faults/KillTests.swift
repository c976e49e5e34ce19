import Contracts
import Foundation
import TestSupport
import Testing

/// SIGKILL for each part in turn, while 50 clients sign in, refresh, use their tokens and log out on both replicas.
@Suite("Everything is killed in turn under load", .serialized)
struct KillTests {
    enum Victim: String, CaseIterable {
        case redis, broker, postgres, firstReplica, secondReplica, orderAPI
    }

    /// For how long an ended session may be accepted: the feed's staleness. Beyond it nothing but the rounding of
    /// clocks to milliseconds.
    static let bound: Duration = .milliseconds(5_050)
    /// What a Redis that is killed may lose of what it answered: a second, and up to two more while its disk is busy.
    static let redisLoss: Duration = .seconds(3)

    @Test("No event lost, no token forked, no ended session accepted, everybody recovers", .timeLimit(.minutes(5)))
    func eachInTurn() async throws {
        try await Rig.run(traders: 50) { rig in
            let log = EventLog(rig.system.broker)
            let clients = rig.clients()
            let recorder = clients.recorder
            let load = Task { await clients.run() }
            defer {
                recorder.stop()
                load.cancel()
            }
            // An address from which somebody has signed in is not made to wait for what a killed replica leaves counted.
            try await eventually("everybody has signed in once", within: .seconds(60)) {
                signedIn(recorder.record).count == clients.traders.count
            }
            var redisKilledAt: [Duration] = []
            for victim in Victim.allCases {
                if victim == .redis { redisKilledAt.append(recorder.now) }
                try await strike(victim, rig)
            }
            let recoveredAt = recorder.now
            try await eventually("every client gets through a round", within: .seconds(60), poll: .milliseconds(200)) {
                recorder.record.clientsWithRound(begunAfter: recoveredAt).count == clients.traders.count
            }
            recorder.stop()
            await load.value

            let record = recorder.record
            print("Faults: \(record.summary)")
            #expect(
                Verdict.violations(
                    in: record, bound: Self.bound, clients: clients.traders.count, recoveredAt: recoveredAt) == [])
            // The run has seen what it judges.
            #expect(record.count { if case .refreshed = $0 { true } else { false } } > 100)
            #expect(record.ends.count > 50)
            #expect(lateRefusals(record) > 20)

            try await log.untilComplete()
            #expect(log.gaps == [])
            let traces = log.traces + (try await topicContents(rig.system.broker))
            let started = startsThatLast(record, redisKilledAt: redisKilledAt)
            print(
                "Faults: \(Set(traces).count) events read, \(started.count) starts and \(record.ends.count) ends told")
            #expect(
                EventVerdict.violations(
                    in: traces, committed: try await committed(rig), ended: Set(record.ends.keys), started: started)
                    == [])
            await log.stop()
        }
    }

    private func strike(_ victim: Victim, _ rig: Rig) async throws {
        let away: Duration = .milliseconds(2_500)
        switch victim {
        case .redis:
            rig.system.redis.kill()
            try await Task.sleep(for: away)
            try await rig.system.redis.start()
        case .broker:
            rig.system.broker.kill()
            try await Task.sleep(for: away)
            try await rig.system.broker.start()
        case .postgres:
            let server = try rig.postgres()
            server.kill()
            try await Task.sleep(for: away)
            try await server.start()
        case .firstReplica, .secondReplica:
            let replica = rig.replicas[victim == .firstReplica ? 0 : 1]
            replica.kill()
            try await Task.sleep(for: away)
            try await replica.start()
        case .orderAPI:
            let service = try rig.orderAPI()
            service.kill()
            try await Task.sleep(for: away)
            try await service.start()
        }
        try await rig.untilReady()
        try await Task.sleep(for: .seconds(2))
    }

    private func signedIn(_ record: Record) -> Set<Int> {
        Set(record.entries.filter { if case .signedIn = $0.happening { true } else { false } }.map(\.client))
    }

    /// Refusals of ended sessions later than the bound: without them the bound would not have been tried.
    private func lateRefusals(_ record: Record) -> Int {
        let ends = record.ends
        return record.entries.count { entry in
            guard case .refused(let session, _) = entry.happening, let end = ends[session] else { return false }
            return entry.sentAt > end + Self.bound
        }
    }

    private func startsThatLast(_ record: Record, redisKilledAt: [Duration]) -> Set<String> {
        Set(
            record.entries.compactMap { entry in
                guard case .signedIn(let session) = entry.happening else { return nil }
                let mayBeLost = redisKilledAt.contains {
                    (($0 - Self.redisLoss)...($0 + .milliseconds(100))).contains(entry.answeredAt)
                }
                return mayBeLost ? nil : session
            })
    }

    /// Ids of the events that stand in SQL, read after the load has ended.
    private func committed(_ rig: Rig) async throws -> Set<String> {
        let topics = EventLog.topics.map { "'\($0)'" }.joined(separator: ",")
        let ids = try await rig.sql(
            "SELECT payload::json->>'id' FROM outbox_events WHERE outbox = 'main' AND topic IN (\(topics))")
        let found = Set(ids.split(separator: "\n").map(String.init))
        try #require(found.count > 50)
        return found
    }
}
