import Database
import SecurityClient
import StrictJSON
import TestSupport
import Testing

@testable import TokenService

/// How what policy-service tells of roles gets into SQL, on both databases.
@Suite(.serialized) struct RoleFollowerTests {
    private let desk = RoleScope(type: "Desk", id: "fx")

    private func assigned(_ user: User, _ world: RoleWorld) async throws -> [AssignedRole] {
        try await world.people.people.users.user(user.id).assigned
    }

    @Test func theWholeAndItsChanges() async throws {
        try await RoleWorld.run(onBoth: true) { world in
            let maria = try await world.people.user("maria", roles: ["viewer"])
            let otto = try await world.people.user("otto", roles: ["viewer"])
            let follower = world.replica.follower
            #expect(try await follower.sequence() == RoleBook.unheard)
            let (one, two) = (AssignedRole(id: 1, role: "trader", scope: desk), AssignedRole(id: 2, role: "trader"))
            // A change before anything is known does not do.
            #expect(try await world.tell(from: 0, 4, [(maria, one)]) == .incomplete)
            #expect(try await world.tell(whole: 4, [(maria, one)]) == .applied)
            #expect(try await follower.sequence() == 4)
            #expect(try await assigned(maria, world) == [one])
            #expect(try await world.tell(from: 4, 6, [(otto, two)], removed: [(maria, 1)]) == .applied)
            #expect(try await assigned(maria, world) == [])
            #expect(try await assigned(otto, world) == [two])
            // Repeated, older, and with a gap: nothing happens.
            #expect(try await world.tell(from: 4, 6, [(maria, one)]) == .known)
            #expect(try await world.tell(whole: 5, [(maria, one)]) == .known)
            #expect(try await world.tell(from: 7, 9, [(maria, one)]) == .incomplete)
            #expect(try await assigned(maria, world) == [])
            #expect(try await follower.sequence() == 6)
            // One that says again what is here.
            #expect(try await world.tell(from: 2, 8, [(otto, two), (maria, one)]) == .applied)
            #expect(try await assigned(maria, world) == [one])
            #expect(try await assigned(otto, world) == [two])
            // Whoever is not named in the whole has nothing.
            world.people.advance(seconds: 1)
            #expect(try await world.tell(whole: 10, [(maria, one)]) == .applied)
            #expect(try await assigned(otto, world) == [])
            #expect(Set(try await world.revoked()) == [maria.id, otto.id])
        }
    }

