import APISecurity
import SecurityClient
import Testing

@testable import PolicyService

/// The states of an elevation, as values.
@Suite("Elevations as values")
struct ElevationTests {
    private let requested = Elevation(
        id: 1, subject: "rita", role: "risk-override", scope: nil, duration: 600_000, reason: "x", requestedAt: 1_000)

    private func approved() throws -> Elevation { try requested.approved(by: "bob", reason: "yes", at: 5_000) }

    @Test("its clock starts at the approval")
    func approval() throws {
        let approved = try approved()
        #expect(approved.state == .approved && approved.endsAt == 605_000)
        #expect(approved.decidedBy == "bob" && approved.decidedAt == 5_000 && approved.decisionReason == "yes")
        #expect(approved.passing(to: 604_999).state == .approved)
        #expect(approved.passing(to: 605_000).state == .expired)
        #expect(approved.passing(to: 900_000).endedAt == 605_000)
    }

    @Test("a request lapses after an hour, to the millisecond")
    func lapse() throws {
        let end = 1_000 + Elevation.patience
        #expect(requested.passing(to: end - 1).state == .requested)
        #expect(requested.passing(to: end).state == .lapsed)
        #expect(throws: RoleFault.alreadyDecided(.lapsed)) {
            try requested.approved(by: "bob", reason: nil, at: end)
        }
        #expect(try requested.approved(by: "bob", reason: nil, at: end - 1).state == .approved)
        #expect(throws: RoleFault.notInEffect(.lapsed)) { try requested.ended(by: "rita", at: end) }
    }

    @Test("nobody decides about her own request, in either way")
    func fourEyes() {
        #expect(throws: RoleFault.fourEyes) { try requested.approved(by: "rita", reason: nil, at: 2_000) }
        #expect(throws: RoleFault.fourEyes) { try requested.rejected(by: "rita", reason: nil, at: 2_000) }
    }

    @Test("every way that is none is refused")
    func refusals() throws {
        let approved = try approved()
        let ended = try approved.ended(by: "rita", at: 6_000)
        let rejected = try requested.rejected(by: "bob", reason: nil, at: 2_000)
        let withdrawn = try requested.ended(by: "rita", at: 2_000)
        let (expired, lapsed) = (approved.passing(to: 700_000), requested.passing(to: 9_000_000))
        #expect(ended.state == .ended && rejected.state == .rejected && withdrawn.state == .withdrawn)
        #expect(ended.endedBy == "rita" && ended.endedAt == 6_000)
        for over in [ended, rejected, withdrawn, expired, lapsed] {
            #expect(over.passing(to: .max / 2) == over)
            #expect(throws: RoleFault.alreadyDecided(over.state)) {
                try over.approved(by: "bob", reason: nil, at: 7_000)
            }
            #expect(throws: RoleFault.alreadyDecided(over.state)) {
                try over.rejected(by: "bob", reason: nil, at: 7_000)
            }
            #expect(throws: RoleFault.notInEffect(over.state)) { try over.ended(by: "rita", at: 7_000) }
        }
        #expect(throws: RoleFault.alreadyDecided(.approved)) {
            try approved.approved(by: "rolf", reason: nil, at: 7_000)
        }
        // A request of somebody else's is rejected, not ended.
        #expect(throws: RoleFault.notInEffect(.requested)) { try requested.ended(by: "bob", at: 2_000) }
        #expect(throws: RoleFault.notInEffect(.expired)) { try approved.ended(by: "rita", at: 605_000) }
    }
}

/// The rules of roles, as functions of values.
@Suite("Rules of roles")
struct RoleCheckTests {
    private let catalogue: RoleCatalogue

