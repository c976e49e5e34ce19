import Database
import Foundation
import TestSupport
import Testing

/// What only PostgreSQL does: sessions, statements and plans.
@Suite struct PostgresTests {
    @Test func anIdleSessionThatWasCutIsReplacedUnnoticed() async throws {
        try await withDatabase(.postgres) { database in
            let pids = try await database.write { connection in
                [try connection.query("SELECT pg_backend_pid() AS pid")[0].int("pid")]
            }
            try await SharedServer.get().psql("SELECT pg_terminate_backend(\(pids[0]))")
            for _ in 0..<10 { try await database.execute("UPDATE items SET n = n") }
        }
    }

    @Test func aSessionThatIsCutInsideATransactionChangesNothing() async throws {
        try await withDatabase(.postgres) { database in
            let server = try await SharedServer.get()
            let kind = await failure {
                try await database.write { connection in
                    let pid = try connection.query("SELECT pg_backend_pid() AS pid")[0].int("pid")
                    try connection.execute("INSERT INTO items (name) VALUES ('lost')")
                    let cut = Gate()
                    Task {
                        _ = try? await server.psql("SELECT pg_terminate_backend(\(pid))")
                        cut.open()
                    }
                    cut.wait()
                    try connection.execute("INSERT INTO items (name) VALUES ('lost too')")
                }
            }
            #expect(kind == "unavailable")
            try await expectNoItems(database)
        }
    }

    /// The server is lost between the order to commit and its answer.
    @Test func aCutDuringCommitIsReportedAsUnknown() async throws {
        try await withDatabase(.postgres) { database in
            let server = try await SharedServer.get()
            try await database.write { connection in
                try connection.execute(
                    """
                    CREATE FUNCTION slowly() RETURNS trigger LANGUAGE plpgsql AS $$
                    BEGIN PERFORM pg_sleep(20); RETURN NULL; END $$
                    """)
                try connection.execute(
                    """
                    CREATE CONSTRAINT TRIGGER slow_commit AFTER INSERT ON items DEFERRABLE INITIALLY DEFERRED
                    FOR EACH ROW EXECUTE FUNCTION slowly()
                    """)
            }
            let (isToCommit, pid) = (Gate(), AsyncStream.makeStream(of: Int64.self))
            async let kind = failure {
                try await database.write { connection in
                    pid.continuation.yield(try connection.query("SELECT pg_backend_pid() AS pid")[0].int("pid"))
                    try connection.execute("INSERT INTO items (name) VALUES ('x')")
                    isToCommit.open()
                }
            }
            await isToCommit.waited()
            var pids = pid.stream.makeAsyncIterator()
            let backend = try #require(await pids.next())
            try await eventually(within: .seconds(20)) {
                try await server.psql("SELECT query FROM pg_stat_activity WHERE pid = \(backend)") == "COMMIT"
            }
            try await server.psql("SELECT pg_terminate_backend(\(backend))")
            #expect(await kind == "outcomeUnknown")
            #expect(try await database.query("SELECT * FROM items").isEmpty)
        }
    }

    @Test func aStatementThatTakesTooLongIsStopped() async throws {
        try await withDatabase(.postgres, { $0.statementTimeout = .milliseconds(500) }) { database in
            let kind = await failure {
                try await database.write { connection in
                    try connection.execute("INSERT INTO items (name) VALUES ('x')")
                    _ = try connection.query("SELECT pg_sleep(30)")
                }
            }
            #expect(kind == "timeout")
            try await expectNoItems(database)
            // A migration may take longer.
            try await Migrator.run(
                [
                    Migration(
                        number: 1, name: "slow", sqlite: [],
                        postgres: ["CREATE TABLE slow AS SELECT pg_sleep(1.2)::text"])
                ], component: "slow", on: database)
        }
    }

    /// Another replica changes a table whose `SELECT *` is prepared here.
    @Test func aPlanThatWentStaleIsMadeAgain() async throws {
        let fixture = try await TestDatabase(.postgres)
        let (reader, other) = (try await fixture.open { $0.maxConnections = 1 }, try await fixture.open())
        try await other.execute("CREATE TABLE t (a BIGINT)")
        try await other.execute("INSERT INTO t VALUES (1)")
        for _ in 0..<8 { #expect(try await reader.query("SELECT * FROM t")[0].columnNames == ["a"]) }
        try await other.execute("ALTER TABLE t ADD COLUMN b BIGINT")
        #expect(try await reader.query("SELECT * FROM t")[0].columnNames == ["a", "b"])
        await reader.shutdown()
        await other.shutdown()
    }

    /// More statements than are kept prepared, and a server that forgot them.
    @Test func preparedStatementsComeAndGo() async throws {
        try await withDatabase(.postgres, { $0.maxConnections = 1 }) { database in
            let sum = try await database.read { connection in
                try (0..<1_100).reduce(into: Int64(0)) { sum, n in
                    sum += try connection.query("SELECT CAST(? AS BIGINT) + \(n) AS x", [1])[0].int("x")
                }
            }
            #expect(sum == 1_100 + 1_099 * 1_100 / 2)
            try await database.write { connection in
                // Not through DEALLOCATE by a body of ours in earnest: as a pooler would do it.
                try connection.execute("DEALLOCATE ALL")
            }
            #expect(try await database.query("SELECT n FROM items WHERE name = ?", ["x"]).isEmpty)
            try await database.write { try $0.execute("DEALLOCATE ALL") }
            #expect(try await database.query("SELECT n FROM items WHERE name = ?", ["x"]).isEmpty)
        }
    }

    @Test func commitsAreSynchronousWhateverTheServersDefault() async throws {
        let fixture = try await TestDatabase(.postgres)
        let name = try #require(URL(string: fixture.url)?.lastPathComponent)
        try await SharedServer.get().psql("ALTER DATABASE \(name) SET synchronous_commit = off")
        let database = try await fixture.open()
        #expect(try await database.query("SHOW synchronous_commit")[0][0] == "on")
        #expect(
            try await database.write { try $0.query("SHOW transaction_isolation")[0][0] } == "serializable")
        await database.shutdown()
    }

    @Test func aWrongPasswordIsUnavailableAndNotRepeated() async throws {
        let url = try await SharedServer.get().url().replacing("p%40ss%3A%2Fword", with: "mistaken")
        let database = try await DatabaseFactory.open(url: url, logger: quiet)
        do throws(DatabaseError) {
            try await database.ping()
            Issue.record("let in")
        } catch {
            #expect(error.kind == "unavailable")
            #expect(!"\(error)".contains("mistaken"))
        }
        await database.shutdown()
    }

    @Test func manyTransactionsShareFewSessions() async throws {
        try await withDatabase(.postgres, { $0.maxConnections = 3 }) { database in
            try await withThrowingTaskGroup(of: Void.self) { group in
                for n in 0..<100 {
                    group.addTask {
                        try await database.execute("INSERT INTO items (name) VALUES (?)", [.text("\(n)")])
                    }
                }
                try await group.waitForAll()
            }
            let rows = try await database.query(
                "SELECT COUNT(*) AS c, (SELECT COUNT(*) FROM pg_stat_activity WHERE datname = current_database()) AS s FROM items"
            )
            #expect(try rows[0].int("c") == 100 && rows[0].int("s") <= 3)
        }
    }
}
