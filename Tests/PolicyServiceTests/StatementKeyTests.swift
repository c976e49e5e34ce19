import Database
import Foundation
import JOSE
import StrictJSON
import TestSupport
import Testing

@testable import PolicyService
@testable import SecurityClient

/// The keys that sign statements take over from each other.
@Suite("Statement keys")
struct StatementKeyTests {
    static let keeper = "kim/statement-keys:write,policies:read"
    private static let announcement = StatementKeySchedule.announcement
    private static let lifetime: Int64 = 90 * 86_400_000

    /// The states of keys, by id, as the API lists them.
    private func states(_ world: PolicyWorld) async throws -> [String: String] {
        let answer = try await world.caller.send(.get, "/v1/statement-keys", as: "eve/policies:read")
        #expect(answer.status == 200)
        var states: [String: String] = [:]
        for key in answer["keys"]?.array ?? [] { states[try #require(key["kid"]?.string)] = key["state"]?.string }
        return states
    }

    private func published(_ world: PolicyWorld) async throws -> Set<String> {
        let answer = try await world.caller.send(.get, "/.well-known/jwks.json", as: nil)
        #expect(answer.status == 200)
        return Set(try JWKSet(json: answer.json).keys.compactMap(\.keyID))
    }

    /// The ids in the file that others on the machine pin.
    private func pinned(_ world: PolicyWorld) throws -> Set<String> {
        let file = world.platform.configuration.stateDirectory + "/statement-keys.json"
        let data = try Data(contentsOf: URL(filePath: file))
        return Set(try JWKSet(parsing: [UInt8](data)).keys.compactMap(\.keyID))
    }

    /// Which key signed the bundle of this moment.
    private func signer(_ world: PolicyWorld, _ kind: String = "policies") async throws -> String {
        let answer = try await world.caller.send(.get, "/v1/bundles/" + kind, as: BundleTests.reader)
        #expect(answer.status == 200, "\(answer.json)")
        let statement = try #require(answer.headers[.policyStatement])
        return try #require(PolicyStatement.keyID(of: statement)?.id)
    }

    private func pass(_ milliseconds: Int64, _ worlds: PolicyWorld...) async throws {
        worlds[0].advance(milliseconds: milliseconds)
        for world in worlds { try await follow(world) }
    }

    private func follow(_ world: PolicyWorld) async throws {
        try await world.service.follower.follow()
        try await world.service.rotation.maintain()
    }

    /// The events of keys: what became of which.
    private func told(_ world: PolicyWorld) async throws -> [String] {
        try await world.platform.database.query("SELECT payload FROM outbox_events ORDER BY id").compactMap { row in
            let event = try JSONValue(parsing: try row.text("payload"))
            guard let type = event["type"]?.string, type.hasPrefix("org.jts.security.signing-key-") else { return nil }
            let data = event["data"] ?? .null
            #expect(data["fields"]?["use"]?.string == "statements", "\(event)")
            return "\(type.dropFirst("org.jts.security.signing-key-".count)) \(data["fields"]?["kid"]?.string ?? "")"
        }
    }

    // MARK: The schedule

    @Test("a key is announced, active, retired and removed, by the clock alone")
    func schedule() {
        let keys = [
            StatementKeyTimes(keyID: "a", announcedAt: 0, activatesAt: 0),
            StatementKeyTimes(keyID: "b", announcedAt: 900, activatesAt: 1_000),
            StatementKeyTimes(keyID: "c", announcedAt: 1_900, activatesAt: 2_000, revokedAt: 2_500),
        ]
        func states(_ now: Int64) -> [StatementKeyState] {
            keys.map { StatementKeySchedule.state(of: $0, among: keys, now: now) }
        }
        let kept = StatementKeySchedule.retention
        #expect(kept >= 86_400_000)
        #expect(states(999) == [.active, .announced, .revoked])
        #expect(states(1_000) == [.retired, .active, .revoked])
        #expect(states(1_000 + kept) == [.retired, .active, .revoked])
        #expect(states(1_001 + kept) == [.removed, .active, .revoked])
        let schedule = StatementKeySchedule(lifetime: 3_600_000)
        #expect(schedule.needsSuccessor([], now: 0))
        let due = 1_000 + 3_600_000 - Self.announcement
        #expect(!schedule.needsSuccessor(keys, now: due - 1))
        #expect(schedule.needsSuccessor(keys, now: due))
        #expect(StatementKeySchedule.activation([], now: 7) == 7)
        #expect(StatementKeySchedule.immediateActivation([], now: 7) == 7)
        #expect(StatementKeySchedule.immediateActivation(keys, now: 1_000) == 1_001)
        #expect(StatementKeySchedule.immediateActivation(keys, now: 5_000) == 5_000)
        #expect(StatementKeySchedule.activation(keys, now: 3_000) == 3_000 + Self.announcement)
    }

    // MARK: Rotation

    @Test("on demand: published before it signs, kept after it has, and gone in the end")
    func rotation() async throws {
        let world = try await PolicyWorld()
        let first = try await signer(world)
        #expect(try await states(world) == [first: "active"])
        let rotated = try await world.caller.send(.post, "/v1/statement-keys/rotate", as: Self.keeper)
        #expect(rotated.status == 202, "\(rotated.json)")
        let second = try #require(rotated["kid"]?.string)
        #expect(try await states(world) == [first: "active", second: "announced"])
        #expect(try await published(world) == [first, second])
        #expect(try pinned(world) == [first, second])
        #expect(try await signer(world) == first)
        let again = try await world.caller.send(.post, "/v1/statement-keys/rotate", as: Self.keeper)
        #expect(again.status == 409 && again.problem == "key-already-announced")

        try await pass(Self.announcement - 1, world)
        #expect(try await signer(world) == first)
        try await pass(1, world)
        #expect(try await signer(world) == second)
        #expect(try await signer(world, "entities") == second)
        #expect(try await states(world) == [first: "retired", second: "active"])
        #expect(try await published(world) == [first, second])
        // What is committed from now on is signed by it as well.
        try await world.put([
            ["uid": ["type": "Platform", "id": "platform"], "attrs": ["halted": false], "parents": []]
        ])

        try await pass(StatementKeySchedule.retention, world)
        #expect(try await published(world) == [first, second])
        try await pass(1, world)
        #expect(try await published(world) == [second])
        #expect(try pinned(world) == [second])
        #expect(try await states(world) == [second: "active"])
        #expect(
            try await told(world) == [
                "announced \(first)", "announced \(second)", "activated \(first)", "retired \(first)",
                "activated \(second)",
            ])
    }

    @Test("by itself, at the end of a key's time, by one of the replicas", arguments: [SQLDialect.sqlite, .postgres])
    func automatic(_ dialect: SQLDialect) async throws {
        let world = try await PolicyWorld(dialect)
        let other = try await PolicyWorld(dialect, replicaOf: world)
        let first = try await signer(world)
        #expect(try await signer(other) == first)
        try await pass(Self.lifetime - Self.announcement - 1, world, other)
        #expect(try await states(world).count == 1)
        world.advance(milliseconds: 1)
        // All at once.
        try await withThrowingTaskGroup(of: Void.self) { group in
            for replica in [world, other, world, other] { group.addTask { try await follow(replica) } }
            try await group.waitForAll()
        }
        let found = try await states(world)
        #expect(found.count == 2)
        let second = try #require(found.first { $0.value == "announced" }?.key)
        try await follow(other)
        #expect(try await states(other) == found)
        #expect(try await published(other) == [first, second])
        #expect(try pinned(other) == [first, second] && pinned(world) == [first, second])
        try await pass(Self.announcement, world, other)
        #expect(try await signer(world) == second)
        #expect(try await signer(other) == second)
        let events = ["announced \(first)", "activated \(first)", "announced \(second)"]
        #expect(try await told(world).prefix(3) == events[...])
        #expect(try await Set(told(world).dropFirst(3)) == ["retired \(first)", "activated \(second)"])
        #expect(try await told(world).count == 5)
        // A replica that starts finds the same.
        let third = try await PolicyWorld(dialect, replicaOf: world)
        #expect(try await signer(third) == second)
        #expect(try await published(third) == [first, second])
    }

    @Test("a replica that has not read the keys for a while does not speak of them")
    func stale() async throws {
        let world = try await PolicyWorld()
        let other = try await PolicyWorld(replicaOf: world)
        _ = try await world.caller.send(.post, "/v1/statement-keys/rotate", as: Self.keeper)
        world.advance(milliseconds: Self.announcement)
        let jwks = try await other.caller.send(.get, "/.well-known/jwks.json", as: nil)
        #expect(jwks.status == 503, "the key that signs now would be missing")
        let bundle = try await other.caller.send(.get, "/v1/bundles/policies", as: BundleTests.reader)
        #expect(bundle.status == 503)
        try await follow(other)
        #expect(try await published(other).count == 2)
        #expect(try await published(other).contains(try await signer(other)))
    }

    // MARK: Revocation

    @Test("a key that others may know: gone at once, everything is signed anew, and clients are told to look")
    func revocation() async throws {
        let world = try await PolicyWorld()
        let other = try await PolicyWorld(replicaOf: world)
        let first = try await signer(world)
        let path = "/v1/statement-keys/\(first)/revoke"
        let revoked = try await world.caller.send(.post, path, as: Self.keeper)
        #expect(revoked.status == 200, "\(revoked.json)")
        let second = try #require(revoked["kid"]?.string)
        #expect(try await signer(world) == second)
        #expect(try await signer(world, "entities") == second)
        #expect(try await published(world) == [second])
        #expect(try pinned(world) == [second])
        #expect(try await states(world) == [first: "revoked", second: "active"])
        let again = try await world.caller.send(.post, path, as: Self.keeper)
        #expect(again.status == 404 && again.problem == "key-not-found")
        try await follow(other)
        #expect(try await signer(other) == second)
        #expect(try await published(other) == [second])
        #expect(try pinned(other) == [second])
        // Whoever follows the topic meets the new key there, and has the keys fetched.
        let rows = try await world.platform.database.query("SELECT payload FROM outbox_events ORDER BY id")
        let statements = try rows.compactMap { row -> String? in
            let event = try JSONValue(parsing: try row.text("payload"))
            guard event["type"]?.string == "org.jts.policy.policies-activated" else { return nil }
            return event["data"]?["statement"]?.string
        }
        #expect(statements.map { PolicyStatement.keyID(of: $0)?.id } == [first, second])
        let set = try JWKSet(json: try await world.caller.send(.get, "/.well-known/jwks.json", as: nil).json)
        let last = try #require(statements.last)
        let statement = try PolicyStatement(
            verifying: last, kind: .policies, issuer: "policy-service"
        ) { id, algorithm in set[id].flatMap { try? VerificationKey(jwk: $0, algorithm: algorithm) } }
        let bundle = try await world.caller.send(.get, "/v1/bundles/policies", as: BundleTests.reader)
        #expect(throws: Never.self) { try statement.check(bundle.bytes) }
        #expect(statement.sequence == 1)
        #expect(
            try await told(world) == [
                "announced \(first)", "revoked \(first)", "announced \(second)", "activated \(second)",
            ])
        // In the end nothing is left of it.
        try await pass(StatementKeySchedule.retention + 1, world)
        #expect(try await states(world) == [second: "active"])
    }