    init() throws {
        catalogue = try RoleCatalogue(
            yaml: """
                permissions: [a, b, c]
                roles:
                  one: { permissions: [a], scopes: [Desk] }
                  two: { permissions: [b], privileged: true, session_limit: { maximum: 3 } }
                  three: { permissions: [c] }
                  helper: { permissions: [a], scopes: [Desk] }
                  high:
                    permissions: [c]
                    standing: false
                    scopes: [Desk]
                    elevation: { eligible: [one], approvers: [two], maximum_seconds: 60 }
                constraints:
                  - { name: two-of-three, kind: static, roles: [one, two, three], maximum: 2 }
                  - { name: not-high, kind: static, roles: [helper, high], maximum: 1 }
                """)
    }

    private func held(_ role: String, _ scope: RoleScope? = nil, from start: Int64? = nil, to end: Int64? = nil)
        -> RoleAssignment
    {
        RoleAssignment(
            id: 7, subject: "s", role: role, scope: scope, startsAt: start, endsAt: end, state: .active, elevation: nil,
            reason: "x", createdBy: "a", createdAt: 0, sequence: 1)
    }

    private func assign(
        _ role: String, scope: RoleScope? = nil, from start: Int64? = nil, to end: Int64? = nil, account: [String] = [],
        held: [RoleAssignment] = [], by actor: String = "a"
    ) throws(RoleFault) {
        try RoleChecks.assign(
            WantedRole(
                subject: "s", role: role, scope: scope, period: RolePeriod(startsAt: start, endsAt: end), reason: "x"),
            by: actor, account: account, held: held, catalogue, now: 1_000)
    }

