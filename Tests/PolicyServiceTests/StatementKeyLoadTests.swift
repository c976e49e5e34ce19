import APISecurity
import EventBus
import Foundation
import JOSE
import Logging
import RouteTesting
import ServiceKit
import Synchronization
import TestSupport
import Testing

@testable import PolicyService
@testable import SecurityClient

/// The keys change while many fetch.
@Suite("Statement keys under load", .timeLimit(.minutes(3)))
struct StatementKeyLoadTests {
    /// What the clients met.
    private final class Met: Sendable {
        let fetched = Mutex([Int](repeating: 0, count: 20))
        let failed = Mutex(0)
        let refused = Mutex([String]())
        let isOver = Atomic(false)

        var least: Int { fetched.withLock { $0.min() ?? 0 } }
    }

    /// A token that the service takes, without a token endpoint.
    private struct FixedToken: ServiceTokenSource {
        func token() async throws(ServiceToken.Failure) -> Sensitive<String> {
            Sensitive(Data(BundleTests.reader.utf8).base64EncodedString())
        }
        func forget() {}
    }

    /// A replica with its socket.
    private final class Replica: Sendable {
        let world: PolicyWorld
        private let server: LoopbackServer

        init(_ world: PolicyWorld) async throws {
            self.world = world
            server = try await LoopbackServer(world.service.router, metrics: MetricsRegistry())
        }

        var url: String { server.url }

        func stop() async { await server.stop() }

        /// - Parameter isPinned: by the replica's file; else by its JWKS.
        func client(_ number: Int, isPinned: Bool, _ met: Met) throws -> PolicyClient {
            var configuration = PolicyClientConfiguration(ConfigSource(environment: [:], yaml: ""))
            configuration.url = url
            if isPinned {
                configuration.jwksFile = world.platform.configuration.stateDirectory + "/statement-keys.json"
            }
            let transport = try HTTPTransport()
            let client = PolicyClient(
                configuration, url: url, transport: transport, token: FixedToken(),
                keys: try configuration.keys(at: url, transport: transport, logger: quiet), kafka: nil,
                metrics: MetricsRegistry(), logger: quiet, clock: { [world] in world.now })
            client.onRefusal { kind, refusal in met.refused.withLock { $0.append("\(number) \(kind) \(refusal)") } }
            return client
        }

        /// What a service does twice a second.
        func follow() async throws {
            try await world.service.follower.follow()
            try await world.service.rotation.maintain()
        }
    }

    private func signer(_ replica: Replica) async throws -> String? {
        let answer = try await replica.world.caller.send(.get, "/v1/bundles/policies", as: BundleTests.reader)
        return answer.headers[.policyStatement].flatMap { PolicyStatement.keyID(of: $0)?.id }
    }

    @Test("20 clients of two replicas, half of them with pinned keys: no bundle is refused, none fails to come")
    func rotation() async throws {
        let world = try await PolicyWorld()
        let replicas = [
            try await Replica(world), try await Replica(try await PolicyWorld(replicaOf: world)),
        ]
        let met = Met()
        defer { met.isOver.store(true, ordering: .relaxed) }
        let clients = try (0..<20).map { number in
            try replicas[number % 2].client(number, isPinned: number < 10, met)
        }
        let fetching = Task {
            await withTaskGroup(of: Void.self) { group in
                for (number, client) in clients.enumerated() {
                    group.addTask {
                        while !met.isOver.load(ordering: .relaxed) {
                            if await client.fetch() {
                                met.fetched.withLock { $0[number] += 1 }
                            } else {
                                met.failed.withLock { $0 += 1 }
                            }
                            try? await Task.sleep(for: .milliseconds(20))
                        }
                    }
                }
            }
        }
        /// Every client has fetched twice more: once at least from its beginning.
        func everybodyFetches() async throws {
            let before = met.fetched.withLock { $0 }
            try await eventually("all fetch") {
                met.fetched.withLock { now in zip(now, before).allSatisfy { $0 >= $1 + 2 } }
            }
        }
        try await everybodyFetches()
        var signers = [try await signer(replicas[0])]
        for round in 0..<3 {
            let rotated = try await world.caller.send(
                .post, "/v1/statement-keys/rotate", as: StatementKeyTests.keeper)
            #expect(rotated.status == 202, "\(rotated.json)")
            // In steps of which no replica takes one for an outage of its database; one replica is always behind the other.
            var left = StatementKeySchedule.announcement
            while left > 0 {
                world.advance(milliseconds: 5_000)
                left -= 5_000
                try await replicas[round % 2].follow()
                try await Task.sleep(for: .milliseconds(5))
                try await replicas[(round + 1) % 2].follow()
            }
            try await everybodyFetches()
            signers.append(try await signer(replicas[0]))
            #expect(signers.last == rotated["kid"]?.string)
            #expect(try await signer(replicas[1]) == signers.last)
            // Something to take over, signed by the new key.
            try await world.activate(
                try PolicyWorld.files(PolicyWorld.shipped, ["round.cedar": "// \(round)\n"], withoutTests: true))
            for replica in replicas { try await replica.follow() }
            let sequence = try world.service.point.snapshot().policies.sequence
            try await eventually("all have it") { clients.allSatisfy { $0.replica.policySequence == sequence } }
        }
        #expect(Set(signers).count == 4)
        #expect(met.refused.withLock { $0 } == [])
        #expect(met.failed.withLock { $0 } == 0)

        // A key that others may know: everybody is at the new one without being started again.
        let active = try #require(signers.last ?? nil)
        let revoked = try await world.caller.send(
            .post, "/v1/statement-keys/\(active)/revoke", as: StatementKeyTests.keeper)
        #expect(revoked.status == 200)
        for replica in replicas { try await replica.follow() }
        try await everybodyFetches()
        for replica in replicas { #expect(try await signer(replica) == revoked["kid"]?.string) }
        try await world.activate(
            try PolicyWorld.files(PolicyWorld.shipped, ["last.cedar": "// last\n"], withoutTests: true))
        for replica in replicas { try await replica.follow() }
        let sequence = try world.service.point.snapshot().policies.sequence
        try await eventually("all have it") { clients.allSatisfy { $0.replica.policySequence == sequence } }
        met.isOver.store(true, ordering: .relaxed)
        await fetching.value
        for replica in replicas { await replica.stop() }
    }
}
