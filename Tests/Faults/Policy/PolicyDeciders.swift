import APISecurity
import Cedar
import Contracts
import Foundation
import SecurityClient
import ServiceKit
import Synchronization
import TestSupport

/// Trading services' side: each asks one of the replicas, hears the feed, keeps its files, and decides again and again.
final class PolicyDeciders: Sendable {
    /// For how long a decision may go on by what is not known to be current. Short, so that the run gets there.
    static let staleAfter = 3

    let deciders: [Decider]

    init(_ count: Int, _ rig: PolicyRig) throws {
        deciders = try (0..<count).map { try Decider($0, rig) }
    }

    /// Decides until the record is stopped.
    func run() async {
        await withTaskGroup(of: Void.self) { group in
            for decider in deciders { group.addTask { await decider.run() } }
        }
    }

    /// Ends some of them, and begins them anew.
    func restart(_ count: Int) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            for decider in deciders.shuffled().prefix(count) { group.addTask { try await decider.restart() } }
            try await group.waitForAll()
        }
    }

    func stop() async {
        await withTaskGroup(of: Void.self) { group in
            for decider in deciders { group.addTask { await decider.stop() } }
        }
    }

    /// Waits until every one knows policies and that they are fresh.
    func untilKnown() async throws {
        try await eventually("everybody knows policies", within: .seconds(40), poll: .milliseconds(100)) {
            deciders.allSatisfy { $0.state?.isFresh == true }
        }
    }
}

/// One of them.
final class Decider: Sendable {
    struct State: Sendable, Equatable {
        let sequence: Int64?
        let entitySequence: Int64?
        let isFresh: Bool
    }

    private struct Running {
        let client: PolicyClient
        let authorizer: Authorizer
        let task: Task<Void, Never>
        let life: Int
    }

    private let index: Int
    private let recorder: PolicyRecorder
    private let configuration: SecurityClientConfiguration
    private let running: Mutex<Running>

    init(_ index: Int, _ rig: PolicyRig) throws {
        self.index = index
        recorder = rig.recorder
        let replica = rig.replicas[index % rig.replicas.count]
        let source = ConfigSource(
            environment: [
                "ISSUER": rig.system.http.url, "TOKEN_SERVICE_URL": rig.system.http.url, "AUDIENCE": "jts",
                "KAFKA_BOOTSTRAP_SERVERS": rig.system.broker.bootstrapServers, "CLIENT_ID": rig.system.orderClient.id,
                "CLIENT_SECRET": rig.system.orderClient.secret, "POLICY_SERVICE_URL": replica.url,
                "POLICY_JWKS_FILE": rig.system.folder.file("policy-service") + "/statement-keys.json",
                "POLICY_CACHE_DIR": rig.system.folder.file("decider-\(index)"),
                "POLICY_STALE_AFTER": "\(PolicyDeciders.staleAfter)s", "POLICY_REFRESH": "1s",
            ])
        configuration = SecurityClientConfiguration(source)
        try source.finish()
        running = Mutex(try Decider.start(configuration, life: 0))
    }

    private static func start(_ configuration: SecurityClientConfiguration, life: Int) throws -> Running {
        let security = try SecurityClient(configuration, metrics: MetricsRegistry(), logger: quiet)
        guard let client = security.policies, let authorizer = security.authorizer() else {
            throw TestHTTP.Unexpected(description: "no policies are configured")
        }
        return Running(
            client: client, authorizer: authorizer,
            task: Task {
                do { try await client.run() } catch { print("a decider ended: \(error)") }
            }, life: life)
    }

    var state: State? {
        let client = running.withLock { $0.client }
        guard client.replica.snapshot != nil else { return nil }
        return State(
            sequence: client.replica.policySequence, entitySequence: client.replica.entitySequence,
            isFresh: client.isFresh(now: WallClock.milliseconds()))
    }

    func entity(_ uid: EntityUID) -> Entity? { running.withLock { $0.authorizer }.entity(uid) }

    /// Ends, and begins anew with what its files say.
    func restart() async throws {
        let old = running.withLock { $0 }
        old.task.cancel()
        await old.task.value
        let new = try Decider.start(configuration, life: old.life + 1)
        running.withLock { $0 = new }
    }

    func stop() async {
        let task = running.withLock { $0.task }
        task.cancel()
        await task.value
    }

    func run() async {
        while !recorder.isStopped {
            for desk in PolicyMarks.desks { decide(desk) }
            try? await Task.sleep(for: .milliseconds(Int.random(in: 50...250)))
        }
    }

    private func decide(_ desk: String) {
        let (client, authorizer, life) = running.withLock { ($0.client, $0.authorizer, $0.life) }
        let askedAt = recorder.now
        let trader = AuthorizationSubject(
            Identity(subject: "trader-\(index)", roles: [], amr: ["pwd"]), now: WallClock.milliseconds())
        let order = EntityUID(type: "Order", id: CedarString("\(index)"))
        let deskUID = EntityUID(type: "Desk", id: CedarString(desk))
        let instrument = EntityUID(type: "Instrument", id: "EURUSD")
        let decision = authorizer.decide(
            "orders:place", on: order, by: trader,
            entities: [
                Entity(
                    uid: order,
                    attributes: [
                        "owner": .entity(trader.principal), "instrument": .entity(instrument),
                        "desk": .entity(deskUID), "notional": .int(1),
                    ], parents: [deskUID, instrument])
            ])
        let outcome: PolicyRecord.Outcome =
            switch decision.outcome {
            case .allowed: .allowed
            case .denied: .denied
            case .unavailable: .unavailable
            }
        let entry = PolicyRecord.Decision(
            client: index, life: life, askedAt: askedAt, answeredAt: recorder.now, desk: desk, outcome: outcome,
            policies: Set(decision.policyIDs), version: decision.version, sequence: decision.sequence,
            entitySequence: client.replica.entitySequence)
        // One decider decides one thing after the other, so that its entries stand in their order.
        recorder.update { $0.decisions.append(entry) }
    }
}
