import Database
import RouteTesting
import StrictJSON
import Testing

@testable import PolicyService

/// Roles that administrators give, over HTTP and SQL.
@Suite("Role assignments")
struct RoleAssignmentTests {
    static let desk: JSONValue = ["type": "Desk", "id": "fx"]

    @Test("a role is given for a part of the platform, told of, listed and taken away", arguments: SQLDialect.allCases)
    func life(_ dialect: SQLDialect) async throws {
        let world = try await PolicyWorld(dialect)
        let before = try await world.roles()
        let given = try await world.assign("trader", to: "vera", scope: Self.desk, endsIn: 60_000)
        #expect(given.status == 201 && given["state"]?.string == "active", "\(given.json)")
        let id = try #require(given["id"]?.int)
        let delta = try await world.roles(after: before.sequence)
        #expect(delta.from == before.sequence && delta.sequence == before.sequence + 1 && delta.catalogue == nil)
        #expect(delta.assignments.map(\.subject) == ["vera"])
        #expect(delta.assignments[0].assigned.scope == .init(type: "Desk", id: "fx"))
        #expect(delta.assignments[0].assigned.endsAt == world.now + 60_000)

        let listed = try await world.caller.send(.get, "/v1/assignments?subject=vera&state=active", as: RoleCallers.ada)
        #expect(listed["assignments"]?.array?.map { $0["id"]?.int } == [id])
        let ended = try await world.caller.send(
            .delete, "/v1/assignments/\(id)", ["reason": "moved on"], as: RoleCallers.bob)
        #expect(ended.status == 200 && ended["state"]?.string == "ended" && ended["ended_by"]?.string == "bob")
        let after = try await world.roles(after: delta.sequence)
        #expect(after.removed == [.init(id: id, subject: "vera")] && after.assignments.isEmpty)
        #expect(try await world.roles().assignments.isEmpty)
        // Taking away what is gone changes nothing.
        let again = try await world.caller.send(.delete, "/v1/assignments/\(id)", as: RoleCallers.ada)
        #expect(again.status == 200 && again["ended_by"]?.string == "bob")
        #expect(try await world.roles().sequence == after.sequence)
        #expect(try await world.caller.send(.delete, "/v1/assignments/999", as: RoleCallers.ada).status == 404)

        let events = try await world.securityEvents([.roleAssigned, .roleAssignmentEnded]).compactMap { $0["data"] }
        #expect(events.count == 2)
        #expect(events[0]["subject"]?.string == "vera" && events[0]["actor"]?.string == "ada")
        #expect(events[0]["fields"]?["scope"] == Self.desk && events[0]["fields"]?["sequence"]?.int == delta.sequence)
        #expect(events[1]["actor"]?.string == "bob" && events[1]["fields"]?["stated_reason"]?.string == "moved on")
        let hints = try await world.events().filter { $0 == "org.jts.policy.roles-changed" }
        #expect(hints.count == Int(after.sequence))
    }

    @Test("what may not be given is not, and changes nothing", arguments: SQLDialect.allCases)
    func refusals(_ dialect: SQLDialect) async throws {
        let world = try await PolicyWorld(dialect)
        _ = try await world.assign("viewer", to: "tess")
        let before = try await world.roles()
        func refused(
            _ answer: RouteCaller.Answer, _ status: Int, _ problem: String, _ place: SourceLocation = #_sourceLocation
        ) {
            #expect(answer.status == status && answer.problem == problem, "\(answer.json)", sourceLocation: place)
        }
        refused(try await world.assign("viewer", to: "ada"), 409, "own-assignment")
        refused(try await world.assign("viewer", to: "nobody"), 422, "unknown-subject")
        refused(try await world.assign("nothing", to: "vera"), 422, "unknown-role")
        refused(try await world.assign("risk-override", to: "rita"), 422, "not-standing")
        refused(
            try await world.assign("viewer", to: "vera", scope: ["type": "Account", "id": "1"]), 422,
            "scope-not-allowed")
        refused(try await world.assign("trader", to: "vera", endsIn: -1), 422, "invalid-period")
        refused(try await world.assign("trader", to: "vera", startsIn: 9_000, endsIn: 8_000), 422, "invalid-period")
        refused(try await world.assign("viewer", to: "tess"), 409, "already-assigned")
        let apart = try await world.assign("risk-manager", to: "tess")
        refused(apart, 409, "separation-of-duties")
        #expect(apart["constraint"]?.string == "trading-apart-from-risk")
        refused(try await world.assign("trader", to: "vera", as: "eve/roles:read"), 403, "permission-denied")
        refused(
            try await world.assign("trader", to: "vera", as: "ada!/assignments:write/admin"), 401, "step-up-required")
        world.people.stop()
        refused(try await world.assign("trader", to: "vera"), 503, "unavailable")
        world.people.start()
        #expect(try await world.roles() == before)
        #expect(try await world.securityEvents([.roleAssigned]).count == 1)
        for body in [
            ["subject": "vera", "role": "trader"], ["subject": "vera", "role": "trader", "reason": "x", "more": 1],
            ["subject": "vera", "role": "trader", "reason": "x", "ends_at": "tomorrow"],
            ["subject": "vera", "role": "trader", "reason": "x", "scope": ["type": "Desk"]],
            ["subject": "vera", "role": "trader", "reason": "x", "scope": "fx"],
            ["subject": "../x", "role": "trader", "reason": "x"],
        ] as [JSONValue] {
            let answer = try await world.caller.send(.post, "/v1/assignments", body, as: RoleCallers.ada)
            refused(answer, 400, "invalid-body")
        }
    }