    /// Many replicas that fetch the same: one of them takes it over.
    @Test func oneReplicaTakesANumber() async throws {
        try await RoleWorld.run(onBoth: true) { world in
            let maria = try await world.people.user("maria", roles: ["viewer"])
            try await world.tell(whole: 1, [(maria, AssignedRole(id: 1, role: "trader"))])
            var replicas: [RoleWorld.Replica] = []
            for _ in 0..<6 { replicas.append(try await world.another()) }
            let outcomes = try await withThrowingTaskGroup(of: RolesClient.Outcome.self) { group in
                for replica in replicas {
                    group.addTask { try await world.tell(from: 1, 2, removed: [(maria, 1)], to: replica) }
                }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            #expect(outcomes.filter { $0 == .applied }.count == 1)
            #expect(outcomes.filter { $0 == .known }.count == 5)
            #expect(try await world.revoked() == [maria.id])
            for replica in replicas { #expect(replica.catalogue.sequence == 2) }
        }
    }

    /// Killed between all its work and its commit, a replica leaves nothing; asked again, it does it all.
    @Test func aCrashLeavesNothing() async throws {
        try await RoleWorld.run(onBoth: true) { world in
            let maria = try await world.people.user("maria", roles: ["viewer"])
            try await world.tell(whole: 1, [(maria, AssignedRole(id: 1, role: "trader"))])
            let session = try await world.start(maria)
            let database = PausingDatabase(world.people.database)
            let other = try await world.another(database)
            database.crash(1)
            await #expect(throws: (any Error).self) {
                try await world.tell(from: 1, 2, removed: [(maria, 1)], to: other)
            }
            #expect(try await assigned(maria, world).count == 1)
            #expect(try await world.revoked() == [])
            #expect(try await other.follower.sequence() == 1)
            #expect(await !world.isVoid(session, at: other))
            #expect(try await world.tell(from: 1, 2, removed: [(maria, 1)], to: other) == .applied)
            #expect(await world.isVoid(session, at: other))
        }
    }

    /// Assignments to people whom nobody knows here are counted, and keep nothing else from being taken over.
    @Test func unknownPeopleAreCounted() async throws {
        try await RoleWorld.run { world in
            let maria = try await world.people.user("maria", roles: ["viewer"])
            var stranger = maria
            stranger.id = "usr_nobody"
            let role = AssignedRole(id: 1, role: "trader")
            try await world.tell(whole: 1, [(stranger, role), (maria, AssignedRole(id: 2, role: "trader"))])
            #expect(world.metrics.exposition().contains("roles_unknown_subjects_total 1"))
            #expect(try await assigned(maria, world).count == 1)
            try await world.tell(from: 1, 2, removed: [(stranger, 1)])
            #expect(world.metrics.exposition().contains("roles_unknown_subjects_total 2"))
            #expect(try await world.revoked() == [])
        }
    }

    /// policy-service with an older database is refused by its numbers, until somebody says that it is right.
    @Test func startingAnew() async throws {
        try await RoleWorld.run { world in
            let maria = try await world.people.user("maria", roles: ["viewer"])
            try await world.tell(whole: 50, [(maria, AssignedRole(id: 9, role: "trader"))])
            let smaller = try Catalogues.shipped { $0["viewer"]?.permissions = ["orders:view"] }
            #expect(try await world.tell(whole: 7, catalogue: smaller) == .known)
            try await world.people.database.execute("UPDATE role_follow SET sequence = -1")
            world.people.advance(seconds: 1)
            let running = try await world.another()
            #expect(try await world.tell(whole: 7, catalogue: smaller) == .applied)
            #expect(try await assigned(maria, world) == [])
            #expect(try await world.revoked() == [maria.id])
            try await running.follower.follow()
            for replica in [world.replica, running, try await world.another()] {
                #expect(replica.catalogue.permissions(of: ["viewer"]) == ["orders:view"])
                #expect(replica.catalogue.sequence == 7)
            }
        }
    }

    // MARK: The catalogue

    @Test func theFileIsGoneByUntilPolicyServiceIsHeard() async throws {
        let file = try Catalogues.shipped { $0["trader"]?.permissions = ["orders:view"] }
        try await RoleWorld.run(catalogue: file) { world in
            let maria = try await world.people.user("maria")
            #expect(try await world.start(maria).scope == "orders:view")
            try await world.tell(whole: 3, catalogue: try PeopleCatalogueTests.shipped())
            #expect(try await world.identity(try await world.start(maria)).has("orders:place"))
            #expect(try await world.revoked() == [], "more was given, and nothing taken")
            // After a restart what was heard counts, and not the file.
            let restarted = try await world.another()
            #expect(restarted.catalogue.edition.number == 3)
            #expect(restarted.catalogue.permissions(of: ["trader"]).contains("orders:place"))
            // A change that leaves the catalogue as it is, does not make it another.
            try await world.tell(from: 3, 4)
            try await world.tell(whole: 5, catalogue: try PeopleCatalogueTests.shipped())
            #expect(world.replica.catalogue.edition.number == 3 && world.replica.catalogue.sequence == 5)
            #expect(try await world.another().catalogue.edition.number == 3)
        }
    }

    /// Everybody who holds the role is concerned, however she holds it, and nobody else.
    @Test func whatARoleLosesVoidsItsHoldersTokens() async throws {
        try await RoleWorld.run(onBoth: true) { world in
            let now = world.people.now
            let trader = try await world.people.user("trader")
            let viewer = try await world.people.user("viewer", roles: ["viewer"])
            let there = try await world.people.user("there", roles: ["viewer"])
            let later = try await world.people.user("later", roles: ["viewer"])
            let gone = try await world.people.user("gone")
            _ = try await world.people.people.users.setStatus(gone.id, to: .disabled, world.people.act())
            for (id, role) in [("trading", "trader"), ("watching", "service")] {
                _ = try await world.people.services.create(
                    clientID: id, name: "", roles: [role], permissions: [], keys: nil, secret: nil, world.people.act())
            }
            try await world.tell(
                whole: 1,
                [
                    (there, AssignedRole(id: 1, role: "trader", scope: desk)),
                    (later, AssignedRole(id: 2, role: "trader", startsAt: now + 1_000_000)),
                ])
            let before = Set(try await world.revoked())
            let (first, second) = (try await world.start(trader), try await world.start(viewer))
            world.people.advance(seconds: 1)
            let smaller = try Catalogues.shipped { $0["trader"]?.permissions.removeAll { $0 == "orders:place" } }
            try await world.tell(from: 1, 2, catalogue: smaller)
            #expect(Set(try await world.revoked()).subtracting(before) == [trader.id, there.id, "trading"])
            #expect(await world.isVoid(first))
            #expect(await !world.isVoid(second))
            let next = try await world.refresh(first)
            #expect(try await !world.identity(next).has("orders:place"))
            // What it gets back applies at the next refresh.
            world.people.advance(seconds: 1)
            try await world.tell(from: 2, 3, catalogue: try PeopleCatalogueTests.shipped())
            #expect(await !world.isVoid(next))
            #expect(try await world.identity(try await world.refresh(next)).has("orders:place"))
        }
    }

    /// A role that is made privileged is not used on a password alone from then on.
    @Test func aRoleThatIsMadePrivileged() async throws {
        try await RoleWorld.run { world in
            try await world.tell(whole: 1)
            let maria = try await world.people.user("maria")
            let session = try await world.start(maria)
            world.people.advance(seconds: 1)
            try await world.tell(from: 1, 2, catalogue: try Catalogues.shipped { $0["trader"]?.isPrivileged = true })
            #expect(await world.isVoid(session))
            let next = try await world.refresh(session)
            #expect(next.scope == "account:self")
            let again = try await world.people.people.users.user(maria.id)
            #expect(try await world.start(again).scope == "account:self")
        }
    }

    /// A permission taken from a role that ten thousand people hold: all of them, in one transaction.
    @Test func tenThousandHolders() async throws {
        try await RoleWorld.run(onBoth: true) { world in
            let count = 10_000
            try await world.people.database.write { connection in
                for start in stride(from: 0, to: count, by: 500) {
                    let rows = (start..<start + 500).map { number in
                        "('usr_\(number)', 'u\(number)', 'u\(number)', 'active', '[\"trader\"]', '{}', 0, 0)"
                    }
                    try connection.execute(
                        """
                        INSERT INTO users (id, username, username_key, status, roles, attributes, created_at, updated_at)
                        VALUES \(rows.joined(separator: ", "))
                        """)
                }
            }
            let viewer = try await world.people.user("viewer", roles: ["viewer"])
            try await world.tell(whole: 1)
            let smaller = try Catalogues.shipped { $0["trader"]?.permissions.removeAll { $0 == "orders:place" } }
            #expect(try await world.tell(from: 1, 2, catalogue: smaller) == .applied)
            #expect(try await world.revoked().count == count)
            let rows = try await world.people.database.query(
                "SELECT COUNT(*) AS count FROM users WHERE tokens_void_before = ?",
                [.int(world.people.now + Revocations.margin(voiding: count))])
            #expect(try rows.first?.int("count") == Int64(count))
            let events = try await world.people.database.query(
                "SELECT COUNT(*) AS count FROM outbox_events WHERE topic = 'security.session-revoked'")
            #expect(try events.first?.int("count") == Int64(count))
            #expect(world.replica.revocations.local.count.subjects == count)
            #expect(try await world.people.people.users.user(viewer.id).status == .active)
        }
    }
}
