import Database
import HTTPTypes
import SecurityClient
import RouteTesting
import StrictJSON
import Testing

@testable import PolicyService

/// What those fetch who go by roles.
@Suite("Bundles of roles")
struct RoleBundleTests {
    /// Keeps what a client keeps.
    private struct Kept: Equatable {
        var sequence: Int64
        var catalogue: RoleCatalogue?
        var assignments: [Int64: RolesBundle.Assignment]

        init(_ whole: RolesBundle) {
            sequence = whole.sequence
            catalogue = whole.catalogue
            assignments = Dictionary(uniqueKeysWithValues: whole.assignments.map { ($0.assigned.id, $0) })
        }

        mutating func apply(_ change: RolesBundle) {
            #expect(change.from == sequence && change.sequence >= sequence)
            for removed in change.removed { assignments[removed.id] = nil }
            for assignment in change.assignments { assignments[assignment.assigned.id] = assignment }
            if let catalogue = change.catalogue { self.catalogue = catalogue }
            sequence = change.sequence
        }
    }

    @Test("the whole is what changes lead to, whichever were fetched", arguments: SQLDialect.allCases)
    func deltas(_ dialect: SQLDialect) async throws {
        let world = try await PolicyWorld(dialect)
        let other = try await PolicyWorld(dialect, replicaOf: world)
        let first = try await world.roles()
        #expect(first.from == nil)
        // One that is told of everything, and ones that come by now and then.
        var kept = [Kept(first), Kept(first), Kept(first)]
        var numbers = Numbers(state: dialect == .sqlite ? 20_260_101 : 8_128)
        for step in 0..<120 {
            try await change(world, &numbers)
            let whole = Kept(try await world.roles())
            for (index, every) in [1, 3, 7].enumerated() where step % every == 0 {
                kept[index].apply(try await world.roles(after: kept[index].sequence))
                #expect(kept[index] == whole, "step \(step)")
            }
        }
        let whole = try await world.roles()
        #expect(whole.sequence > 30 && !whole.assignments.isEmpty)
        // The other replica says the same, and knows it for its decisions.
        #expect(try await other.roles() == whole)
        try await other.service.roles.follower.follow()
        for world in [world, other] {
            #expect(world.service.roles.assigned.sequence == whole.sequence)
            #expect(world.service.roles.assigned.count == whole.assignments.count)
        }
    }

    /// SplitMix64: the same changes in each run.
    private struct Numbers: RandomNumberGenerator {
        var state: UInt64
        mutating func next() -> UInt64 {
            state &+= 0x9E37_79B9_7F4A_7C15
            var z = (state ^ (state >> 30)) &* 0xBF58_476D_1CE4_E5B9
            z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
            return z ^ (z >> 31)
        }
    }

    /// Something happens; some of it is refused.
    private func change(_ world: PolicyWorld, _ numbers: inout Numbers) async throws {
        let subject = ["tom", "tess", "vera", "rita"].randomElement(using: &numbers) ?? "tom"
        switch Int.random(in: 0..<10, using: &numbers) {
        case 0...4:
            let role = ["trader", "viewer", "strategist"].randomElement(using: &numbers) ?? "viewer"
            let desk: JSONValue = ["type": "Desk", "id": .string("d\(Int.random(in: 0..<4, using: &numbers))")]
            let end = Bool.random(using: &numbers) ? Int64.random(in: 1_000...20_000, using: &numbers) : nil
            _ = try await world.assign(
                role, to: subject, scope: Bool.random(using: &numbers) ? desk : nil, endsIn: end)
        case 5:
            let list = try await world.caller.send(.get, "/v1/assignments?state=active", as: RoleCallers.ada)
            guard let id = list["assignments"]?.array?.randomElement(using: &numbers)?["id"]?.int else { return }
            _ = try await world.caller.send(.delete, "/v1/assignments/\(id)", as: RoleCallers.ada)
        case 6:
            let asked = try await world.ask(seconds: Int64.random(in: 1...20, using: &numbers))
            // One that waits already is decided about.
            guard let id = (asked["id"] ?? asked["elevation"])?.int else { return }
            _ = try await world.caller.send(.post, "/v1/elevations/\(id)/approve", as: RoleCallers.bob)
        case 7:
            let permissions = ["orders:view", "positions:view", "risk:view"].shuffled(using: &numbers).prefix(2)
            _ = try await world.caller.send(
                .put, "/v1/roles/clerk", ["permissions": .array(permissions.map { .string($0) })],
                as: RoleCallers.ada)
        default:
            world.advance(milliseconds: Int64.random(in: 0...8_000, using: &numbers))
            _ = try await world.service.roles.upkeep.run(now: world.now)
        }
    }

    @Test("a number that is unknown gets the whole; one that is known and has it, 304")
    func numbers() async throws {
        let world = try await PolicyWorld()
        #expect(try await world.assign("viewer", to: "tom").status == 201)
        let whole = try await world.roles()
        for after in [0, whole.sequence + 1, .max] as [Int64] {
            #expect(try await world.roles(after: after) == whole, "\(after)")
        }
        let nothing = try await world.roles(after: whole.sequence)
        #expect(nothing.from == whole.sequence && nothing.assignments.isEmpty && nothing.catalogue == nil)
        for path in ["/v1/bundles/roles", "/v1/bundles/roles?after=\(whole.sequence)"] {
            let answer = try await world.caller.send(.get, path, as: RoleCallers.client)
            let tag = try #require(answer.headers[.eTag])
            let again = try await world.caller.send(
                .get, path, as: RoleCallers.client, headers: [.ifNoneMatch: tag])
            #expect(again.status == 304 && again.bytes.isEmpty && again.headers[.policyStatement] != nil)
        }
        for query in ["after=x", "after=-1", "after=99999999999999999999", "before=1"] {
            let answer = try await world.caller.send(.get, "/v1/bundles/roles?\(query)", as: RoleCallers.client)
            #expect(answer.status == 400, "\(query)")
        }
        #expect(try await world.caller.send(.get, "/v1/bundles/roles", as: RoleCallers.ada).status == 403)
    }

    @Test("whoever is far behind gets the whole, without what is over", arguments: SQLDialect.allCases)
    func farBehind(_ dialect: SQLDialect) async throws {
        let world = try await PolicyWorld(dialect)
        let first = try await world.roles()
        #expect(try await world.assign("viewer", to: "tom").status == 201)
        let second = try await world.roles()
        func end(_ count: Int64) async throws {
            try await world.platform.database.execute(
                """
                WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < \(count))
                INSERT INTO role_assignments (subject, role, state, reason, created_at, changed_sequence)
                SELECT 'tess', 'viewer', 'ended', 'x', 0, \(second.sequence) FROM numbers
                """)
        }
        // With tom's it is as many as one change may have, then one more.
        try await end(RoleStore.changes - 1)
        let change = try await world.roles(after: first.sequence)
        #expect(change.from == first.sequence && change.removed.count == Int(RoleStore.changes) - 1)
        try await end(1)
        #expect(try await world.roles(after: first.sequence) == second)
    }
}
