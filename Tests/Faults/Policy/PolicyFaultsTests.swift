import Cedar
import Foundation
import TestSupport
import Testing

/// SIGKILL and SIGSTOP for whatever 50 deciders depend on, while administrators activate sets, change entities and turn
/// kill switches.
@Suite("Policies under random faults", .serialized)
struct PolicyFaultsTests {
    enum Strike: String, CaseIterable {
        case killed, bothKilled, paused, broker, postgres, deciders
    }

    static let isLong = ProcessInfo.processInfo.environment["JTS_LONG"] == "1"
    static let clients = 50
    /// Policies that are not known to be current are decided by for so long; a replica vouches for what it read from SQL, with
    /// the time at which it read it, rounded down to seconds.
    static let bound: Duration = .seconds(PolicyDeciders.staleAfter) + .milliseconds(50)

    @Test("Every decision is of one whole set that was active within the bound", .timeLimit(.minutes(8)))
    func randomly() async throws {
        try await PolicyRig.run { rig in
            let administrators = PolicyAdministrators(rig: rig)
            try await administrators.furnish()
            try await administrators.activate(1, isStruck: false)
            let deciders = try PolicyDeciders(Self.clients, rig)
            try await deciders.untilKnown()

            let recorder = rig.recorder
            let load = Task { await deciders.run() }
            let administration = Task { try await administrators.run() }
            defer {
                recorder.stop()
                load.cancel()
                administration.cancel()
            }
            let began = ContinuousClock.now
            repeat {
                for strike in Self.isLong ? Strike.allCases.shuffled() : Strike.allCases {
                    try await self.strike(strike, rig, deciders)
                    recorder.update { $0.strikes[strike.rawValue, default: 0] += 1 }
                    try await Task.sleep(for: .milliseconds(Int.random(in: 200...(Self.isLong ? 2_000 : 400))))
                }
            } while Self.isLong && .now - began < .seconds(150)
            recorder.calm()
            try await rig.untilReady()
            try await untilAgreed(rig, deciders)
            recorder.stop()
            try await administration.value
            await load.value
            try await rig.untilReady()

            let record = recorder.record
            print("Faults: \(record.summary)")
            let violations = PolicyVerdict.violations(
                in: record, activated: try await rig.activated(), bound: Self.bound)
            #expect(violations.isEmpty, "\(violations.count): \(violations.prefix(5))")
            // The run has seen what it judges.
            #expect(Set(record.decisions.map(\.client)).count == Self.clients)
            #expect(record.decisions.contains { $0.outcome == .allowed })
            #expect(record.decisions.contains { $0.outcome == .denied })
            #expect(Set(record.decisions.compactMap(\.sequence)).count > 2)
            #expect(record.killsDuringActivation > 0)
            #expect(record.turns.count > 4)

            try await agreement(rig, administrators, deciders)
            await deciders.stop()
        }
    }

    private func strike(_ strike: Strike, _ rig: PolicyRig, _ deciders: PolicyDeciders) async throws {
        let away = Duration.milliseconds(Int.random(in: 200...1_500))
        switch strike {
        case .killed: _ = try await rig.restart(Int.random(in: rig.replicas.indices), after: away)
        case .bothKilled:
            async let first = rig.restart(0, after: away)
            async let second = rig.restart(1, after: away)
            _ = try await (first, second)
        case .paused: _ = try await rig.pause(Int.random(in: rig.replicas.indices), for: .seconds(2))
        case .broker:
            rig.system.broker.kill()
            try await Task.sleep(for: away)
            try await rig.system.broker.start()
        case .postgres:
            let server = try rig.postgres()
            server.pause()
            try await Task.sleep(for: .seconds(Self.isLong ? Double.random(in: 1...8) : 2))
            server.resume()
        case .deciders:
            try await deciders.restart(5)
        }
    }

    // MARK: When the dust has settled

    /// Waits until everybody follows again what the administrators go on changing.
    private func untilAgreed(_ rig: PolicyRig, _ deciders: PolicyDeciders) async throws {
        let passed = try #require(try await rig.activated().keys.max())
        try await eventually("everybody follows again", within: .seconds(30), poll: .milliseconds(50)) {
            deciders.deciders.allSatisfy {
                guard let state = $0.state, let sequence = state.sequence else { return false }
                return state.isFresh && sequence >= passed
            }
        }
    }

    /// What is decided by is what SQL has, here as there; another activation is everywhere soon.
    private func agreement(
        _ rig: PolicyRig, _ administrators: PolicyAdministrators, _ deciders: PolicyDeciders
    ) async throws {
        for round in 1_001...(Self.isLong ? 1_006 : 1_002) {
            try await administrators.activate(round, isStruck: false)
            let answered = ContinuousClock.now
            let activated = try await rig.activated()
            let sequence = try #require(activated.keys.max())
            let entities = Int64(try await rig.sql("SELECT value FROM counters WHERE name = 'entities'"))
            // A second is the promise; the rest is for machines with something else to do.
            try await eventually("everybody decides by it", within: .seconds(5), poll: .milliseconds(5)) {
                deciders.deciders.allSatisfy {
                    $0.state == .init(sequence: sequence, entitySequence: entities, isFresh: true)
                }
            }
            print("Faults: \(Self.clients) deciders switched \(ContinuousClock.now - answered) after the answer")
        }
        let record = rig.recorder.record
        for decider in deciders.deciders {
            for desk in PolicyMarks.desks {
                let entity = decider.entity(EntityUID(type: "Desk", id: CedarString(desk)))
                let isHalted = record.turns.last { $0.desk == desk }?.isHalted == true
                #expect(entity?.attributes["halted"] == .bool(isHalted))
                #expect(entity?.attributes["order_limit"] == .int(record.limit))
            }
        }
        let limits = try await rig.sql(
            "SELECT document::json->'attrs'->>'order_limit' FROM entities WHERE type = 'Desk' AND id IN ('north', 'south')"
        )
        #expect(limits.split(separator: "\n") == ["\(record.limit)", "\(record.limit)"])
    }
}
