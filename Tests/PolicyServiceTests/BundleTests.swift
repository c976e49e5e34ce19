import Cedar
import JOSE
import StrictJSON
import Testing

@testable import PolicyService
@testable import SecurityClient

/// What policy-service signs, and what those who decide take of it.
@Suite("Bundles")
struct BundleTests {
    static let reader = "svc/bundles:read"

    private struct Bundle {
        let statement: PolicyStatement
        let body: [UInt8]
    }

    private func keys(_ world: PolicyWorld) async throws -> JWKSet {
        try JWKSet(json: try await world.caller.send(.get, "/.well-known/jwks.json", as: nil).json)
    }

    private func fetch(_ kind: PolicyStatement.Kind, _ world: PolicyWorld) async throws -> Bundle {
        let path = kind == .policies ? "/v1/bundles/policies" : "/v1/bundles/entities"
        let answer = try await world.caller.send(.get, path, as: BundleTests.reader)
        #expect(answer.status == 200)
        let set = try await keys(world)
        let statement = try PolicyStatement(
            verifying: try #require(answer.headers[.policyStatement]), kind: kind, issuer: "policy-service"
        ) { id, algorithm in set[id].flatMap { try? VerificationKey(jwk: $0, algorithm: algorithm) } }
        let tag = try #require(answer.headers[.eTag])
        #expect(tag == "\"\(statement.digest)\"")
        let repeated = try await world.caller.send(
            .get, path, as: BundleTests.reader, headers: [.ifNoneMatch: tag])
        #expect(repeated.status == 304 && repeated.bytes.isEmpty && repeated.headers[.policyStatement] != nil)
        return Bundle(statement: statement, body: answer.bytes)
    }

    private func replica(of world: PolicyWorld) async throws -> PolicyReplica {
        let replica = PolicyReplica()
        let (policies, entities) = (try await fetch(.policies, world), try await fetch(.entities, world))
        #expect(try replica.takePolicies(policies.statement, body: policies.body) == .applied)
        #expect(replica.snapshot == nil)
        #expect(try replica.takeEntities(entities.statement, body: entities.body) == .applied)
        #expect(replica.snapshot != nil)
        return replica
    }

    @Test("what is fetched is what is decided by, and a repetition changes nothing")
    func fetched() async throws {
        let world = try await PolicyWorld()
        let replica = try await replica(of: world)
        let own = try world.service.point.snapshot()
        let snapshot = try #require(replica.snapshot)
        #expect(snapshot.policies.sequence == own.policies.sequence)
        #expect(snapshot.policies.content == own.policies.content)
        let again = try await fetch(.policies, world)
        #expect(try replica.takePolicies(again.statement, body: again.body) == .known)
    }

    @Test("an older set is refused, whoever signed it; a rollback is a newer one")
    func olderSets() async throws {
        let world = try await PolicyWorld()
        let old = try await fetch(.policies, world)
        try await world.activate(
            try PolicyWorld.files(
                PolicyWorld.shipped,
                [
                    "more.cedar":
                        "@id(\"more\") forbid (principal, action == Action::\"orders:view\", resource) when { context.amr.isEmpty() };"
                ]))
        let replica = try await replica(of: world)
        #expect(throws: PolicyReplica.Refusal.rollback(sequence: 1, have: 2)) {
            try replica.takePolicies(old.statement, body: old.body)
        }
        #expect(replica.policySequence == 2)
        _ = try await world.caller.send(
            .post, "/v1/policies/rollback", ["reason": "x"], as: PolicyWorld.administrator)
        let back = try await fetch(.policies, world)
        #expect(try replica.takePolicies(back.statement, body: back.body) == .applied)
        #expect(replica.snapshot?.policies.version == 1 && replica.policySequence == 3)
    }

    @Test("a bad signature, another issuer, another kind, a changed or cut body are refused")
    func forged() async throws {
        let world = try await PolicyWorld()
        let good = try await fetch(.policies, world)
        let stranger = try SigningKey.generate(.ES256)
        let set = try await keys(world)
        func verify(
            _ text: String, _ kind: PolicyStatement.Kind = .policies, issuer: String = "policy-service"
        ) throws -> PolicyStatement {
            try PolicyStatement(verifying: text, kind: kind, issuer: issuer) { id, algorithm in
                set[id].flatMap { try? VerificationKey(jwk: $0, algorithm: algorithm) }
            }
        }
        #expect(throws: PolicyStatement.Fault.self) { try verify(try good.statement.signed(with: stranger)) }
        let text = try #require(
            try await world.caller.send(.get, "/v1/bundles/policies", as: BundleTests.reader).headers[.policyStatement])
        #expect(throws: PolicyStatement.Fault.self) { try verify(text, .entities) }
        #expect(throws: PolicyStatement.Fault.self) { try verify(text, issuer: "somebody") }
        for index in stride(from: 0, to: text.utf8.count, by: 7) {
            var bytes = Array(text.utf8)
            bytes[index] = bytes[index] == UInt8(ascii: "A") ? UInt8(ascii: "B") : UInt8(ascii: "A")
            let changed = String(decoding: bytes, as: UTF8.self)
            // The last character of a part may hold bits that mean nothing, which base64url here refuses as well.
            #expect(throws: PolicyStatement.Fault.self, "byte \(index)") { try verify(changed) }
        }
        let replica = PolicyReplica()
        #expect(throws: PolicyReplica.Refusal.self) {
            try replica.takePolicies(good.statement, body: good.body.dropLast())
        }
        var flipped = good.body
        flipped[flipped.count / 2] ^= 1
        #expect(throws: PolicyReplica.Refusal.self) { try replica.takePolicies(good.statement, body: flipped) }
        #expect(replica.snapshot == nil && replica.policySequence == nil)
    }

    @Test("changes of entities follow each other; a gap asks for the whole")
    func deltas() async throws {
        let world = try await PolicyWorld()
        let replica = try await replica(of: world)
        func delta(_ sequence: Int64, from: Int64, halted: Bool) throws -> (PolicyStatement, [UInt8]) {
            let entity = Entity(
                uid: EntityUID(type: "Platform", id: "platform"), attributes: ["halted": .bool(halted)])
            let body = try EntityDelta(from: from, sequence: sequence, put: [entity], removed: []).body
            return (
                PolicyStatement(
                    .delta, issuer: "policy-service", sequence: sequence, from: from, issuedAt: 0,
                    digest: PolicyStatement.digest(of: body)), body
            )
        }
        let uid = EntityUID(type: "Platform", id: "platform")
        var next = try delta(1, from: 0, halted: true)
        #expect(try replica.takeDelta(next.0, body: next.1) == .applied)
        #expect(replica.snapshot?.store[uid]?.attributes["halted"] == .bool(true))
        #expect(try replica.takeDelta(next.0, body: next.1) == .known)
        next = try delta(3, from: 2, halted: false)
        #expect(try replica.takeDelta(next.0, body: next.1) == .incomplete)
        #expect(replica.snapshot?.store[uid]?.attributes["halted"] == .bool(true))
        next = try delta(2, from: 1, halted: false)
        #expect(throws: PolicyReplica.Refusal.self) { try replica.takeDelta(next.0, body: next.1.dropLast()) }
        #expect(try replica.takeDelta(next.0, body: next.1) == .applied)
        #expect(replica.entitySequence == 2)
    }
}
