import HTTPTypes
import JOSE
import Testing
import TestSupport

@testable import SecurityClient

/// What a client takes over of roles, how it asks for them, and what it refuses.
@Suite struct RolesClientTests {
    private func withEndpoint(_ body: (RolesEndpoint, RolesClient) async throws -> Void) async throws {
        let endpoint = try await RolesEndpoint()
        do {
            try await body(endpoint, try endpoint.client())
        } catch {
            await endpoint.stop()
            throw error
        }
        await endpoint.stop()
    }

    @Test func theWholeOnceAndThenWhatChanged() async throws {
        try await withEndpoint { endpoint, client in
            #expect(client.staleness(now: endpoint.clock.now) == nil)
            #expect(await client.fetch())
            #expect(endpoint.kept.state.value.sequence == 1)
            #expect(endpoint.kept.state.value.taken.first == endpoint.state.value.bundle)
            try endpoint.tell(from: 1, 1)
            #expect(await client.fetch())
            #expect(await client.fetch())
            try endpoint.tell(from: 1, 4)
            #expect(await client.fetch())
            #expect(endpoint.kept.state.value.sequence == 4)
            #expect(endpoint.state.value.requests == ["- 200", "1 200", "1 304", "1 200"])
            #expect(Set(endpoint.state.value.tokens) == ["Bearer t1"])
            #expect(endpoint.metrics.exposition().contains("roles_changes_applied_total 2"))
            #expect(endpoint.refusals.value == [])
        }
    }

    /// Another replica of the service may take over what this one was about to.
    @Test func whatAnotherReplicaTook() async throws {
        try await withEndpoint { endpoint, client in
            #expect(await client.fetch())
            try endpoint.tell(from: 1, 2)
            endpoint.kept.state.update { $0.sequence = 2 }
            endpoint.clock.advance(60_000)
            try endpoint.tell(from: 2, 2)
            #expect(await client.fetch())
            #expect(endpoint.kept.state.value.taken.count == 1 && endpoint.refusals.value == [])
            #expect(endpoint.state.value.requests.last == "2 200")
        }
    }

    /// A change that does not follow on what is kept: the whole is fetched.
    @Test func aGapIsFilledWithTheWhole() async throws {
        try await withEndpoint { endpoint, client in
            #expect(await client.fetch())
            try endpoint.tell(from: 3, 5)
            #expect(await client.fetch() == false)
            #expect(endpoint.kept.state.value.sequence == 1)
            try endpoint.tell(from: nil, 5)
            #expect(await client.fetch())
            #expect(endpoint.kept.state.value.sequence == 5)
            try endpoint.tell(from: 5, 5)
            #expect(await client.fetch())
            #expect(endpoint.state.value.requests == ["- 200", "1 200", "- 200", "5 200"])
        }
    }

    @Test func whatIsNotSignedByPolicyServiceIsRefused() async throws {
        let forged = try SigningKey.generate(.ES256, keyID: TestKeys.ec.keyID)
        let stranger = try SigningKey.generate(.ES256, keyID: "stranger")
        let changes: [(String, String, @Sendable (inout RolesEndpoint.State) -> Void)] = [
            ("another key under the id", "untrusted", { $0.key = forged }),
            ("a key that nobody knows", "untrusted", { $0.key = stranger }),
            ("another issuer", "untrusted", { $0.issuer = "somebody" }),
            ("another kind", "untrusted", { $0.kind = .policies }),
            ("a higher number than the body", "untrusted", { $0.said = (9, nil) }),
            ("a change that is said to be the whole", "untrusted", { $0.said = (nil, 0) }),
            ("cut", "untrusted", { $0.change = { Array($0.dropLast()) } }),
            ("empty", "untrusted", { $0.change = { _ in [] } }),
            (
                "a bit", "untrusted",
                { $0.change = { body in body.enumerated().map { $0 == body.count / 2 ? $1 ^ 1 : $1 } } }
            ),
            ("signed and not to be read", "invalid", { $0.bundle.catalogue = nil }),
        ]
        for (name, code, change) in changes {
            try await withEndpoint { endpoint, client in
                let good = endpoint.state.value
                endpoint.state.update { change(&$0) }
                #expect(await client.fetch() == false, "\(name)")
                #expect(endpoint.kept.state.value.taken == [], "\(name)")
                #expect(endpoint.refusals.value == [code], "\(name)")
                #expect(client.staleness(now: endpoint.clock.now) == nil, "\(name)")
                endpoint.state.update { $0 = good }
                #expect(await client.fetch(), "\(name)")
            }
        }
    }

