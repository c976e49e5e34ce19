import Contracts
import TestSupport
import Testing

@testable import TokenService

/// Sign-in over real Redis and SQLite.
@Suite(.serialized) struct PeopleSignInTests {
    private func world<T>(_ body: (PeopleWorld) async throws -> T) async throws -> T {
        let server = try await RedisServer()
        let world = try await PeopleWorld(server)
        do {
            let result = try await body(world)
            await world.shutdown()
            await server.stop()
            return result
        } catch {
            await world.shutdown()
            await server.stop()
            throw error
        }
    }

    private func token(_ outcome: SignIn.Outcome) throws -> String {
        guard case .factorNeeded(let token) = outcome else { throw PeopleFault.noFactor }
        return token
    }

    @Test func aPasswordAloneOpensASessionForAPlainRole() async throws {
        try await world { world in
            let user = try await world.user("maria")
            guard case .signedIn = try await world.login("ＭＡＲＩＡ") else {
                Issue.record("no session")
                return
            }
            let started = try #require(world.sessions.started.first)
            #expect(started.subject == user.id)
            #expect(started.amr == ["pwd"])
            #expect(started.acr == .singleFactor)
            #expect(!started.mustEnrol)
        }
    }

    @Test func aPrivilegedRoleWithoutFactorMayOnlyEnrol() async throws {
        try await world { world in
            try await world.user("admin", roles: ["admin"])
            _ = try await world.login("admin")
            #expect(world.sessions.started.first?.mustEnrol == true)
        }
    }

    @Test func whateverIsWrongTheAnswerIsTheSame() async throws {
        try await world { world in
            try await world.user("maria")
            let locked = try await world.user("locked")
            let disabled = try await world.user("disabled")
            _ = try await world.people.users.setStatus(locked.id, to: .locked, world.act())
            _ = try await world.people.users.setStatus(disabled.id, to: .disabled, world.act())
            for (name, password) in [
                ("maria", "the wrong passphrase"), ("nobody", PeopleWorld.password), ("locked", PeopleWorld.password),
                ("disabled", PeopleWorld.password), ("no such\u{0}name", PeopleWorld.password), ("maria", ""),
                ("maria", String(repeating: "a", count: 5_000)),
            ] {
                await #expect(throws: SignIn.Fault.refused) { try await world.login(name, password) }
            }
            #expect(world.sessions.started.isEmpty)
        }
    }

    /// Not the clock is compared but the work: the same commands in Redis, whatever is wrong.
    @Test func whateverIsWrongTheWorkIsTheSame() async throws {
        try await world { world in
            try await world.user("maria")
            let locked = try await world.user("locked")
            let disabled = try await world.user("disabled")
            _ = try await world.people.users.setStatus(locked.id, to: .locked, world.act())
            _ = try await world.people.users.setStatus(disabled.id, to: .disabled, world.act())
            // Scripts are loaded by the first.
            _ = try? await world.login("nobody", from: "192.0.2.100")
            var work: Set<[String: Int]> = []
            for (index, name) in ["maria", "nobody2", "locked", "disabled"].enumerated() {
                let before = try await commands(world.server)
                _ = try? await world.login(
                    name, name == "maria" ? "the wrong passphrase" : PeopleWorld.password, from: "192.0.2.\(index)")
                let after = try await commands(world.server)
                work.insert(after.merging(before) { $0 - $1 }.filter { $0.value != 0 && $0.key != "info" })
            }
            #expect(work.count == 1, "\(work)")
            #expect(work.first?["xadd"] == 1)
        }
    }

    private func commands(_ server: RedisServer) async throws -> [String: Int] {
        let lines = try await server.cli(["INFO", "commandstats"]).split(whereSeparator: \.isNewline)
        return lines.reduce(into: [:]) { counts, line in
            guard line.hasPrefix("cmdstat_"), let colon = line.firstIndex(of: ":"),
                let calls = line[colon...].firstMatch(of: /calls=(\d+)/)
            else { return }
            counts[String(line[..<colon].dropFirst(8))] = Int(calls.1)
        }
    }

    @Test func aTemporaryPasswordEnds() async throws {
        try await world { world in
            let user = try await world.user("maria")
            try await world.database.execute(
                "UPDATE users SET password_expires_at = ? WHERE id = ?", [.int(world.now + 1), .text(user.id)])
            _ = try await world.login("maria")
            world.advance(seconds: 1)
            await #expect(throws: SignIn.Fault.refused) { try await world.login("maria") }
        }
    }

