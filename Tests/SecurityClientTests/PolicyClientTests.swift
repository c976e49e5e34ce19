import Cedar
import Foundation
import JOSE
import StrictJSON
import TestSupport
import Testing

@testable import SecurityClient

/// What a client takes over of what it is sent, and how long it believes it.
@Suite struct PolicyClientTests {
    @Test func fetchedOnceAndConfirmedAfterwards() async throws {
        let endpoint = try await PolicyEndpoint()
        let client = try endpoint.client()
        #expect(client.staleness(now: endpoint.clock.now) == nil)
        #expect(await client.fetch())
        #expect(await client.fetch())
        #expect(endpoint.state.value.answers == ["200 policies", "200 entities", "304 policies", "304 entities"])
        #expect(client.replica.policySequence == 1 && client.replica.entitySequence == 1)
        endpoint.state.update { ($0.sequence, $0.version) = (2, 2) }
        #expect(await client.fetch())
        #expect(client.replica.policySequence == 2 && client.replica.snapshot?.policies.version == 2)
        await endpoint.stop()
    }

    /// An answer that says "unchanged" makes policies young again, when it is signed anew.
    @Test func whatIsSignedAnewIsFresh() async throws {
        let endpoint = try await PolicyEndpoint()
        let client = try endpoint.client()
        #expect(await client.fetch())
        let signedAt = endpoint.clock.seconds
        endpoint.clock.advance(899_000)
        #expect(client.isFresh(now: endpoint.clock.now))
        endpoint.clock.advance(2_000)
        #expect(!client.isFresh(now: endpoint.clock.now))
        // Somebody plays the old answer back: what it says was true once.
        endpoint.state.update { $0.issuedAt = signedAt }
        #expect(await client.fetch())
        #expect(!client.isFresh(now: endpoint.clock.now))
        endpoint.state.update { $0.issuedAt = nil }
        #expect(await client.fetch())
        #expect(client.isFresh(now: endpoint.clock.now))
        // Nor does a clock that is ahead make anything last longer.
        endpoint.state.update { [clock = endpoint.clock] in $0.issuedAt = clock.seconds + 3_600 }
        #expect(await client.fetch())
        endpoint.clock.advance(901_000)
        #expect(!client.isFresh(now: endpoint.clock.now))
        await endpoint.stop()
    }

    @Test func whatIsNotSignedByPolicyServiceIsRefused() async throws {
        let forged = try SigningKey.generate(.ES256, keyID: TestKeys.ec.keyID)
        let changes: [(String, @Sendable (inout PolicyEndpoint.State) -> Void)] = [
            ("another key under the id", { $0.key = forged }),
            ("another issuer", { $0.issuer = "somebody" }),
            ("cut", { $0.change = { Array($0.dropLast()) } }),
            ("empty", { $0.change = { _ in [] } }),
            ("a bit", { $0.change = { body in body.enumerated().map { $0 == body.count / 2 ? $1 ^ 1 : $1 } } }),
            ("more", { $0.change = { $0 + [UInt8(ascii: " ")] } }),
        ]
        for (name, change) in changes {
            let endpoint = try await PolicyEndpoint()
            let client = try endpoint.client()
            let refusals = Refusals(of: client)
            endpoint.state.update { change(&$0) }
            #expect(await client.fetch() == false, "\(name)")
            #expect(client.replica.snapshot == nil, "\(name)")
            #expect(client.staleness(now: endpoint.clock.now) == nil, "\(name)")
            #expect(Set(refusals.all) == ["policies untrusted", "entities untrusted"], "\(name)")
            // The good one is taken afterwards.
            endpoint.state.update { $0 = PolicyEndpoint.State() }
            #expect(await client.fetch(), "\(name)")
            await endpoint.stop()
        }
    }

    @Test func aKeyThatNobodyKnowsSignsNothing() async throws {
        let endpoint = try await PolicyEndpoint()
        let client = try endpoint.client()
        let stranger = try SigningKey.generate(.ES256, keyID: "stranger")
        let refusals = Refusals(of: client)
        endpoint.state.update { $0.key = stranger }
        #expect(await client.fetch() == false)
        #expect(refusals.all == ["policies untrusted", "entities untrusted"])
        #expect(client.replica.snapshot == nil)
        await endpoint.stop()
    }

    @Test func olderOnesAreRefused() async throws {
        let endpoint = try await PolicyEndpoint()
        let client = try endpoint.client()
        let refusals = Refusals(of: client)
        endpoint.state.update { ($0.sequence, $0.version, $0.entitySequence) = (5, 3, 9) }
        #expect(await client.fetch())
        endpoint.state.update { ($0.sequence, $0.version, $0.entitySequence) = (4, 2, 8) }
        // A replica of policy-service may be a moment behind: not taken, and no event.
        #expect(await client.fetch() == false)
        #expect(refusals.all == [])
        endpoint.clock.advance(20_000)
        #expect(await client.fetch() == false)
        #expect(refusals.all == ["policies rollback", "entities rollback"])
        #expect(client.replica.policySequence == 5 && client.replica.entitySequence == 9)
        #expect(client.replica.snapshot?.policies.version == 3)
        // Another body under the same number is no repetition.
        endpoint.state.update { state in
            (state.sequence, state.version, state.entitySequence) = (5, 3, 9)
            state.files["a.cedar"] = "@id(\"open\") permit (principal, action, resource);"
        }
        #expect(await client.fetch() == false)
        #expect(refusals.all.last == "policies untrusted")
        #expect(client.replica.snapshot?.policies.loaded.policies.policy("open") == nil)
        await endpoint.stop()
    }

