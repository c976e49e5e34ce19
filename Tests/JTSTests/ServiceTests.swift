import Foundation
import StrictJSON
import TestSupport
import Testing

/// What `jts` asks a service and makes of its answers.
@Suite struct ServiceTests {
    let home: TemporaryDirectory
    let stub: Stub
    let url: String

    init() async throws {
        home = try TemporaryDirectory("jts-home")
        stub = try await Stub()
        url = "http://127.0.0.1:\(stub.port)"
    }

    private var file: String { home.file("jts/credentials.json") }

    private func jts(_ arguments: String..., input: String? = nil) async throws -> ChildProcess.Outcome {
        try await Command.run(arguments, input: input, home: home)
    }

    private func signIn() async throws {
        let outcome = try await jts("login", "--url", url, input: "ann\ncorrect horse\n123456\n")
        try #require(outcome.status == .exited(0), "\(outcome.errors)")
    }

    @Test func keepsTheRefreshTokenToItself() async throws {
        try await signIn()
        let mode = try FileManager.default.attributesOfItem(atPath: file)[.posixPermissions] as? Int
        #expect(mode == 0o600)
        let first = try String(contentsOfFile: file, encoding: .utf8)
        #expect(try await jts("sessions", "list").status == .exited(0))
        // Each command trades the token for its successor.
        #expect(try String(contentsOfFile: file, encoding: .utf8) != first)
        #expect(try await jts("sessions", "list").status == .exited(0))
        #expect(try await jts("logout").status == .exited(0))
        #expect(!FileManager.default.fileExists(atPath: file))
        #expect(try await jts("sessions", "list").status == .exited(3))
    }

    @Test func refusesAFileThatOthersCanRead() async throws {
        try await signIn()
        chmod(file, 0o644)
        let outcome = try await jts("sessions", "list")
        #expect(outcome.status == .exited(1))
        #expect(outcome.errors.contains("read by others"))
    }

    @Test func wrongPasswordAndWrongCode() async throws {
        let password = try await jts("login", "--url", url, input: "ann\nwrong\n")
        #expect(password.status == .exited(1))
        #expect(password.errors.contains("invalid-credentials"))
        // What a service says cannot steer the terminal.
        #expect(!password.errors.contains("\u{1B}"))
        let code = try await jts("login", "--url", url, input: "ann\ncorrect horse\n000000\n")
        #expect(code.status == .exited(1))
        #expect(!FileManager.default.fileExists(atPath: file))
    }

    @Test func sendsNoPasswordInTheClearToOtherMachines() async throws {
        for url in ["http://tokens.example", "http://127.0.0.1.example", "ftp://localhost", "x"] {
            let outcome = try await jts("login", "--url", url, input: "ann\ncorrect horse\n123456\n")
            #expect(outcome.status == .exited(2), "\(url)")
        }
    }

    @Test func asksForAFreshCodeWhereOneIsNeeded() async throws {
        try await signIn()
        let outcome = try await jts("keys", "rotate", "--output", "json", input: "654321\n")
        #expect(outcome.status == .exited(0), "\(outcome.errors)")
        #expect(try JSONValue(parsing: outcome.output.trimmingCharacters(in: .newlines))["kid"] == "k2")
        #expect(try await jts("keys", "rotate", input: "000000\n").status == .exited(1))
    }

    @Test func listsAllPages() async throws {
        try await signIn()
        let outcome = try await jts("users", "list", "--output", "json")
        let json = try JSONValue(parsing: outcome.output.trimmingCharacters(in: .newlines))
        #expect(json["users"]?.array?.compactMap { $0["username"]?.string } == ["ann", "bob"])
        let text = try await jts("users", "list")
        #expect(text.output.contains("usr_2"))
    }

    @Test func answersAreShownAsText() async throws {
        try await signIn()
        let outcome = try await jts("sessions", "list")
        #expect(outcome.output.contains("s1 *"))
        #expect(!outcome.output.contains("\u{1B}"))
        #expect(try await jts("sessions", "revoke", "a/b").output == "ended\n")
        #expect(try await jts("sessions", "revoke", "..").status == .exited(2))
        #expect(try await jts("sessions", "revoke").status == .exited(2))
        #expect(try await jts("sessions", "revoke", "unknown").status == .exited(1))
        #expect(try await jts("keys", "list").status == .exited(4))
    }

    @Test func enrolsAnAuthenticator() async throws {
        try await signIn()
        let outcome = try await jts("mfa", "enrol", input: "111111\n")
        #expect(outcome.status == .exited(0), "\(outcome.errors)")
        #expect(outcome.output.contains("█") && outcome.output.contains("▀") && outcome.output.contains("r2"))
    }

    @Test func saysWhenNothingAnswers() async throws {
        try await signIn()
        stub.process.kill()
        #expect(try await jts("sessions", "list").status == .exited(4))
        // The session outlives the fault.
        #expect(FileManager.default.fileExists(atPath: file))
    }

    @Test(arguments: ["bash", "zsh", "fish"]) func completes(_ shell: String) async throws {
        let outcome = try await jts("--generate-completion-script", shell)
        #expect(outcome.status == .exited(0))
        #expect(outcome.output.contains("sessions"))
    }
}