    @Test("of many who give the same role at once one does", arguments: SQLDialect.allCases)
    func race(_ dialect: SQLDialect) async throws {
        let world = try await PolicyWorld(dialect)
        let statuses = try await withThrowingTaskGroup(of: Int.self) { group in
            for index in 0..<6 {
                group.addTask {
                    try await world.assign("trader", to: "vera", as: index % 2 == 0 ? RoleCallers.ada : RoleCallers.bob)
                        .status
                }
            }
            return try await group.reduce(into: [Int]()) { $0.append($1) }
        }
        #expect(statuses.filter { $0 == 201 }.count == 1, "\(statuses)")
        #expect(Set(statuses).isSubset(of: [201, 409, 503]), "\(statuses)")
        #expect(try await world.roles().assignments.count == 1)
    }

    @Test("roles that are apart are not given at once either", arguments: SQLDialect.allCases)
    func separationRace(_ dialect: SQLDialect) async throws {
        let world = try await PolicyWorld(dialect)
        let statuses = try await withThrowingTaskGroup(of: Int.self) { group in
            for role in ["trader", "risk-manager", "trader", "risk-manager"] {
                group.addTask { try await world.assign(role, to: "vera").status }
            }
            return try await group.reduce(into: [Int]()) { $0.append($1) }
        }
        #expect(statuses.filter { $0 == 201 }.count == 1, "\(statuses)")
    }

    @Test("what runs out is marked and told of once, by whichever replica", arguments: SQLDialect.allCases)
    func expiry(_ dialect: SQLDialect) async throws {
        let world = try await PolicyWorld(dialect)
        let other = try await PolicyWorld(dialect, replicaOf: world)
        for subject in ["tom", "tess", "vera"] {
            #expect(try await world.assign("viewer", to: subject, endsIn: 1_000).status == 201)
        }
        #expect(try await world.assign("viewer", to: "rita", endsIn: 9_000).status == 201)
        let before = try await world.roles()
        #expect(try await world.service.roles.upkeep.run(now: world.now) == 0)
        world.advance(milliseconds: 1_000)
        // It says what it is before anybody marked it.
        let listed = try await world.caller.send(.get, "/v1/assignments?state=expired", as: RoleCallers.ada)
        #expect(listed["assignments"]?.array?.count == 3)
        let marked = try await withThrowingTaskGroup(of: Int.self) { group in
            for upkeep in [world.service.roles.upkeep, other.service.roles.upkeep, world.service.roles.upkeep] {
                group.addTask { try await upkeep.run(now: world.now) }
            }
            return try await group.reduce(0, +)
        }
        #expect(marked == 3)
        let events = try await world.securityEvents([.roleAssignmentEnded]).compactMap { $0["data"] }
        #expect(events.count == 3 && events.allSatisfy { $0["reason"]?.string == "expired" && $0["actor"] == nil })
        let delta = try await world.roles(after: before.sequence)
        #expect(delta.sequence == before.sequence + 1 && delta.removed.count == 3)
        #expect(try await world.roles().assignments.map(\.subject) == ["rita"])
        let late = try await world.caller.send(
            .delete, "/v1/assignments/\(delta.removed[0].id)", as: RoleCallers.ada)
        #expect(late.status == 200 && late["state"]?.string == "expired")
        #expect(try await world.roles().sequence == delta.sequence)
        // It can be given once more.
        #expect(try await world.assign("viewer", to: "tom").status == 201)
    }

    @Test("lists are paged, from the newest to the oldest")
    func pages() async throws {
        let world = try await PolicyWorld()
        var expected: [Int64] = []
        for index in 0..<7 {
            let given = try await world.assign(
                "trader", to: "vera", scope: ["type": "Desk", "id": .string("d\(index)")])
            expected.insert(try #require(given["id"]?.int), at: 0)
        }
        var seen: [Int64] = []
        var cursor: String?
        repeat {
            let path = "/v1/assignments?role=trader&limit=3" + (cursor.map { "&cursor=\($0)" } ?? "")
            let page = try await world.caller.send(.get, path, as: RoleCallers.ada)
            seen += page["assignments"]?.array?.compactMap { $0["id"]?.int } ?? []
            cursor = page["next_cursor"]?.string
        } while cursor != nil
        #expect(seen == expected)
        let bad = try await world.caller.send(.get, "/v1/assignments?state=other", as: RoleCallers.ada)
        #expect(bad.status == 400)
        let scheduled = try await world.assign("viewer", to: "vera", startsIn: 5_000)
        #expect(scheduled["state"]?.string == "scheduled")
        let toCome = try await world.caller.send(.get, "/v1/assignments?state=scheduled", as: RoleCallers.ada)
        #expect(toCome["assignments"]?.array?.count == 1)
        world.advance(milliseconds: 5_000)
        let none = try await world.caller.send(.get, "/v1/assignments?state=scheduled", as: RoleCallers.ada)
        #expect(none["assignments"]?.array?.isEmpty == true)
    }
}