    @Test func aWeakerHashIsReplacedAtSignIn() async throws {
        try await world { world in
            let user = try await world.user("maria")
            let weak = PasswordHasher(
                parameters: Argon2Parameters(memory: 32, iterations: 1, lanes: 1), threads: 1, queue: 1)
            let password = try #require(Password(PeopleWorld.password))
            let old = try await weak.hash(password)
            await weak.shutdown()
            try await world.people.users.setPassword(user.id, old, isShort: false, world.act())
            _ = try await world.login("maria")
            let stored = try #require(try await world.people.users.credentials(id: user.id).passwordHash)
            #expect(stored.parameters == world.hasher.parameters)
            #expect(try await world.hasher.verify(password, against: stored))
        }
    }

    @Test func theSecondFactorCompletesASignIn() async throws {
        try await world { world in
            let user = try await world.user("maria")
            let (totp, codes) = try await world.enrol(user)
            world.advance(seconds: 30)
            let token = try token(await world.login("maria"))
            let client = ClientInfo(address: "192.0.2.1")
            _ = try await world.signIn.secondFactor(
                token: token, proof: .code(world.code(totp)), client, requestID: "r")
            let started = try #require(world.sessions.started.first)
            #expect(started.amr == ["pwd", "otp", "mfa"])
            #expect(started.acr == .twoFactors)
            // The token is used, and so is the code.
            await #expect(throws: SignIn.Fault.tokenRefused) {
                try await world.signIn.secondFactor(
                    token: token, proof: .code(world.code(totp)), client, requestID: "r")
            }
            let second = try self.token(await world.login("maria"))
            await #expect(throws: PeopleFault.codeUsed(retryAfter: 30)) {
                try await world.signIn.secondFactor(
                    token: second, proof: .code(world.code(totp)), client, requestID: "r")
            }
            _ = try await world.signIn.secondFactor(
                token: second, proof: .recoveryCode(codes[3].uppercased()), client, requestID: "r")
            #expect(world.sessions.started.last?.amr == ["pwd", "mfa"])
        }
    }

    @Test func anMFATokenHasFiveTries() async throws {
        try await world { world in
            let user = try await world.user("maria")
            let (totp, _) = try await world.enrol(user)
            world.advance(seconds: 60)
            let token = try token(await world.login("maria"))
            let good = world.code(totp)
            let wrong = good == "000000" ? "111111" : "000000"
            for attempt in 0..<5 {
                // From an address each, so that only the tries of the token count.
                let client = ClientInfo(address: "192.0.2.\(attempt)")
                await #expect(throws: PeopleFault.codeRefused) {
                    try await world.signIn.secondFactor(token: token, proof: .code(wrong), client, requestID: "r")
                }
            }
            await #expect(throws: SignIn.Fault.tokenRefused) {
                try await world.signIn.secondFactor(
                    token: token, proof: .code(good), ClientInfo(address: "192.0.2.9"), requestID: "r")
            }
        }
    }

    @Test func codesAreCountedOverAllTokens() async throws {
        try await world { world in
            let user = try await world.user("maria")
            let (totp, _) = try await world.enrol(user)
            world.advance(seconds: 60)
            let good = world.code(totp)
            let wrong = good == "000000" ? "111111" : "000000"
            var refused = 0
            var throttled = 0
            for attempt in 0..<14 {
                let token = try token(await world.login("maria", from: "198.51.100.1"))
                do {
                    _ = try await world.signIn.secondFactor(
                        token: token, proof: .code(wrong), ClientInfo(address: "192.0.2.\(attempt)"), requestID: "r")
                } catch PeopleFault.codeRefused {
                    refused += 1
                } catch is Throttled { throttled += 1 }
            }
            #expect(refused == 11)
            #expect(throttled == 3)
        }
    }

    @Test func anMFATokenIsBoundToTheKeyOfTheClient() async throws {
        try await world { world in
            let user = try await world.user("maria")
            let (totp, _) = try await world.enrol(user)
            world.advance(seconds: 60)
            var client = ClientInfo(address: "192.0.2.1")
            client.binding = .dpop(thumbprint: "abc")
            let outcome = try await world.signIn.password(
                username: "maria", password: PeopleWorld.password, client, requestID: "r")
            let token = try token(outcome)
            await #expect(throws: SignIn.Fault.tokenRefused) {
                try await world.signIn.secondFactor(
                    token: token, proof: .code(world.code(totp)), ClientInfo(address: "192.0.2.1"), requestID: "r")
            }
            _ = try await world.signIn.secondFactor(
                token: token, proof: .code(world.code(totp)), client, requestID: "r")
        }
    }

    @Test func aSignInUnderWayEndsWhenTheAccountIsDisabled() async throws {
        try await world { world in
            let user = try await world.user("maria")
            let (totp, _) = try await world.enrol(user)
            world.advance(seconds: 60)
            let token = try token(await world.login("maria"))
            _ = try await world.people.users.setStatus(user.id, to: .disabled, world.act())
            await #expect(throws: SignIn.Fault.tokenRefused) {
                try await world.signIn.secondFactor(
                    token: token, proof: .code(world.code(totp)), ClientInfo(address: "192.0.2.1"), requestID: "r")
            }
        }
    }

    // MARK: Throttling

    @Test func guessesAtOnceAreCountedLikeGuessesInARow() async throws {
        try await world { world in
            try await world.user("maria")
            let outcomes = await withTaskGroup(of: Bool.self) { group in
                for guess in 0..<60 {
                    group.addTask {
                        do {
                            _ = try await world.login("maria", "a wrong passphrase \(guess)", from: "203.0.113.9")
                            return true
                        } catch { return !(error is Throttled) }
                    }
                }
                return await group.reduce(into: [Bool]()) { $0.append($1) }
            }
            // Three without delay, and the fourth, after which the first delay holds.
            #expect(outcomes.count { $0 } == 4)
        }
    }

    @Test func theVictimSignsInFromHerUsualAddressDuringAFlood() async throws {
        try await world { world in
            try await world.user("maria")
            _ = try await world.login("maria", from: "192.0.2.77")
            for attacker in 0..<120 {
                _ = try? await world.login("maria", "a wrong passphrase", from: "203.0.113.\(attacker)")
            }
            guard case .signedIn = try await world.login("maria", from: "192.0.2.77") else {
                Issue.record("the victim is kept out")
                return
            }
            // From a new address she waits, at most half a minute, and no attacker can make it longer.
            do {
                _ = try await world.login("maria", from: "198.51.100.200")
                Issue.record("a new address should wait once under a flood")
            } catch let throttled as Throttled { #expect(throttled.wait <= 30_000) }
        }
    }

    @Test func sprayingFromOneAddressEnds() async throws {
        try await world { world in
            var throttled = 0
            for guess in 0..<60 {
                do {
                    _ = try await world.login("user\(guess)", "a wrong passphrase", from: "203.0.113.5")
                } catch is Throttled { throttled += 1 } catch is SignIn.Fault {}
            }
            #expect(throttled >= 8)
        }
    }

    /// An address that has to wait cannot fill Redis with names that it makes up.
    @Test func namesMadeUpWhileWaitingLeaveNothing() async throws {
        try await world { world in
            func spray(_ names: Range<Int>) async throws {
                for number in names {
                    do {
                        _ = try await world.login("made-up-\(number)", "a wrong passphrase", from: "203.0.113.9")
                    } catch is Throttled {} catch is SignIn.Fault {}
                }
            }
            try await spray(0..<60)
            let before = try await world.redis.send(["DBSIZE"]).int ?? 0
            try await spray(60..<160)
            let after = try await world.redis.send(["DBSIZE"]).int ?? 0
            // Event streams of further hash tags may come; two keys for each name may not.
            #expect(after - before < 70)
            let names = try await world.redis.send(["KEYS", "*:try:pw:*"]).array?.count ?? 0
            #expect(names <= 60 * 2 + 1)
        }
    }

    @Test func anUnlockForgives() async throws {
        try await world { world in
            try await world.user("maria")
            for _ in 0..<4 {
                await #expect(throws: SignIn.Fault.refused) { try await world.login("maria", "a wrong passphrase") }
            }
            await #expect(throws: Throttled.self) { try await world.login("maria") }
            let target = world.people.attempts.target(.password, account: "maria", address: "")
            try await world.people.attempts.forgive(target)
            guard case .signedIn = try await world.login("maria") else {
                Issue.record("not forgiven")
                return
            }
        }
    }

    @Test func withoutRedisNobodySignsIn() async throws {
        try await world { world in
            try await world.user("maria")
            world.server.kill()
            await #expect(throws: (any Error).self) { try await world.login("maria") }
            #expect(world.sessions.started.isEmpty)
        }
    }
}