    @Test("what may be assigned, and what may not")
    func assignment() throws {
        let desk = RoleScope(type: "Desk", id: "fx")
        try assign("one", scope: desk)
        #expect(throws: RoleFault.ownAssignment) { try assign("one", by: "s") }
        #expect(throws: RoleFault.unknownRole("four")) { try assign("four") }
        #expect(throws: RoleFault.notStanding("high")) { try assign("high") }
        #expect(throws: RoleFault.scopeNotAllowed(role: "one", type: "Account")) {
            try assign("one", scope: RoleScope(type: "Account", id: "1"))
        }
        #expect(throws: RoleFault.scopeNotAllowed(role: "two", type: "Desk")) { try assign("two", scope: desk) }
        try assign("one", to: 1_001)
        for (start, end) in [(nil, 1_000), (nil, 999), (5_000, 5_000), (5_000, 4_000)] as [(Int64?, Int64)] {
            #expect(throws: RoleFault.self, "\(end)") { try assign("one", from: start, to: end) }
        }
        // A repetition: the same role for the same part at the same time.
        #expect(throws: RoleFault.alreadyAssigned(7)) { try assign("one", held: [held("one")]) }
        #expect(throws: RoleFault.alreadyAssigned(7)) { try assign("one", scope: desk, held: [held("one", desk)]) }
        try assign("one", scope: desk, held: [held("one")])
        try assign("one", scope: desk, held: [held("one", RoleScope(type: "Desk", id: "eq"))])
        try assign("one", held: [held("one", to: 1_000)])
        try assign("one", from: 9_000, held: [held("one", to: 9_000)])
        #expect(throws: RoleFault.alreadyAssigned(7)) { try assign("one", from: 8_999, held: [held("one", to: 9_000)]) }
        try assign("one", to: 5_000, held: [held("one", from: 5_000)])
    }

    @Test("separation of duties counts the account's roles, and those in effect or to come")
    func separation() throws {
        try assign("three", account: ["one"])
        #expect(throws: RoleFault.separationOfDuties(constraint: "two-of-three")) {
            try assign("three", account: ["one", "two"])
        }
        #expect(throws: RoleFault.separationOfDuties(constraint: "two-of-three")) {
            try assign("three", account: ["one"], held: [held("two", from: 9_000)])
        }
        try assign("three", account: ["one"], held: [held("two", to: 999)])
        // Whoever breaks one already is not kept from what it does not name.
        try assign("helper", account: ["one", "two", "three"])
        // A role that is held twice over is one role.
        try assign("one", scope: RoleScope(type: "Desk", id: "fx"), account: ["one", "two"])
    }

    @Test("who may ask, who may decide, and whether it can still be given")
    func elevations() throws {
        let desk = RoleScope(type: "Desk", id: "fx")
        func ask(_ roles: HeldRoles, _ scope: RoleScope? = nil, _ duration: Int64 = 60_000) throws(RoleFault) {
            try RoleChecks.request("high", scope: scope, duration: duration, by: roles, catalogue)
        }
        let one = HeldRoles(roles: ["one"], scoped: [])
        let onDesk = HeldRoles(roles: [], scoped: [ScopedRole(role: "one", type: "Desk", id: "fx")])
        try ask(one)
        try ask(one, desk)
        try ask(onDesk, desk)
        #expect(throws: RoleFault.notEligible(["one"])) { try ask(onDesk) }
        #expect(throws: RoleFault.notEligible(["one"])) { try ask(onDesk, RoleScope(type: "Desk", id: "eq")) }
        #expect(throws: RoleFault.notEligible(["one"])) { try ask(HeldRoles(roles: ["two"], scoped: [])) }
        #expect(throws: RoleFault.tooLong(60_000)) { try ask(one, nil, 60_001) }
        #expect(throws: RoleFault.noElevation("one")) {
            try RoleChecks.request("one", scope: nil, duration: 1, by: one, catalogue)
        }
        let request = Elevation(
            id: 1, subject: "s", role: "high", scope: nil, duration: 60_000, reason: "x", requestedAt: 0)
        try RoleChecks.decide(request, by: HeldRoles(roles: ["two"], scoped: []), catalogue)
        #expect(throws: RoleFault.notApprover(["two"])) { try RoleChecks.decide(request, by: one, catalogue) }
        try RoleChecks.grant(request, account: ["one"], held: [], catalogue, now: 1_000)
        try RoleChecks.grant(request, account: [], held: [held("one")], catalogue, now: 1_000)
        for held in [held("one", to: 1_000), held("one", from: 2_000), held("one", desk)] {
            #expect(throws: RoleFault.notEligible(["one"])) {
                try RoleChecks.grant(request, account: [], held: [held], catalogue, now: 1_000)
            }
        }
        #expect(throws: RoleFault.separationOfDuties(constraint: "not-high")) {
            try RoleChecks.grant(request, account: ["one", "helper"], held: [], catalogue, now: 1_000)
        }
        #expect(throws: RoleFault.alreadyAssigned(7)) {
            try RoleChecks.grant(request, account: ["one"], held: [held("high", to: 1_001)], catalogue, now: 1_000)
        }
    }

    @Test("every change that lets a holder do more is wider")
    func widening() throws {
        func widens(_ name: String, _ change: (inout RoleCatalogue.Role) -> Void) throws -> Bool {
            let old = try #require(catalogue.roles[name])
            var new = old
            change(&new)
            return RoleChecks.widens(old, to: new, catalogue)
        }
        #expect(try !widens("one") { _ in })
        #expect(try !widens("one") { $0.permissions = [] })
        #expect(try !widens("one") { $0.description = "other words" })
        #expect(try !widens("one") { $0.isPrivileged = true })
        #expect(try !widens("one") { $0.scopes = [] })
        #expect(try widens("one") { $0.permissions = ["b"] })
        #expect(try widens("one") { $0.scopes.append("Account") })
        #expect(try widens("one") { $0.elevation = catalogue.roles["high"]?.elevation })
        #expect(try widens("two") { $0.isPrivileged = false })
        #expect(try widens("two") { $0.sessionLimit = nil })
        #expect(try !widens("two") { $0.sessionLimit?.maximum = 2 })
        #expect(try widens("high") { $0.isStanding = true })
        #expect(try widens("high") { $0.elevation?.maximum += 1 })
        #expect(try widens("high") { $0.elevation?.approvers.append("one") })
        #expect(try widens("high") { $0.elevation?.eligible.append("three") })
        #expect(try !widens("high") { $0.elevation?.maximum -= 1 })
    }
}
