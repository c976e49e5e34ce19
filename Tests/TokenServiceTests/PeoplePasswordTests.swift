import Foundation
import Testing

@testable import TokenService

@Suite struct PeoplePasswordTests {
    private static let quick = Argon2Parameters(memory: 64, iterations: 1, lanes: 1)

    private func password(_ text: String) throws -> Password { try #require(Password(text)) }

    // MARK: Hashes

    @Test func aHashReadsBackAndVerifies() async throws {
        let hasher = PasswordHasher(parameters: Self.quick, threads: 1, queue: 4)
        let hash = try await hasher.hash(password("correct horse battery"))
        let read = try #require(PasswordHash(hash.text))
        #expect(read == hash)
        #expect(hash.text.hasPrefix("$argon2id$v=19$m=64,t=1,p=1$"))
        #expect(try await hasher.verify(password("correct horse battery"), against: read))
        #expect(try await !hasher.verify(password("correct horse batterz"), against: read))
        #expect(try await !hasher.verify(password("correct horse battery"), against: nil))
        await hasher.shutdown()
    }

    /// `echo -n password | argon2 somesalt -id -t 2 -m 16 -p 1` of the reference implementation's own tests.
    @Test func aHashOfTheReferenceImplementationVerifies() async throws {
        let text =
            "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc"
        let hasher = PasswordHasher(parameters: Self.quick, threads: 1, queue: 4)
        let stored = try #require(PasswordHash(text))
        #expect(stored.text == text)
        #expect(try await hasher.verify(password("password"), against: stored))
        #expect(stored.needsUpgrade(to: .recommended))
        await hasher.shutdown()
    }

    @Test(arguments: [
        "", "$argon2i$v=19$m=64,t=1,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
        "$argon2id$v=16$m=64,t=1,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
        "$argon2id$v=19$m=99999999,t=1,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
        "$argon2id$v=19$m=64,t=0,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
        "$argon2id$v=19$m=64,t=1,p=1$c29tZXNhbHQ$short", "$argon2id$v=19$m=64,t=1,p=1$c29tZXNhbHQ$",
        "$argon2id$v=19$m=64,t=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
    ])
    func aHashThatIsNoneIsRefused(_ text: String) {
        #expect(PasswordHash(text) == nil)
    }

    @Test func beyondTheQueueTheAnswerIsImmediate() async throws {
        let slow = Argon2Parameters(memory: 65_536, iterations: 3, lanes: 1)
        let hasher = PasswordHasher(parameters: slow, threads: 1, queue: 1)
        let candidate = try password("some password or other")
        let outcomes = await withTaskGroup(of: Bool.self) { group in
            for _ in 0..<12 {
                group.addTask {
                    do {
                        _ = try await hasher.hash(candidate)
                        return true
                    } catch PasswordHashingError.overloaded { return false } catch { return true }
                }
            }
            return await group.reduce(into: [Bool]()) { $0.append($1) }
        }
        #expect(outcomes.contains(true))
        #expect(outcomes.contains(false))
        #expect(hasher.load == 0)
        #expect(try await hasher.hash(candidate).parameters == slow)
        await hasher.shutdown()
    }

    // MARK: Rules

    private var policy: PasswordPolicy {
        PasswordPolicy(blocklist: PasswordBlocklist(["password", "monkey", "qwertyuiop", "letmein"]))
    }

    private func fault(_ text: String, hasFactor: Bool = false, context: [String] = []) throws -> PasswordPolicy.Fault?
    {
        do {
            try policy.check(try password(text), hasFactor: hasFactor, context: context)
            return nil
        } catch let fault as PasswordPolicy.Fault { return fault }
    }

    @Test func lengthCountsCodePoints() throws {
        #expect(try fault("vierzehn stell") == .tooShort(minimum: 15))
        #expect(try fault("fünfzehn stelle") == nil)
        #expect(try fault("sieben7", hasFactor: true) == .tooShort(minimum: 8))
        #expect(try fault("achtacht", hasFactor: true) == nil || fault("achtacht", hasFactor: true) == .repetitive)
        #expect(try fault("kurz&gut", hasFactor: true) == nil)
        #expect(try fault(String(repeating: "ab3 xy9 ", count: 33)) == .tooLong(maximum: 256))
        #expect(try fault(String("x7 Räuber und Gendarm ".prefix(20)) + String(repeating: "é§", count: 40)) == nil)
    }

    @Test func noCompositionIsAsked() throws {
        #expect(try fault("only lower case words here") == nil)
        #expect(try fault("🐎🔋📎✅ und noch mehr davon") == nil)
    }

    @Test(arguments: [
        "password", "Password", "p4ssw0rd", "PASSWORD2026!", "passwordpassword", "monkeymonkeymonkey", "l3tm31n123",
        "!!Monkey1999", "ｐａｓｓｗｏｒｄ",
    ])
    func commonPasswordsAreRefusedHoweverDressed(_ text: String) throws {
        #expect(try fault(text, hasFactor: text.count >= 8) != nil)
        #expect(policy.blocklist.contains(PasswordBlocklist.fold(text)))
    }

    @Test func wordsOfTheAccountCarryNoStrength() throws {
        #expect(try fault("maria.schneider2026", context: ["maria.schneider"]) == .guessable)
        #expect(try fault("maria.schneider likes plums", context: ["maria.schneider"]) == nil)
        #expect(try fault("maria.schneiderpassword", context: ["maria.schneider"]) == .guessable)
    }

    @Test(arguments: [
        "aaaaaaaaaaaaaaaa", "abcabcabcabcabcabc", "abcdefghijklmnopqrst", "987654321", "12341234123412341",
    ])
    func repetitionIsRefused(_ text: String) throws {
        #expect(try fault(text, hasFactor: true) == .repetitive)
    }

    @Test func canonicallyEqualPasswordsAreTheSame() throws {
        #expect(
            try password("Zo\u{eb} und der R\u{e4}uber").bytes == password("Zoe\u{308} und der Ra\u{308}uber").bytes)
        #expect(Password("") == nil)
        #expect(Password("a\u{0}b") == nil)
        #expect(Password(String(repeating: "a", count: 1_025)) == nil)
        #expect("\(try password("geheim"))" == "<redacted>")
        #expect(String(reflecting: try password("geheim")) == "<redacted>")
    }

