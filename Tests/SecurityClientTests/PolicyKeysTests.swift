import Contracts
import EventBus
import Foundation
import JOSE
import Logging
import StrictJSON
import TestSupport
import Testing

@testable import SecurityClient

/// The keys that sign statements, as they change while a client runs and while it does not.
@Suite struct PolicyKeysTests {
    static let first = TestKeys.ec
    static let second = make("ec-2")
    static let third = make("ec-3")

    private static func make(_ id: String) -> SigningKey {
        do { return try SigningKey.generate(.ES256, keyID: id) } catch { preconditionFailure("\(error)") }
    }

    private func write(_ keys: [SigningKey], to folder: TemporaryDirectory) throws {
        let text = JWKSet(keys: keys.map(\.publicJWK)).json().encodedString()
        // Replaced whole, as policy-service does it.
        let beside = try folder.write(text, to: "keys.new")
        #expect(rename(beside, folder.file("keys.json")) == 0)
    }

    // MARK: Pinned

    @Test func aPinnedFileIsReadAgainForAnUnknownKey() async throws {
        let folder = try TemporaryDirectory("jts-pinned")
        try write([Self.first], to: folder)
        let keys = try PinnedKeys(folder.file("keys.json"), interval: .milliseconds(10), logger: quiet)
        #expect(keys.keyAtHand("ec-1", algorithm: .ES256) != nil)
        #expect(try await keys.key("ec-2", algorithm: .ES256) == nil)
        try write([Self.first, Self.second], to: folder)
        #expect(keys.keyAtHand("ec-2", algorithm: .ES256) == nil, "not before it is asked for")
        #expect(try await keys.key("ec-2", algorithm: .ES256) != nil)
        #expect(keys.generation == 0, "nothing was withdrawn")
        #expect(keys.keyAtHand("ec-1", algorithm: .ES256) != nil)
        try write([Self.second, Self.third], to: folder)
        #expect(try await keys.key("ec-3", algorithm: .ES256) != nil)
        #expect(keys.keyAtHand("ec-1", algorithm: .ES256) == nil && keys.generation == 1)
        // Another algorithm than the key's is another key.
        #expect(try await keys.key("ec-3", algorithm: .ES384) == nil)
    }

    @Test func unknownKeysDoNotKeepTheDiskBusy() async throws {
        let folder = try TemporaryDirectory("jts-pinned")
        try write([Self.first], to: folder)
        let keys = try PinnedKeys(folder.file("keys.json"), interval: .seconds(1), logger: quiet)
        let found = await withTaskGroup(of: Bool.self) { group in
            for number in 0..<300 {
                group.addTask { ((try? await keys.key("made-up-\(number)", algorithm: .ES256)) ?? nil) != nil }
            }
            return await group.contains(true)
        }
        #expect(!found)
        #expect(keys.readingCount < 20, "300 asked")
        #expect(keys.readingCount > 1)
    }

    @Test func aBrokenFileLeavesTheKeysAsTheyAre() async throws {
        let folder = try TemporaryDirectory("jts-pinned")
        #expect(throws: (any Error).self) { try PinnedKeys(folder.file("keys.json"), logger: quiet) }
        try write([Self.first], to: folder)
        let keys = try PinnedKeys(folder.file("keys.json"), interval: .milliseconds(10), logger: quiet)
        for text in ["", "{", #"{"keys":7}"#] {
            try folder.write(text, to: "keys.json")
            await #expect(throws: KeysUnavailable.self, "\(text)") { try await keys.key("ec-2", algorithm: .ES256) }
            #expect(keys.keyAtHand("ec-1", algorithm: .ES256) != nil)
        }
        try FileManager.default.removeItem(atPath: folder.file("keys.json"))
        await #expect(throws: KeysUnavailable.self) { try await keys.key("ec-2", algorithm: .ES256) }
        try write([Self.second], to: folder)
        #expect(try await keys.key("ec-2", algorithm: .ES256) != nil)
        #expect(keys.keyAtHand("ec-1", algorithm: .ES256) == nil)
    }

