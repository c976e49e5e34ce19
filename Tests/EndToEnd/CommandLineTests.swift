import Foundation
import StrictJSON
import TestSupport
import Testing

/// `jts` against the real services: the commands of docs/jts.md.
@Suite struct CommandLineTests {
    private struct Shell {
        let system: TestSystem
        let home: TemporaryDirectory

        func jts(_ arguments: [String], input: String? = nil) async throws -> ChildProcess.Outcome {
            try await ChildProcess.run(
                try Project.executable("jts"), arguments,
                environment: [
                    "XDG_CONFIG_HOME": home.path, "KAFKA_BOOTSTRAP_SERVERS": system.broker.bootstrapServers,
                ], input: input)
        }

        /// Insists on success and reads the answer.
        func json(_ arguments: [String]) async throws -> JSONValue {
            let outcome = try await jts(arguments + ["--output", "json"])
            guard outcome.succeeded else {
                throw TestHTTP.Unexpected(description: "jts \(arguments): \(outcome.status) \(outcome.errors)")
            }
            let value = try JSONValue(parsing: outcome.output)
            system.notes.note(value)
            return value
        }
    }

    /// Signs somebody in whose second factor is fresh.
    private func signedIn(_ person: TestPerson, _ system: TestSystem) async throws -> Shell {
        let shell = Shell(system: system, home: try TemporaryDirectory("jts-home"))
        let answers = "\(person.username)\n\(person.password)\n\(await person.code())\n"
        let login = try await shell.jts(["login", "--url", system.http.url], input: answers)
        try #require(login.succeeded, "\(login.errors)")
        return shell
    }

