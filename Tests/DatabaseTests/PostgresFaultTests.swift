import Database
import Foundation
import Synchronization
import TestSupport
import Testing

/// The server goes away, in every way in which servers do.
@Suite(.serialized) struct PostgresFaultTests {
    private struct Tally {
        var acknowledged: Set<Int64> = []
        var unknown: Set<Int64> = []
        var refused: Set<Int64> = []
        var otherErrors: [String] = []
    }

    /// Writes numbers from several tasks until told to stop; keeps what became of each.
    private final class Load: Sendable {
        let tally = Mutex(Tally())
        private let next = Mutex<Int64>(0)
        private let stopping = Mutex(false)

        func stop() { stopping.withLock { $0 = true } }

        func run(on database: any Database, tasks: Int) async {
            await withTaskGroup(of: Void.self) { group in
                for _ in 0..<tasks {
                    group.addTask {
                        while !self.stopping.withLock({ $0 }) {
                            let n = self.next.withLock { next in
                                next += 1
                                return next
                            }
                            await self.write(n, to: database)
                        }
                    }
                }
            }
        }

        private func write(_ n: Int64, to database: any Database) async {
            do throws(DatabaseError) {
                try await database.execute("INSERT INTO items (name, n) VALUES (?, ?)", [.text("\(n)"), .int(n)])
                tally.withLock { _ = $0.acknowledged.insert(n) }
            } catch {
                switch error {
                case .outcomeUnknown: tally.withLock { _ = $0.unknown.insert(n) }
                case .unavailable, .busy, .timeout:
                    tally.withLock { _ = $0.refused.insert(n) }
                    try? await Task.sleep(for: .milliseconds(5))
                default: tally.withLock { $0.otherErrors.append("\(error)") }
                }
            }
        }

        var acknowledged: Int { tally.withLock { $0.acknowledged.count } }
    }

    private func withItems(
        _ server: PostgresServer, _ change: (inout DatabaseOptions) -> Void = { _ in },
        _ body: (any Database) async throws -> Void
    ) async throws {
        var options = DatabaseOptions()
        change(&options)
        let database = try await DatabaseFactory.open(
            url: try await server.makeDatabase(), logger: quiet, options: options)
        try await database.execute("CREATE TABLE items (name TEXT NOT NULL UNIQUE, n BIGINT)")
        try await body(database)
        await database.shutdown()
    }

    @Test func noAcknowledgedRowIsLostWhenTheServerIsKilled() async throws {
        let server = try await PostgresServer()
        try await withItems(server) { database in
            let load = Load()
            async let running: Void = load.run(on: database, tasks: 12)
            do {
                for _ in 0..<2 {
                    let before = load.acknowledged
                    try await eventually(within: .seconds(20)) { load.acknowledged > before + 50 }
                    server.kill()
                    let refused = load.tally.withLock { $0.refused.count }
                    try await eventually(within: .seconds(20)) { load.tally.withLock { $0.refused.count } > refused }
                    try await server.start()
                }
                // Without anybody's help.
                let before = load.acknowledged
                try await eventually(within: .seconds(20)) { load.acknowledged > before + 50 }
            } catch {
                load.stop()
                throw error
            }
            load.stop()
            await running

            let stored = Set(try await database.query("SELECT n FROM items").map { try $0.int("n") })
            let tally = load.tally.withLock { $0 }
            #expect(tally.acknowledged.subtracting(stored).isEmpty)
            #expect(tally.refused.intersection(stored).isEmpty)
            #expect(stored.subtracting(tally.acknowledged).isSubset(of: tally.unknown))
            #expect(tally.otherErrors.isEmpty, "\(tally.otherErrors.prefix(3))")
        }
        await server.stop()
    }

    @Test func aServerThatStandsStillDoesNotHoldItsCallers() async throws {
        let server = try await PostgresServer()
        let quick: (inout DatabaseOptions) -> Void = {
            $0.maxConnections = 2
            $0.maxWaiting = 4
            $0.statementTimeout = .milliseconds(300)
            $0.connectTimeout = .milliseconds(300)
            $0.waitTimeout = .milliseconds(300)
        }
        try await withItems(server, quick) { database in
            try await database.execute("INSERT INTO items (name, n) VALUES ('before', 0)")
            server.pause()
            let kinds = await withTaskGroup(of: String?.self) { group in
                for n in 0..<20 {
                    group.addTask {
                        await failure {
                            try await database.execute("INSERT INTO items (name, n) VALUES (?, 1)", [.text("\(n)")])
                        }
                    }
                }
                return await group.reduce(into: []) { $0.append($1) }
            }
            // All come back, none with success, most at once.
            #expect(kinds.allSatisfy { ["timeout", "unavailable", "busy"].contains($0) }, "\(kinds)")
            #expect(kinds.filter { $0 == "busy" }.count >= 14)
            server.resume()
            try await eventually(within: .seconds(20)) { await failure { try await database.ping() } == nil }
            #expect(try await database.query("SELECT n FROM items WHERE n = 0").count == 1)
        }
        await server.stop()
    }

    @Test func aServerThatComesLaterIsFound() async throws {
        let server = try await PostgresServer()
        let url = try await server.makeDatabase()
        await server.stop()
        let database = try await DatabaseFactory.open(url: url, logger: quiet)
        #expect(await failure { try await database.ping() } == "unavailable")
        #expect(
            await failure { try await Migrator.run([], component: "c", on: database) } == "unavailable")
        try await server.start()
        try await eventually(within: .seconds(20)) { await failure { try await database.ping() } == nil }
        try await Migrator.run([], component: "c", on: database)
        await database.shutdown()
        await server.stop()
    }

    @Test func connectionsAreEncryptedAndTheServerIsVerified() async throws {
        let server = try await PostgresServer(tls: true)
        let other = try await PostgresServer(tls: true)
        let database = try await DatabaseFactory.open(url: server.url(), logger: quiet)
        let row = try await database.query("SELECT ssl, version FROM pg_stat_ssl WHERE pid = pg_backend_pid()")[0]
        #expect(try row.bool("ssl") && row.text("version") == "TLSv1.3")
        // More than a TLS record or a buffer of libpq holds, both ways.
        let blob = SQLValue.blob((0..<3_000_000).map { UInt8(truncatingIfNeeded: $0 &* 7) })
        for _ in 0..<3 { #expect(try await database.query("SELECT CAST(? AS bytea) AS b", [blob])[0]["b"] == blob) }
        await database.shutdown()

        // Another authority's certificate, as somebody in between would show.
        let wrong = server.url().replacing(try #require(server.authority), with: try #require(other.authority))
        let refused = try await DatabaseFactory.open(url: wrong, logger: quiet)
        #expect(await failure { try await refused.ping() } == "unavailable")
        await refused.shutdown()
        await server.stop()
        await other.stop()
    }
}