    @Test("whichever is revoked, a key that nobody knows yet signs: clients that meet it learn what is gone")
    func revocationOfOthers() async throws {
        let world = try await PolicyWorld()
        let first = try await signer(world)
        let rotated = try await world.caller.send(.post, "/v1/statement-keys/rotate", as: Self.keeper)
        let second = try #require(rotated["kid"]?.string)
        // One that is announced.
        var revoked = try await world.caller.send(.post, "/v1/statement-keys/\(second)/revoke", as: Self.keeper)
        let third = try #require(revoked["kid"]?.string)
        // The first one began to sign in this very millisecond.
        world.advance(milliseconds: 1)
        #expect(try await signer(world) == third)
        #expect(try await published(world) == [first, third])
        try await pass(Self.announcement, world)
        #expect(try await signer(world) == third)
        // One that is retired.
        revoked = try await world.caller.send(.post, "/v1/statement-keys/\(first)/revoke", as: Self.keeper)
        let fourth = try #require(revoked["kid"]?.string)
        #expect(try await signer(world) == fourth)
        #expect(try await published(world) == [third, fourth])
        #expect(
            try await states(world) == [first: "revoked", second: "revoked", third: "retired", fourth: "active"])
    }

    @Test("a replica whose clock is behind goes on with the only key there is")
    func clockBehind() async throws {
        let world = try await PolicyWorld()
        let other = try await PolicyWorld(replicaOf: world)
        let first = try await signer(world)
        world.advance(milliseconds: 4_000)
        let revoked = try await world.caller.send(.post, "/v1/statement-keys/\(first)/revoke", as: Self.keeper)
        world.advance(milliseconds: -4_000)
        try await other.service.follower.follow()
        try await other.service.rotation.keys.follow()
        #expect(try await signer(other) == revoked["kid"]?.string)
        #expect(try await published(other) == [try await signer(other)])
    }

    @Test("who may do it")
    func permissions() async throws {
        let world = try await PolicyWorld()
        let first = try await signer(world)
        let paths = ["/v1/statement-keys/rotate", "/v1/statement-keys/\(first)/revoke"]
        for path in paths {
            #expect(try await world.caller.send(.post, path, as: nil).status == 401)
            #expect(try await world.caller.send(.post, path, as: "eve/policies:read").status == 403)
            let old = try await world.caller.send(.post, path, as: "kim!/statement-keys:write")
            #expect(old.problem == "step-up-required")
        }
        let unknown = try await world.caller.send(.post, "/v1/statement-keys/none/revoke", as: Self.keeper)
        #expect(unknown.status == 404)
        #expect(try await world.caller.send(.get, "/v1/statement-keys", as: "eve/bundles:read").status == 403)
        #expect(try await states(world) == [first: "active"])
        // Nothing of the private parts is shown.
        let list = try await world.caller.send(.get, "/v1/statement-keys", as: Self.keeper)
        #expect(!String(decoding: list.bytes, as: UTF8.self).contains("\"d\""))
    }

    @Test("a file that cannot be written keeps no key from being withdrawn, and is written when it can be")
    func unwritable() async throws {
        let world = try await PolicyWorld()
        let first = try await signer(world)
        // Something that no file takes the place of.
        let file = world.platform.configuration.stateDirectory + "/statement-keys.json"
        try FileManager.default.removeItem(atPath: file)
        try FileManager.default.createDirectory(atPath: file + "/x", withIntermediateDirectories: true)
        let revoked = try await world.caller.send(.post, "/v1/statement-keys/\(first)/revoke", as: Self.keeper)
        #expect(revoked.status == 200)
        let second = try await signer(world)
        #expect(second != first)
        #expect(try await published(world) == [second])
        try await world.service.rotation.maintain()
        try FileManager.default.removeItem(atPath: file)
        try await world.service.rotation.maintain()
        #expect(try pinned(world) == [second])
    }

    @Test("a key is not succeeded before somebody knows the next one, however late that is")
    func late() async throws {
        let world = try await PolicyWorld()
        let first = try await signer(world)
        try await pass(2 * Self.lifetime, world)
        #expect(try await signer(world) == first)
        #expect(try await states(world).count == 2)
        try await pass(Self.announcement, world)
        #expect(try await signer(world) != first)
    }

    @Test("the key of a service that knew no rotation goes on")
    func upgraded() async throws {
        let folder = try TemporaryDirectory("jts-keys")
        let database = try await DatabaseFactory.open(
            url: "sqlite://\(folder.path)/policies.db", logger: quiet, options: DatabaseOptions())
        try await Migrator.run(
            PolicyMigrations.policies.filter { $0.number <= 5 }, component: "policy-service", on: database)
        let key = try SigningKey.generate(.ES256)
        try await database.execute(
            "INSERT INTO statement_keys (kid, sealed, public_jwk, created_at) VALUES (?, ?, ?, ?)",
            [.text(key.keyID), .blob([1]), .text(key.publicJWK.json().encodedString()), .int(1_000)])
        try await Migrator.run(PolicyMigrations.policies, component: "policy-service", on: database)
        let stored = try await database.read { try StatementKeyRecords.all($0) }
        #expect(stored.map(\.times) == [StatementKeyTimes(keyID: key.keyID, announcedAt: 1_000, activatesAt: 1_000)])
        #expect(stored.map(\.told) == [.active], "nothing is told of it anew")
        await database.shutdown()
    }
}
