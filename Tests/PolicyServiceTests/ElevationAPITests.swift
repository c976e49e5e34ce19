import Contracts
import Database
import RouteTesting
import StrictJSON
import Testing

@testable import PolicyService

/// Elevations over HTTP and SQL.
@Suite("Elevations")
struct ElevationAPITests {
    private func act(
        _ world: PolicyWorld, _ id: Int64, _ act: String, as caller: String, _ body: JSONValue? = nil
    ) async throws -> RouteCaller.Answer {
        try await world.caller.send(.post, "/v1/elevations/\(id)/\(act)", body, as: caller)
    }

    @Test(
        "asked for by one, granted by another, in effect from then on, and over by itself",
        arguments: SQLDialect.allCases)
    func life(_ dialect: SQLDialect) async throws {
        let world = try await PolicyWorld(dialect)
        let before = try await world.roles()
        let asked = try await world.ask(seconds: 600, scope: RoleAssignmentTests.desk)
        #expect(asked.status == 201 && asked["state"]?.string == "requested", "\(asked.json)")
        let id = try #require(asked["id"]?.int)
        #expect(try await world.roles() == before, "nothing is given yet")
        world.advance(milliseconds: 60_000)
        let approved = try await act(world, id, "approve", as: RoleCallers.rolf, ["reason": "agreed"])
        #expect(approved.status == 200 && approved["state"]?.string == "approved", "\(approved.json)")
        let delta = try await world.roles(after: before.sequence)
        #expect(delta.assignments.map(\.subject) == ["rita"])
        #expect(delta.assignments[0].assigned.role == "risk-override")
        #expect(delta.assignments[0].assigned.endsAt == world.now + 600_000)
        #expect(delta.assignments[0].assigned.scope == .init(type: "Desk", id: "fx"))
        world.advance(milliseconds: 599_999)
        #expect(try await world.service.roles.upkeep.run(now: world.now) == 0)
        world.advance(milliseconds: 1)
        #expect(try await act(world, id, "end", as: RoleCallers.rita).problem == "not-in-effect")
        #expect(try await world.service.roles.upkeep.run(now: world.now) == 1)
        let shown = try await world.caller.send(.get, "/v1/elevations/\(id)", as: RoleCallers.ada)
        #expect(shown["state"]?.string == "expired" && shown["decision_reason"]?.string == "agreed")
        #expect(try await act(world, id, "end", as: RoleCallers.rita).status == 409)
        #expect(try await world.roles(after: delta.sequence).removed.map(\.subject) == ["rita"])
        let events = try await world.securityEvents([
            .elevationRequested, .elevationApproved, .elevationEnded, .roleAssigned, .roleAssignmentEnded,
        ]).compactMap { $0["data"] }
        #expect(events.count == 3)
        #expect(
            events[0]["subject"]?.string == "rita" && events[0]["fields"]?["stated_reason"]?.string == "a large client")
        #expect(events[1]["actor"]?.string == "rolf" && events[1]["fields"]?["sequence"]?.int == delta.sequence)
        #expect(events[2]["reason"]?.string == "expired" && events[2]["actor"] == nil)
    }

    @Test("who may not ask, and for what")
    func refusedRequests() async throws {
        let world = try await PolicyWorld()
        #expect(try await world.ask(as: RoleCallers.tom).problem == "not-eligible")
        #expect(try await world.ask(as: "rita/roles:read/risk-manager").problem == "permission-denied")
        #expect(try await world.ask(as: "rita!/elevations:request/risk-manager").problem == "step-up-required")
        #expect(try await world.ask(seconds: 901).problem == "too-long")
        #expect(try await world.ask(seconds: 0).status == 400)
        #expect(try await world.ask(role: "trader").problem == "no-elevation")
        #expect(try await world.ask(role: "nothing").problem == "unknown-role")
        #expect(try await world.ask(scope: ["type": "Account", "id": "1"]).problem == "scope-not-allowed")
        #expect(try await world.ask().status == 201)
        #expect(try await world.ask().problem == "already-requested")
        #expect(try await world.ask(scope: RoleAssignmentTests.desk).status == 201, "another part of the platform")
    }

    @Test("who may not decide", arguments: SQLDialect.allCases)
    func refusedDecisions(_ dialect: SQLDialect) async throws {
        let world = try await PolicyWorld(dialect)
        let before = try await world.roles()
        let id = try #require(try await world.ask()["id"]?.int)
        for decision in ["approve", "reject"] {
            let own = try await act(world, id, decision, as: RoleCallers.rita)
            #expect(own.status == 409 && own.problem == "four-eyes")
            let wrong = try await act(world, id, decision, as: "tess/elevations:approve/trader")
            #expect(wrong.status == 403 && wrong.problem == "not-an-approver", "\(wrong.json)")
            #expect(try await act(world, id, decision, as: "bob/roles:read/admin").problem == "permission-denied")
            #expect(
                try await act(world, id, decision, as: "bob!/elevations:approve/admin").problem == "step-up-required")
            #expect(try await act(world, 999, decision, as: RoleCallers.bob).status == 404)
        }
        world.people.stop()
        #expect(try await act(world, id, "approve", as: RoleCallers.bob).status == 503)
        world.people.start()
        // She is no risk manager any more, or trades by now.
        world.people.set("rita", ["viewer"])
        #expect(try await act(world, id, "approve", as: RoleCallers.bob).problem == "not-eligible")
        world.people.set("rita", ["risk-manager"])
        #expect(try await world.roles() == before)
        #expect(
            try await act(world, id, "reject", as: RoleCallers.bob, ["reason": "no"])["state"]?.string == "rejected")
        #expect(try await act(world, id, "approve", as: RoleCallers.bob).problem == "already-decided")
        #expect(try await world.roles() == before)
        let rejected = try await world.securityEvents([.elevationRejected]).compactMap { $0["data"] }
        #expect(rejected.map { $0["reason"]?.string } == ["rejected"])
    }

    @Test("a request that nobody decides lapses after an hour, and is told of once", arguments: SQLDialect.allCases)
    func lapse(_ dialect: SQLDialect) async throws {
        let world = try await PolicyWorld(dialect)
        let other = try await PolicyWorld(dialect, replicaOf: world)
        let before = try await world.roles()
        let id = try #require(try await world.ask()["id"]?.int)
        world.advance(milliseconds: Elevation.patience)
        let late = try await act(world, id, "approve", as: RoleCallers.bob)
        #expect(late.problem == "already-decided" && late["state"]?.string == "lapsed")
        let marked = try await withThrowingTaskGroup(of: Int.self) { group in
            for world in [world, other] {
                group.addTask { try await world.service.roles.upkeep.run(now: world.now) }
            }
            return try await group.reduce(0, +)
        }
        #expect(marked == 1)
        #expect(try await world.roles() == before)
        let events = try await world.securityEvents([.elevationRejected]).compactMap { $0["data"] }
        #expect(events.map { $0["reason"]?.string } == ["lapsed"])
        #expect(try await world.ask().status == 201, "she may ask once more")
    }

    @Test("of two who approve at once one does", arguments: SQLDialect.allCases)
    func race(_ dialect: SQLDialect) async throws {
        let world = try await PolicyWorld(dialect)
        let other = try await PolicyWorld(dialect, replicaOf: world)
        let before = try await world.roles()
        let id = try #require(try await world.ask()["id"]?.int)
        let answers = try await withThrowingTaskGroup(of: RouteCaller.Answer.self) { group in
            for (world, caller) in [(world, RoleCallers.bob), (other, RoleCallers.rolf), (world, RoleCallers.ada)] {
                group.addTask { try await act(world, id, "approve", as: caller) }
            }
            return try await group.reduce(into: [RouteCaller.Answer]()) { $0.append($1) }
        }
        #expect(answers.filter { $0.status == 200 }.count == 1, "\(answers.map(\.json))")
        #expect(answers.filter { $0.problem == "already-decided" }.count == 2)
        #expect(try await world.roles(after: before.sequence).assignments.count == 1)
        #expect(try await world.securityEvents([.elevationApproved]).count == 1)
    }

    @Test("it is given back by whoever has it, or taken away", arguments: SQLDialect.allCases)
    func endings(_ dialect: SQLDialect) async throws {
        let world = try await PolicyWorld(dialect)
        var id = try #require(try await world.elevated()["id"]?.int)
        let granted = try await world.roles()
        #expect(granted.assignments.count == 1)
        #expect(try await act(world, id, "end", as: "tess/elevations:request/trader").status == 403)
        #expect(try await act(world, id, "end", as: "rita/roles:read/risk-manager").status == 403)
        #expect(try await act(world, id, "end", as: "rita/elevations:request/risk-manager").status == 403)
        // It takes risk away: no fresh factor is asked for, and stale revocations do not keep it from going through.
        #expect(Permission.endElevations.risk == .reducing)
        #expect(try await act(world, id, "end", as: "rita!/elevations:end/").status == 200)
        #expect(try await world.roles(after: granted.sequence).removed.count == 1)
        #expect(try await act(world, id, "end", as: RoleCallers.rita).problem == "not-in-effect")

        id = try #require(try await world.elevated()["id"]?.int)
        let taken = try await act(world, id, "end", as: "bob/elevations:end/", ["reason": "misused"])
        #expect(taken.status == 200 && taken["ended_by"]?.string == "bob")
        #expect(try await world.roles().assignments.isEmpty)

        // The assignment that it made can be ended as any other; so is the elevation then.
        let third = try await world.elevated()
        id = try #require(third["id"]?.int)
        let assignment = try #require(third["assignment"]?.int)
        let ended = try await world.caller.send(.delete, "/v1/assignments/\(assignment)", as: RoleCallers.ada)
        #expect(ended.status == 200)
        let shown = try await world.caller.send(.get, "/v1/elevations/\(id)", as: RoleCallers.ada)
        #expect(shown["state"]?.string == "ended" && shown["ended_by"]?.string == "ada")

        // A request is taken back.
        id = try #require(try await world.ask()["id"]?.int)
        #expect(try await act(world, id, "end", as: RoleCallers.bob).problem == "not-in-effect")
        #expect(try await act(world, id, "end", as: RoleCallers.rita)["state"]?.string == "withdrawn")
        #expect(try await act(world, id, "approve", as: RoleCallers.bob).problem == "already-decided")
        #expect(try await world.roles().assignments.isEmpty)
        #expect(try await world.securityEvents([.elevationEnded]).count == 3)
        let list = try await world.caller.send(.get, "/v1/elevations?subject=rita&state=ended", as: RoleCallers.ada)
        #expect(list["elevations"]?.array?.count == 3)
    }
}
