import Foundation
import StrictJSON
import TestSupport
import Testing

@Suite("Two replicas start at the same moment", .serialized)
struct FirstStartTests {
    @Test("On an empty database: one first administrator, one first signing key, both ready", .timeLimit(.minutes(2)))
    func together() async throws {
        var options = TestSystemOptions()
        options.replicas = 2
        options.store = .postgres
        options.runsOrderAPI = false
        let system = try await TestSystem(options)
        do {
            // What can go wrong here is a matter of milliseconds; more than one try finds more.
            for _ in 0..<3 { try await startTogether(system) }
        } catch {
            for log in system.logs { print("--- end of a log\n\(log.suffix(4_000))") }
            await system.shutdown()
            throw error
        }
        await system.shutdown()
    }

    private func startTogether(_ system: TestSystem) async throws {
        let server = try #require(system.postgres)
        for service in system.tokenServices { service.kill() }
        let name = try await server.psql(
            "SELECT datname FROM pg_database WHERE datname LIKE 't%' AND NOT datistemplate")
        func sql(_ text: String) async throws -> String { try await server.psql(text, database: name) }
        // Connections of the killed may take a moment to be noticed; whatever they had open is not to be waited for.
        try await server.psql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '\(name)'")
        _ = try await sql("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
        try await system.redis.cli(["FLUSHALL"])

        async let first: Void = system.tokenServices[0].start()
        async let second: Void = system.tokenServices[1].start()
        _ = try await (first, second)
        for service in system.tokenServices { #expect(await service.isReady) }

        #expect(try await sql("SELECT COUNT(*) FROM users") == "1")
        #expect(try await sql("SELECT COUNT(*) FROM signing_keys") == "1")
        var sets: [JSONValue] = []
        for service in system.tokenServices {
            let answer = try await TestHTTP(service.url).call("GET", "/.well-known/jwks.json").require(200)
            sets.append(try #require(answer.json["keys"]))
        }
        #expect(sets[0].array?.count == 1)
        #expect(sets[0] == sets[1])

        // The credentials that were left are those of the administrator whom both know.
        let file = try JSONValue(parsing: try String(contentsOfFile: system.folder.file("admin.json"), encoding: .utf8))
        let password = try #require(file["password"]?.string)
        for service in system.tokenServices {
            let admin = TestPerson(username: "admin", password: password, notes: system.notes)
            let session = try TestPerson.Session(try await admin.login(TestHTTP(service.url)).require(200))
            for other in system.tokenServices {
                let me = try await TestHTTP(other.url).call("GET", "/v1/users/me", token: session.access)
                #expect(me.status == 200)
            }
        }
    }
}