    /// Signed, and not to be read: what was here stays.
    @Test func whatCannotBeReadIsRefused() async throws {
        let endpoint = try await PolicyEndpoint()
        let client = try endpoint.client()
        let refusals = Refusals(of: client)
        #expect(await client.fetch())
        endpoint.state.update { state in
            state.sequence = 2
            state.files["a.cedar"] = "permit (principal, action"
        }
        #expect(await client.fetch() == false)
        #expect(refusals.all == ["policies invalid"])
        #expect(client.replica.policySequence == 1)
        await endpoint.stop()
    }

    // MARK: Disk

    private func stored(_ kind: PolicyStatement.Kind, _ folder: TemporaryDirectory) -> URL {
        URL(fileURLWithPath: folder.file(kind == .policies ? "policies.bundle" : "entities.bundle"))
    }

    @Test func aColdStartFromDisk() async throws {
        let endpoint = try await PolicyEndpoint()
        let folder = try TemporaryDirectory("jts-policy-cache")
        #expect(await (try endpoint.client(cache: folder.path)).fetch())
        for kind in [PolicyStatement.Kind.policies, .entities] {
            let attributes = try FileManager.default.attributesOfItem(atPath: stored(kind, folder).path)
            #expect(attributes[.posixPermissions] as? Int == 0o600)
        }
        endpoint.state.update { $0.isAway = true }
        endpoint.clock.advance(60_000)
        let client = try endpoint.client(cache: folder.path)
        client.startFromDisk()
        #expect(client.replica.policySequence == 1 && client.replica.snapshot != nil)
        #expect(client.isFresh(now: endpoint.clock.now), "as old as its signatures")
        endpoint.clock.advance(841_000)
        #expect(!client.isFresh(now: endpoint.clock.now))
        let later = try endpoint.client(cache: folder.path)
        later.startFromDisk()
        #expect(later.replica.snapshot != nil)
        #expect(later.staleness(now: endpoint.clock.now) == nil, "nothing is known of its freshness")
        #expect(await later.fetch() == false)
        #expect(later.staleness(now: endpoint.clock.now) == nil)
        await endpoint.stop()
    }

    @Test func whatIsBrokenOnDiskIsRefused() async throws {
        let endpoint = try await PolicyEndpoint()
        let folder = try TemporaryDirectory("jts-policy-cache")
        #expect(await (try endpoint.client(cache: folder.path)).fetch())
        let file = stored(.policies, folder)
        let good = try Data(contentsOf: file)
        let newline = try #require(good.firstIndex(of: UInt8(ascii: "\n")))
        var bad = [
            Data(), Data("x".utf8), Data(good[..<newline]), Data(good[...newline]), Data(good[(newline + 1)...]),
        ]
        // Cut, or a bit turned, anywhere.
        for index in stride(from: 3, to: good.count, by: 37) {
            bad.append(Data(good[..<index]))
            var turned = good
            turned[index] ^= 1
            bad.append(turned)
        }
        // The statement of another body.
        bad.append(Data(good[...newline]) + Data(try Data(contentsOf: stored(.entities, folder))))
        for (index, bytes) in bad.enumerated() {
            try bytes.write(to: file)
            let client = try endpoint.client(cache: folder.path)
            client.startFromDisk()
            #expect(client.replica.snapshot == nil, "\(index)")
            #expect(client.replica.policySequence == nil, "\(index)")
        }
        // A broken file keeps nobody from what policy-service has, and is replaced.
        let client = try endpoint.client(cache: folder.path)
        let refusals = Refusals(of: client)
        client.startFromDisk()
        #expect(refusals.all == ["policies untrusted"])
        #expect(await client.fetch())
        #expect(client.replica.snapshot != nil)
        #expect(try Data(contentsOf: file).dropFirst(newline + 1) == good.dropFirst(newline + 1))
        await endpoint.stop()
    }

    /// An older file takes the place of nothing newer, and gives way to what policy-service has.
    @Test func anOlderFileOnDisk() async throws {
        let endpoint = try await PolicyEndpoint()
        let folder = try TemporaryDirectory("jts-policy-cache")
        #expect(await (try endpoint.client(cache: folder.path)).fetch())
        endpoint.state.update { ($0.sequence, $0.version) = (2, 2) }
        let client = try endpoint.client()
        #expect(await client.fetch())
        let files = PolicyFiles(folder: folder.path)
        let old = try #require(files.read(.policies))
        let statement = try PolicyStatement(verifying: old.statement, kind: .policies, issuer: "policy-service") {
            _, _ in
            try? VerificationKey(jwk: TestKeys.ec.publicJWK, algorithm: .ES256)
        }
        #expect(throws: PolicyReplica.Refusal.rollback(sequence: 1, have: 2)) {
            try client.replica.takePolicies(statement, body: old.body)
        }
        let restarted = try endpoint.client(cache: folder.path)
        restarted.startFromDisk()
        #expect(restarted.replica.policySequence == 1)
        #expect(await restarted.fetch())
        #expect(restarted.replica.policySequence == 2)
        await endpoint.stop()
    }
}