    @Test func theShippedBlocklistKnowsWhatEverybodyTries() throws {
        let path = URL(filePath: #filePath).deletingLastPathComponent().appending(
            path: "../../deploy/config/password-blocklist.txt")
        let list = try PasswordBlocklist(contentsOf: path.path)
        #expect(list.count > 2_000)
        for word in [
            "123456", "password", "qwerty123", "iloveyou", "trustno1", "jtssecurity", "correcthorsebatterystaple",
        ] {
            #expect(list.contains(word))
        }
        #expect(!list.contains("tulpenzwiebel am fenster"))
    }

    @Test func temporaryPasswordsPassTheRules() throws {
        for _ in 0..<50 {
            let text = Password.random()
            #expect(text.count == 26)
            #expect(try fault(text) == nil)
        }
    }

    // MARK: Names

    @Test func usernamesThatLookAlikeAreTheSame() {
        #expect(Username.key("Maria") == "maria")
        #expect(Username.key("ＭＡＲＩＡ") == "maria")
        #expect(Username.key("maria.s@example.org") == "maria.s@example.org")
        // Cyrillic а, zero-width joiner, blanks, control characters, too short, too long.
        for refused in [
            "m\u{430}ria", "ma\u{200d}ria", "ma ria", "ma\nria", "m", String(repeating: "m", count: 65), ".maria", "",
        ] {
            #expect(Username.key(refused) == nil, "\(refused.debugDescription)")
        }
    }
}
