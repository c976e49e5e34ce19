import Database
import JOSE
import TestSupport
import Testing

@testable import TokenService

/// The stores of people on both databases.
@Suite(.serialized) struct PeopleStoreTests {
    /// Runs on SQLite and on PostgreSQL.
    private func onBoth(_ body: (PeopleWorld) async throws -> Void) async throws {
        let redis = try await RedisServer()
        let postgres = try await PostgresServer()
        for url in [nil, try await postgres.makeDatabase()] as [String?] {
            let world = try await PeopleWorld(redis, url: url)
            do {
                try await body(world)
                await world.shutdown()
            } catch {
                await world.shutdown()
                throw error
            }
        }
        await postgres.stop()
        await redis.stop()
    }

    private func countTrue(_ tries: Int, _ body: @escaping @Sendable () async throws -> Bool) async throws -> Int {
        try await withThrowingTaskGroup(of: Bool.self) { group in
            for _ in 0..<tries { group.addTask { try await body() } }
            return try await group.reduce(0) { $0 + ($1 ? 1 : 0) }
        }
    }

    @Test func ofFiftySubmissionsOfACodeOneCounts() async throws {
        try await onBoth { world in
            let user = try await world.user("maria")
            let (_, codes) = try await world.enrol(user)
            let step = TOTP.step(at: world.now / 1000) + 1
            let used = try await countTrue(50) { try await world.people.factors.use(step: step, of: user.id) }
            #expect(used == 1)
            // A code of an earlier step is void with it.
            #expect(try await !world.people.factors.use(step: step - 1, of: user.id))
            let digest = try #require(world.people.codes.digest(codes[0], user: user.id))
            let act = world.act()
            let spent = try await countTrue(50) { try await world.people.factors.use(code: digest, of: user.id, act) }
            #expect(spent == 1)
            #expect(try await world.people.factors.factor(of: user.id)?.codesLeft == 9)
        }
    }