    @Test func rolesElevationsAndShadow() async throws {
        var options = TestSystemOptions()
        options.runsPolicyService = true
        options.runsOrderAPI = false
        try await withSystem(options) { system in
            let url = ["--url", system.policies.url]
            let manager = try await system.person("risk-manager")
            let viewer = try await system.person("viewer", enrol: false)
            let admin = try await signedIn(try await system.person("admin"), system)
            let risk = try await signedIn(manager, system)

            let roles = try await admin.json(["roles", "list"] + url)
            #expect(
                roles["roles"]?.array?.contains { $0["name"] == "risk-override" && $0["standing"] == false } == true)
            let given = try await admin.json(
                ["roles", "assign", viewer.id, "trader", "--scope", "Desk:fx", "--reason", "a holiday"] + url)
            let assignment = try #require(given["id"]?.int)
            let listed = try await admin.json(["roles", "assignments", "--subject", viewer.id] + url)
            #expect(listed["assignments"]?.array?.compactMap { $0["id"]?.int } == [assignment])
            #expect(try await admin.jts(["roles", "end", "\(assignment)", "--reason", "back"] + url).succeeded)
            let again = try await admin.jts(["roles", "assignments", "--subject", viewer.id] + url)
            #expect(again.output.contains("ended") && again.output.contains("Desk:fx"), "\(again.output)")
            let wrong = ["roles", "assign", viewer.id, "trader", "--scope", "fx", "--reason", "x"]
            #expect(try await admin.jts(wrong + url).status == .exited(2))

            let asked = try await risk.json(
                ["elevations", "request", "risk-override", "--scope", "Desk:fx", "--seconds", "60", "--reason", "x"]
                    + url)
            let id = "\(try #require(asked["id"]?.int))"
            let own = try await risk.jts(["elevations", "approve", id] + url)
            #expect(own.status == .exited(1) && own.errors.contains("four-eyes"), "\(own.errors)")
            #expect(try await admin.json(["elevations", "approve", id] + url)["state"] == "approved")
            #expect(try await risk.json(["elevations", "list"] + url)["elevations"]?.array?.count == 1)
            #expect(try await risk.json(["elevations", "end", id] + url)["state"] == "ended")

            #expect(try await admin.jts(["policy", "shadow", "start", "1", "--reason", "trial"] + url).succeeded)
            let report = try await admin.json(["policy", "shadow", "report"] + url)
            #expect(report["shadow_version"] == 1)
            #expect(try await admin.jts(["policy", "shadow", "stop"] + url).succeeded)
            #expect(try await admin.jts(["policy", "shadow", "report"] + url).status == .exited(1))
        }
    }

    @Test func anAdministratorsMorning() async throws {
        try await withSystem { system in
            let shell = Shell(system: system, home: try TemporaryDirectory("jts-home"))
            #expect(try await shell.jts(["sessions", "list"]).status == .exited(3))

            let admin = try await system.person("admin")
            let answers = "\(admin.username)\n\(admin.password)\n\(await admin.code())\n"
            let login = try await shell.jts(["login", "--url", system.http.url], input: answers)
            #expect(login.output == "signed in as \(admin.username)\n", "\(login.errors)")
            let file = shell.home.file("jts/credentials.json")
            let mode = try FileManager.default.attributesOfItem(atPath: file)[.posixPermissions] as? Int
            #expect(mode == 0o600)

            let made = try await shell.json(["users", "create", "newcomer", "--roles", "trader"])
            let id = try #require(made["id"]?.string)
            let newcomer = TestPerson(
                username: "newcomer", password: try #require(made["temporary_password"]?.string), id: id,
                notes: system.notes)
            try await newcomer.changePassword(system.http)
            let session = try await newcomer.signIn(system.http)
            #expect(try await shell.jts(["users", "list"]).output.contains("newcomer"))
            let sessions = try await shell.json(["sessions", "list", "--user", id])
            #expect(sessions["sessions"]?.array?.map { $0["id"] } == [.string(session.sessionID)])

            try await verifies(session.access, shell)

            let rotated = try await shell.json(["keys", "rotate"])
            let keys = try await shell.json(["keys", "list"])
            let states = (keys["keys"]?.array ?? []).map { ($0["kid"], $0["state"]?.string) }
            #expect(states.contains { $0.0 == rotated["kid"] && $0.1 == "announced" })

            #expect(try await shell.jts(["sessions", "revoke", session.sessionID]).succeeded)
            try await eventually("order-api refuses") {
                try await system.orders.call("GET", "/v1/orders", token: session.access).status == 401
            }
            #expect(try await shell.jts(["users", "disable", id]).succeeded)
            try await newcomer.login(system.http).require(401)

            try await tells(of: id, shell)
            #expect(try await shell.jts(["logout"]).succeeded)
            #expect(try await shell.jts(["users", "list"]).status == .exited(3))
        }
    }

    /// The token from standard input; what it is refused for stands on standard error.
    private func verifies(_ token: String, _ shell: Shell) async throws {
        let keys = try await shell.system.http.call("GET", "/.well-known/jwks.json").require(200)
        let file = try shell.home.write(keys.text, to: "jwks.json")
        let verify = ["token", "verify", "--jwks", file, "--issuer", shell.system.http.url, "--audience"]
        #expect(try await shell.jts(verify + ["jts"], input: token + "\n").status == .exited(0))
        #expect(try await shell.jts(verify + ["another"], input: token + "\n").status == .exited(1))
        let forged = try await shell.jts(verify + ["jts"], input: String(token.dropLast(4)) + "AAAA\n")
        #expect(forged.status == .exited(1))
        #expect(!forged.errors.isEmpty)
        let decoded = try await shell.jts(["token", "decode"], input: token)
        #expect(try JSONValue(parsing: decoded.output)["payload"]?["iss"] == .string(shell.system.http.url))
    }

    /// Everything that happened stands on the topics, and none of the run's secrets does.
    private func tells(of id: String, _ shell: Shell) async throws {
        var events: [JSONValue] = []
        let topics = ["security.events", "security.session-revoked", "security.key-rotated"]
        try await eventually("the last event is out", within: .seconds(20), poll: .milliseconds(200)) {
            let outcome = try await shell.jts(
                ["events", "tail", "--no-follow", "--since", "1h", "--output", "json"]
                    + topics.flatMap { ["--topic", $0] })
            try #require(outcome.succeeded, "\(outcome.errors)")
            #expect(shell.system.notes.secrets(in: outcome.output) == [])
            events = try outcome.output.split(separator: "\n").map { try JSONValue(parsing: String($0)) }
            return events.contains { $0["subject"]?.string == id && $0["type"]?.string?.hasSuffix("disabled") == true }
        }
        let types = Set(
            events.filter { $0["subject"]?.string == id }.compactMap {
                $0["type"]?.string?.split(separator: ".").last.map(String.init)
            })
        for kind in ["user-created", "password-changed", "login-succeeded", "session-created", "session-revoked"] {
            #expect(types.contains(kind), "no \(kind) among \(types.sorted())")
        }
        #expect(events.contains { $0["topic"] == "security.key-rotated" })
    }
}