    @Test func aClientFollowsAPinnedFile() async throws {
        let endpoint = try await PolicyEndpoint()
        let folder = try TemporaryDirectory("jts-pinned")
        try write([Self.first], to: folder)
        let keys = try PinnedKeys(folder.file("keys.json"), interval: .milliseconds(10), logger: quiet)
        let client = try endpoint.client(keys: keys)
        let refusals = Refusals(of: client)
        #expect(await client.fetch())
        try write([Self.first, Self.second], to: folder)
        endpoint.state.update { ($0.key, $0.sequence, $0.version) = (Self.second, 2, 2) }
        #expect(await client.fetch())
        #expect(client.replica.policySequence == 2 && refusals.all == [])
        // policy-service publishes another key, and the file does not have it: it is the file that counts.
        endpoint.state.update { state in
            (state.key, state.sequence, state.version) = (Self.third, 3, 3)
            state.published = [Self.third.publicJWK]
        }
        #expect(await client.fetch() == false)
        #expect(refusals.all == ["policies untrusted", "entities untrusted"])
        #expect(client.replica.policySequence == 2)
        await endpoint.stop()
    }

    // MARK: Fetched, and kept for a cold start

    private func fetched(_ endpoint: PolicyEndpoint, _ folder: TemporaryDirectory?) throws -> RemoteJWKS {
        var options = RemoteJWKS.Options()
        options.keptIn = folder.map { PolicyFiles.keys(in: $0.path) }
        options.unknownKeyInterval = .milliseconds(10)
        return try RemoteJWKS(url: endpoint.url + "/.well-known/jwks.json", options: options, logger: quiet)
    }