    @Test func theFirstCodeConfirmsOnce() async throws {
        try await onBoth { world in
            let user = try await world.user("maria", roles: ["strategist"])
            #expect(user.mustEnrol)
            let totp = try #require(TOTP(secret: RandomID.bytes(32), algorithm: .sha256, digits: 8))
            let pending = FactorStore.Pending(id: "p", totp: totp, expiresAt: world.now + 1000)
            try await world.people.factors.begin(user.id, pending)
            #expect(try await world.people.factors.factor(of: user.id) == nil)
            #expect(try await world.people.factors.pending(of: user.id, at: world.now)?.totp == totp)
            #expect(try await world.people.factors.pending(of: user.id, at: world.now + 1000) == nil)
            try await world.people.factors.confirm(user.id, pending, step: 5, codes: [], world.act())
            await #expect(throws: PeopleFault.noPendingFactor) {
                try await world.people.factors.confirm(user.id, pending, step: 6, codes: [], world.act())
            }
            #expect(try await world.people.factors.factor(of: user.id)?.totp == totp)
            #expect(try await !world.people.users.user(user.id).mustEnrol)
            // The role needs it: it cannot be given up.
            await #expect(throws: PeopleFault.factorRequired) {
                try await world.people.factors.remove(user.id, world.act())
            }
        }
    }

    @Test func namesAreUnique() async throws {
        try await onBoth { world in
            try await world.user("Maria")
            await #expect(throws: PeopleFault.usernameTaken) { try await world.user("ＭＡＲＩＡ") }
            await #expect(throws: PeopleFault.unknownRole("king")) { try await world.user("otto", roles: ["king"]) }
        }
    }

    @Test func theLastAdministratorStays() async throws {
        try await onBoth { world in
            let first = try await world.user("anna", roles: ["admin"])
            let second = try await world.user("berta", roles: ["admin", "viewer"])
            _ = try await world.people.users.setStatus(second.id, to: .disabled, world.act())
            await #expect(throws: PeopleFault.lastAdministrator) {
                try await world.people.users.setStatus(first.id, to: .disabled, world.act())
            }
            await #expect(throws: PeopleFault.lastAdministrator) {
                try await world.people.users.setRoles(first.id, to: ["viewer"], world.act())
            }
            _ = try await world.people.users.setStatus(second.id, to: .active, world.act())
            // Both at once: one of them stays, whoever comes first.
            await withTaskGroup(of: Void.self) { group in
                for id in [first.id, second.id] {
                    group.addTask { _ = try? await world.people.users.setStatus(id, to: .disabled, world.act()) }
                }
            }
            let active = try await world.people.users.list(after: nil, limit: 10).users.filter { $0.status == .active }
            #expect(active.count == 1)
        }
    }

    @Test func changesOfRolesVoidWhatTheyMust() async throws {
        try await onBoth { world in
            let user = try await world.user("maria", roles: ["trader", "viewer"])
            func row() async throws -> (void: Int64, epoch: Int64) {
                let rows = try await world.database.query(
                    "SELECT tokens_void_before, session_epoch FROM users WHERE id = ?", [.text(user.id)])
                let row = try #require(rows.first)
                return (try row.int("tokens_void_before"), try row.int("session_epoch"))
            }
            world.advance(seconds: 1)
            _ = try await world.people.users.setRoles(user.id, to: ["trader", "viewer", "service"], world.act())
            #expect(try await row() == (0, 0))
            _ = try await world.people.users.setRoles(user.id, to: ["viewer"], world.act())
            #expect(try await row() == (world.now + Revocations.margin, 0))
            world.advance(seconds: 1)
            _ = try await world.people.users.setRoles(user.id, to: ["viewer", "risk-manager"], world.act())
            #expect(try await row() == (world.now + Revocations.margin, 1))
            #expect(try await world.people.users.user(user.id).mustEnrol)
        }
    }

    @Test func usersAreListedInPages() async throws {
        try await onBoth { world in
            for name in ["dora", "anna", "carla", "berta", "emma"] { try await world.user(name) }
            var seen: [String] = []
            var cursor: String?
            repeat {
                let (users, next) = try await world.people.users.list(after: cursor, limit: 2)
                seen += users.map(\.username)
                cursor = next
            } while cursor != nil
            #expect(seen == ["anna", "berta", "carla", "dora", "emma"])
        }
    }

    @Test func recoveryTakesTwoAdministrators() async throws {
        try await onBoth { world in
            let anna = try await world.user("anna", roles: ["admin"])
            let berta = try await world.user("berta", roles: ["admin"])
            let maria = try await world.user("maria")
            _ = try await world.enrol(maria)
            let hash = try await world.hasher.hash(try #require(Password(Password.random())))
            let reset = try await world.recovery.request(
                maria.id, .secondFactorReset, by: anna.id, world.act(anna.id))
            for approver in [anna.id, maria.id] {
                await #expect(throws: PeopleFault.ownRecovery) {
                    try await world.recovery.approve(reset.id, by: approver, password: hash, world.act(approver))
                }
            }
            await #expect(throws: PeopleFault.recoveryPending) {
                try await world.recovery.request(maria.id, .secondFactorReset, by: berta.id, world.act(berta.id))
            }
            await #expect(throws: PeopleFault.ownRecovery) {
                try await world.recovery.request(anna.id, .passwordReset, by: anna.id, world.act(anna.id))
            }
            let done = try await world.recovery.approve(reset.id, by: berta.id, password: hash, world.act(berta.id))
            #expect(done.status == .approved)
            let after = try await world.people.users.user(maria.id)
            #expect(!after.hasFactor)
            #expect(after.mustEnrol)
            #expect(after.sessionEpoch == maria.sessionEpoch + 1)
            await #expect(throws: PeopleFault.recoveryDecided) {
                try await world.recovery.approve(reset.id, by: berta.id, password: hash, world.act(berta.id))
            }
            let late = try await world.recovery.request(maria.id, .passwordReset, by: anna.id, world.act(anna.id))
            world.advance(seconds: 86_400)
            await #expect(throws: PeopleFault.recoveryDecided) {
                try await world.recovery.approve(late.id, by: berta.id, password: hash, world.act(berta.id))
            }
            let listed = try await world.recovery.list(before: nil, limit: 10, at: world.now)
            #expect(Set(listed.map(\.status)) == [.approved, .expired])
        }
    }

    @Test func aServiceAccountHasTwoSecretsAtMost() async throws {
        try await onBoth { world in
            let digest = ClientSecret.digest("one")
            let account = try await world.services.create(
                clientID: "order-api", name: "Orders", roles: ["service"], permissions: ["orders:view"], keys: nil,
                secret: digest, world.act())
            #expect(account.secrets.map(\.digest) == [digest])
            let second = try await world.services.addSecret(account.id, ClientSecret.digest("two"), world.act())
            await #expect(throws: PeopleFault.tooManySecrets) {
                try await world.services.addSecret(account.id, digest, world.act())
            }
            try await world.services.removeSecret(second.id, of: account.id, world.act())
            await #expect(throws: PeopleFault.clientIDTaken) {
                try await world.services.create(
                    clientID: "order-api", name: "", roles: [], permissions: [], keys: nil, secret: nil, world.act())
            }
            await #expect(throws: PeopleFault.unknownPermission("x:y")) {
                try await world.services.update(account.id, name: nil, roles: nil, permissions: ["x:y"], world.act())
            }
            world.advance(seconds: 1)
            let fewer = try await world.services.update(
                account.id, name: nil, roles: nil, permissions: [], world.act())
            #expect(fewer.tokensVoidBefore == world.now + Revocations.margin)
            let disabled = try await world.services.setStatus(account.id, to: .disabled, world.act())
            #expect(disabled.status == .disabled)
        }
    }
}