    /// Something that was true once is not taken, whatever is said of it.
    @Test func olderOnesAreRefused() async throws {
        try await withEndpoint { endpoint, client in
            try endpoint.tell(from: nil, 5)
            #expect(await client.fetch())
            // A replica of policy-service may be a moment behind: not taken, and no event.
            try endpoint.tell(from: nil, 4)
            #expect(await client.fetch() == false)
            #expect(endpoint.refusals.value == [])
            endpoint.clock.advance(20_000)
            #expect(await client.fetch() == false)
            try endpoint.tell(from: 2, 3)
            #expect(await client.fetch() == false)
            #expect(endpoint.refusals.value == ["rollback", "rollback"])
            #expect(endpoint.kept.state.value.taken.count == 1)
            // What was kept counts after a restart, too.
            let restarted = try endpoint.client()
            #expect(await restarted.fetch() == false)
            endpoint.clock.advance(20_000)
            #expect(await restarted.fetch() == false)
            #expect(endpoint.refusals.value.count == 3)
            #expect(endpoint.metrics.exposition().contains("roles_bundles_refused_total 3"))
            try endpoint.tell(from: nil, 6)
            #expect(await restarted.fetch() && endpoint.kept.state.value.sequence == 6)
        }
    }

    /// An old answer that is played back makes nothing younger, and no clock that is ahead does.
    @Test func whatIsSignedAnewIsFresh() async throws {
        try await withEndpoint { endpoint, client in
            #expect(await client.fetch())
            let signedAt = endpoint.clock.seconds
            endpoint.clock.advance(100_000)
            #expect(try #require(client.staleness(now: endpoint.clock.now)) >= .seconds(100))
            try endpoint.tell(from: 1, 1)
            endpoint.state.update { $0.issuedAt = signedAt }
            #expect(await client.fetch())
            #expect(try #require(client.staleness(now: endpoint.clock.now)) >= .seconds(100))
            endpoint.state.update { [clock = endpoint.clock] in $0.issuedAt = clock.seconds + 3_600 }
            #expect(await client.fetch())
            endpoint.clock.advance(60_000)
            #expect(try #require(client.staleness(now: endpoint.clock.now)) >= .seconds(60))
            endpoint.state.update { $0.issuedAt = nil }
            #expect(await client.fetch())
            #expect(try #require(client.staleness(now: endpoint.clock.now)) < .seconds(2))
        }
    }

    @Test func whatFailsIsTriedAgain() async throws {
        try await withEndpoint { endpoint, client in
            endpoint.tokens.number.update { $0 = 0 }
            #expect(await client.fetch() == false)
            #expect(endpoint.state.value.requests == [], "without a token nothing is asked")
            endpoint.tokens.number.update { $0 = 1 }
            endpoint.kept.state.update { $0.fails = true }
            #expect(await client.fetch() == false)
            endpoint.kept.state.update { $0.fails = false }
            for status in [HTTPTypes.HTTPResponse.Status.serviceUnavailable, .forbidden, .unauthorized] {
                endpoint.state.update { $0.status = status }
                #expect(await client.fetch() == false)
            }
            endpoint.state.update { $0.status = nil }
            #expect(await client.fetch())
            // Whoever is not let in asks with another token next.
            #expect(endpoint.state.value.tokens == ["Bearer t1", "Bearer t1", "Bearer t2", "Bearer t3"])
            #expect(endpoint.refusals.value == [])
        }
    }

    // MARK: The feed

    private func run(_ client: RolesClient, _ body: () async throws -> Void) async throws {
        let task = Task { try? await client.run() }
        do {
            try await body()
        } catch {
            task.cancel()
            throw error
        }
        task.cancel()
        await task.value
    }

    @Test func anEventHasItFetched() async throws {
        try await withEndpoint { endpoint, client in
            try await run(client) {
                try await eventually("fetched at the start") { endpoint.kept.state.value.sequence == 1 }
                try endpoint.tell(from: 1, 2)
                client.hear(endpoint.event(2))
                try await eventually("fetched by the event") { endpoint.kept.state.value.sequence == 2 }
                // Heard once more, and of another kind: nothing is asked.
                try endpoint.tell(from: 2, 3)
                let asked = endpoint.state.value.requests.count
                client.hear(endpoint.event(2))
                client.hear(endpoint.event(9, type: "org.jts.policy.policies-activated"))
                try await Task.sleep(for: .milliseconds(300))
                #expect(endpoint.state.value.requests.count == asked)
            }
        }
    }

    /// An event may be quicker than the replica that is asked.
    @Test func whatWasToldOfIsAskedForAgain() async throws {
        try await withEndpoint { endpoint, client in
            try await run(client) {
                try await eventually("fetched at the start") { endpoint.kept.state.value.sequence == 1 }
                try endpoint.tell(from: 1, 1)
                client.hear(endpoint.event(2))
                try await eventually("asked in vain") { endpoint.state.value.requests.count >= 3 }
                try endpoint.tell(from: 1, 2)
                try await eventually("there in the end") { endpoint.kept.state.value.sequence == 2 }
            }
        }
    }

    /// Nobody signs the feed: what it tells of without reason is asked for some times, and no more.
    @Test func whatIsToldOfWithoutReason() async throws {
        try await withEndpoint { endpoint, client in
            try await run(client) {
                try await eventually("fetched at the start") { endpoint.kept.state.value.sequence == 1 }
                try endpoint.tell(from: 1, 1)
                client.hear(endpoint.event(.max))
                try await eventually("given up", within: .seconds(60)) { endpoint.state.value.requests.count >= 10 }
                try await Task.sleep(for: .seconds(1))
                #expect(endpoint.state.value.requests.count <= 11)
            }
        }
    }
}