    @Test func fetchedKeysAreKeptForAColdStart() async throws {
        let endpoint = try await PolicyEndpoint()
        let folder = try TemporaryDirectory("jts-policy-cache")
        #expect(await (try endpoint.client(cache: folder.path, keys: try fetched(endpoint, folder))).fetch())
        let attributes = try FileManager.default.attributesOfItem(atPath: PolicyFiles.keys(in: folder.path))
        #expect(attributes[.posixPermissions] as? Int == 0o600)
        endpoint.state.update { $0.isAway = true }
        let keys = try fetched(endpoint, folder)
        let client = try endpoint.client(cache: folder.path, keys: keys)
        client.startFromDisk()
        #expect(client.replica.snapshot != nil && client.isFresh(now: endpoint.clock.now))
        #expect(await client.fetch() == false)
        #expect(
            try await keys.key("ec-1", algorithm: .ES256) != nil, "what was kept goes on while nothing can be fetched")
        #expect(!keys.hasKeys)
        // Without them nothing on disk can be trusted.
        let stranger = try endpoint.client(cache: folder.path, keys: try fetched(endpoint, nil))
        stranger.startFromDisk()
        #expect(stranger.replica.snapshot == nil)
        // They are gone as soon as keys are fetched.
        endpoint.state.update { state in
            (state.isAway, state.key) = (false, Self.second)
            state.published = [Self.second.publicJWK]
        }
        try await eventually("the keys are fetched") {
            _ = await client.fetch(); return keys.hasKeys
        }
        #expect(keys.keyAtHand("ec-1", algorithm: .ES256) == nil && keys.generation == 1)
        #expect(keys.keyAtHand("ec-2", algorithm: .ES256) != nil)
        let kept = try JWKSet(parsing: [UInt8](try Data(contentsOf: URL(filePath: PolicyFiles.keys(in: folder.path)))))
        #expect(kept.keys == [Self.second.publicJWK])
        await endpoint.stop()
    }

    @Test func whatWasKeptDoesNotOutliveAWithdrawal() async throws {
        let endpoint = try await PolicyEndpoint()
        let folder = try TemporaryDirectory("jts-policy-cache")
        #expect(await (try endpoint.client(cache: folder.path, keys: try fetched(endpoint, folder))).fetch())
        // Withdrawn while the client was down; somebody goes on to sign with it.
        endpoint.state.update { $0.published = [Self.second.publicJWK] }
        let client = try endpoint.client(keys: try fetched(endpoint, folder))
        let refusals = Refusals(of: client)
        #expect(await client.fetch() == false)
        #expect(refusals.all == ["policies untrusted", "entities untrusted"])
        #expect(client.replica.snapshot == nil)
        await endpoint.stop()
    }

    @Test func keptKeysThatAreBrokenAreFetchedAgain() async throws {
        let endpoint = try await PolicyEndpoint()
        let folder = try TemporaryDirectory("jts-policy-cache")
        for text in ["", "{", #"{"keys":[]}"#, #"{"keys":[{"kty":"EC"}]}"#, String(repeating: " ", count: 300_000)] {
            try folder.write(text, to: "statement-keys.json")
            let keys = try fetched(endpoint, folder)
            #expect(keys.keyAtHand("ec-1", algorithm: .ES256) == nil)
            #expect(try await keys.key("ec-1", algorithm: .ES256) != nil)
        }
        await endpoint.stop()
    }

    // MARK: Statements on disk

    @Test func aStatementOfAKeyThatIsGoneIsNotTakenFromDisk() async throws {
        let endpoint = try await PolicyEndpoint()
        let folder = try TemporaryDirectory("jts-policy-cache")
        #expect(await (try endpoint.client(cache: folder.path)).fetch())
        endpoint.state.update { $0.key = Self.second }
        let client = try endpoint.client(cache: folder.path, keys: LocalJWKS { [Self.second.publicJWK] })
        client.startFromDisk()
        #expect(client.replica.snapshot == nil && client.replica.policySequence == nil)
        #expect(client.staleness(now: endpoint.clock.now) == nil)
        #expect(await client.fetch())
        #expect(client.replica.snapshot != nil)
        // From then on the disk has what the new key signed.
        let next = try endpoint.client(cache: folder.path, keys: LocalJWKS { [Self.second.publicJWK] })
        next.startFromDisk()
        #expect(next.replica.snapshot != nil)
        await endpoint.stop()
    }

    /// Nothing changes for long, and then policy-service is away: what is on disk is as old as the last answer.
    @Test func anAnswerThatNothingChangedRenewsTheDisk() async throws {
        let endpoint = try await PolicyEndpoint()
        let folder = try TemporaryDirectory("jts-policy-cache")
        let client = try endpoint.client(
            cache: folder.path, keys: LocalJWKS { [Self.first, Self.second].map(\.publicJWK) })
        #expect(await client.fetch())
        let bodies = try ["policies.bundle", "entities.bundle"].map {
            try Data(contentsOf: URL(filePath: folder.file($0)))
        }
        endpoint.clock.advance(3_600_000)
        endpoint.state.update { $0.key = Self.second }
        #expect(await client.fetch())
        #expect(endpoint.state.value.answers.suffix(2) == ["304 policies", "304 entities"])
        for name in ["policies.statement", "entities.statement"] {
            let attributes = try FileManager.default.attributesOfItem(atPath: folder.file(name))
            #expect(attributes[.posixPermissions] as? Int == 0o600)
        }
        let after = try ["policies.bundle", "entities.bundle"].map {
            try Data(contentsOf: URL(filePath: folder.file($0)))
        }
        #expect(bodies == after, "bodies are not written again")
        endpoint.state.update { $0.isAway = true }
        endpoint.clock.advance(600_000)
        // The key that signed first is gone by now.
        let restarted = try endpoint.client(cache: folder.path, keys: LocalJWKS { [Self.second.publicJWK] })
        let refusals = Refusals(of: restarted)
        restarted.startFromDisk()
        #expect(restarted.replica.snapshot != nil && refusals.all == [])
        #expect(restarted.staleness(now: endpoint.clock.now).map { $0 >= .seconds(600) && $0 < .seconds(602) } == true)
        await endpoint.stop()
    }

    @Test func aStatementBesideAnotherBodyIsPassedOver() async throws {
        let endpoint = try await PolicyEndpoint()
        let folder = try TemporaryDirectory("jts-policy-cache")
        let client = try endpoint.client(cache: folder.path)
        #expect(await client.fetch())
        #expect(await client.fetch())
        let left = try Data(contentsOf: URL(filePath: folder.file("policies.statement")))
        endpoint.state.update { ($0.sequence, $0.version) = (2, 2) }
        #expect(await client.fetch())
        #expect(!FileManager.default.fileExists(atPath: folder.file("policies.statement")))
        // Left behind by a process that was killed in between; no statement at all; a statement that somebody changed.
        var changed = left
        changed[changed.count - 10] ^= 1
        for data in [left, Data("x".utf8), Data(), changed] {
            try data.write(to: URL(filePath: folder.file("policies.statement")))
            let restarted = try endpoint.client(cache: folder.path)
            let refusals = Refusals(of: restarted)
            restarted.startFromDisk()
            #expect(restarted.replica.policySequence == 2 && restarted.replica.snapshot != nil)
            #expect(refusals.all == [])
        }
        // One of this body with another signature is refused, and the first one goes on.
        #expect(await client.fetch())
        var forged = try Data(contentsOf: URL(filePath: folder.file("policies.statement")))
        forged[forged.count - 10] =
            forged[forged.count - 10] == UInt8(ascii: "A") ? UInt8(ascii: "B") : UInt8(ascii: "A")
        try forged.write(to: URL(filePath: folder.file("policies.statement")))
        let restarted = try endpoint.client(cache: folder.path)
        let refusals = Refusals(of: restarted)
        restarted.startFromDisk()
        #expect(restarted.replica.policySequence == 2 && refusals.all == ["policies untrusted"])
        await endpoint.stop()
    }

    // MARK: The feed

    private func event(_ type: String, _ data: JSONObject) -> CloudEvent {
        CloudEvent(
            id: "1", source: "policy-service/main/1", type: "org.jts.policy." + type,
            data: JSONValue.object(data).encoded(), topic: Topic.policyChanged.rawValue)
    }

    /// A change that is told of and cannot be read may be any change: the feed vouches for nothing until it is made good.
    @Test func whatCannotBeReadIsNotPassedOver() async throws {
        let endpoint = try await PolicyEndpoint()
        let keys = Box([Self.first.publicJWK])
        let client = try endpoint.client(keys: LocalJWKS { keys.value })
        #expect(await client.fetch())
        #expect(client.hasAllThatWasAnnounced)
        var state = endpoint.state.value
        (state.key, state.sequence, state.version) = (Self.second, 1, 1)
        let (statement, _) = try PolicyEndpoint.bundle(.policies, state, endpoint.clock)
        client.handle(.event(event("policies-activated", ["statement": .string(statement)])))
        #expect(!client.hasAllThatWasAnnounced)
        endpoint.state.update { $0.isAway = true }
        #expect(await client.fetch() == false)
        #expect(!client.hasAllThatWasAnnounced)
        endpoint.state.update { ($0.isAway, $0.key) = (false, Self.second) }
        keys.update { $0 = [Self.second.publicJWK] }
        #expect(await client.fetch())
        #expect(client.hasAllThatWasAnnounced)
        client.handle(.event(event("policies-activated", ["statement": .string(statement)])))
        #expect(client.hasAllThatWasAnnounced, "the key is known by now")
        // So are changes of entities.
        client.handle(.event(event("entities-changed", ["statement": "x.y.z", "body": "{}"])))
        #expect(!client.hasAllThatWasAnnounced)
        #expect(await client.fetch())
        #expect(client.hasAllThatWasAnnounced)
        await endpoint.stop()
    }
}
