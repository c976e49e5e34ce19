import Database
import TestSupport
import Testing

/// Waiting is bounded, by number and by time.
@Suite struct PoolTests {
    @Test(arguments: SQLDialect.allCases)
    func whatDoesNotFitIsRefusedAtOnce(dialect: SQLDialect) async throws {
        let narrow: (inout DatabaseOptions) -> Void = {
            $0.maxConnections = 1
            $0.maxWaiting = 2
            $0.waitTimeout = .seconds(30)
        }
        try await withDatabase(dialect, narrow) { database in
            let (runs, mayEnd) = (Gate(), Gate())
            async let occupant: Void = database.write { connection in
                runs.open()
                mayEnd.wait()
                try connection.execute("INSERT INTO items (name) VALUES ('occupant')")
            }
            await runs.waited()
            async let first = database.execute("INSERT INTO items (name) VALUES ('first')")
            async let second = database.execute("INSERT INTO items (name) VALUES ('second')")
            try await eventually(within: .seconds(20)) { database.statistics.waiting == 2 }
            #expect(await failure { try await database.execute("DELETE FROM items") } == "busy")
            mayEnd.open()
            try await occupant
            #expect(try await first + second == 2)
            #expect(try await database.query("SELECT * FROM items").count == 3)
            try await eventually(within: .seconds(20)) { database.statistics.active == 0 }
            #expect(database.statistics.waiting == 0)
        }
    }

    @Test(arguments: SQLDialect.allCases)
    func whatWaitsTooLongIsRefusedWhileTheConnectionIsStillTaken(dialect: SQLDialect) async throws {
        let narrow: (inout DatabaseOptions) -> Void = {
            $0.maxConnections = 1
            $0.waitTimeout = .milliseconds(150)
        }
        try await withDatabase(dialect, narrow) { database in
            let (runs, mayEnd) = (Gate(), Gate())
            async let occupant: Void = database.write { _ in
                runs.open()
                mayEnd.wait()
            }
            await runs.waited()
            let kinds = await withTaskGroup(of: String?.self) { group in
                for _ in 0..<10 {
                    group.addTask { await failure { try await database.execute("DELETE FROM items") } }
                }
                return await group.reduce(into: []) { $0.append($1) }
            }
            #expect(kinds == Array(repeating: "busy", count: 10))
            mayEnd.open()
            try await occupant
            #expect(await failure { try await database.execute("DELETE FROM items") } == nil)
        }
    }

    @Test(arguments: SQLDialect.allCases)
    func shuttingDownFinishesWhatRunsAndRefusesTheRest(dialect: SQLDialect) async throws {
        let fixture = try await TestDatabase(dialect)
        let database = try await fixture.open { $0.maxConnections = 1 }
        try await database.execute("CREATE TABLE t (x BIGINT)")
        let (runs, mayEnd) = (Gate(), Gate())
        async let running: Void = database.write { connection in
            runs.open()
            mayEnd.wait()
            try connection.execute("INSERT INTO t VALUES (1)")
        }
        await runs.waited()
        async let waiting = failure { try await database.execute("INSERT INTO t VALUES (2)") }
        try await eventually(within: .seconds(20)) { database.statistics.waiting == 1 }
        async let down: Void = database.shutdown()
        #expect(await waiting == "unavailable")
        mayEnd.open()
        try await running
        await down
        await database.shutdown()
        #expect(await failure { try await database.ping() } == "unavailable")
        #expect(await failure { try await database.execute("INSERT INTO t VALUES (3)") } == "unavailable")

        let again = try await fixture.open()
        #expect(try await again.query("SELECT x FROM t").map { $0["x"] } == [1])
        await again.shutdown()
    }

    @Test func URLsThatNameNoDatabaseAreRefusedWithoutRepeatingThem() async throws {
        for url in [
            "", "mysql://secret@x/y", "sqlite:relative", "sqlite://relative/secret", "sqlite:///",
            "sqlite:///tmp/secret/",
            "postgres://u:secret@[::1/db", "postgres://u:secret@h/db?unknown=secret",
        ] {
            do throws(DatabaseError) {
                _ = try await DatabaseFactory.open(url: url, logger: quiet)
                Issue.record("\(url) was taken")
            } catch {
                #expect(error.kind == "configuration", "\(error)")
                #expect(!"\(error)".contains("secret"))
            }
        }
    }
}
