import Database
import Foundation
import TestSupport
import Testing

/// What a transaction means, on both databases.
@Suite struct TransactionTests {
    private struct Refusal: Error, Equatable {}

    @Test(arguments: SQLDialect.allCases)
    func countsOnlyWhatChanged(dialect: SQLDialect) async throws {
        try await withDatabase(dialect) { database in
            let counts = try await database.write { connection in
                [
                    try connection.execute("INSERT INTO items (name) VALUES (?), (?), (?)", ["a", "b", "c"]),
                    try connection.execute("UPDATE items SET n = n + 1 WHERE name <> ?", ["a"]),
                    try connection.execute("UPDATE items SET n = 9 WHERE name = ?", ["absent"]),
                    try connection.execute("SELECT * FROM items"),
                    try connection.execute("CREATE TABLE other (x INTEGER)"),
                    try connection.execute("INSERT INTO items (name) VALUES (?) ON CONFLICT (name) DO NOTHING", ["a"]),
                    try connection.execute("DELETE FROM items"),
                ]
            }
            #expect(counts == [3, 2, 0, 0, 0, 0, 3])
            #expect(try await database.execute("INSERT INTO items (name) VALUES (?)", ["z"]) == 1)
        }
    }

    @Test(arguments: SQLDialect.allCases)
    func constraintsAreNamedWithoutValues(dialect: SQLDialect) async throws {
        try await withDatabase(dialect) { database in
            try await database.write { connection in
                try connection.execute("INSERT INTO items (id, name) VALUES (1, 'secret')")
                try connection.execute(
                    """
                    CREATE TABLE parts (
                        item BIGINT NOT NULL REFERENCES items (id), size BIGINT CONSTRAINT sized CHECK (size > 0))
                    """)
            }
            let cases: [(String, [SQLValue], String)] = [
                ("INSERT INTO items (name) VALUES (?)", ["secret"], "unique"),
                ("INSERT INTO items (id, name) VALUES (1, ?)", ["other"], "unique"),
                ("INSERT INTO items (name) VALUES (?)", [nil], "not null"),
                ("INSERT INTO parts (item, size) VALUES (?, 1)", [99], "foreign key"),
                ("INSERT INTO parts (item, size) VALUES (1, ?)", [-4711], "check: sized"),
                ("INSERT INTO parts (item, size) VALUES (NULL, ?)", [1], "not null"),
            ]
            for (sql, arguments, expected) in cases {
                do throws(DatabaseError) {
                    try await database.execute(sql, arguments)
                    Issue.record("\(sql) went through")
                } catch {
                    guard case .constraint(let text) = error else {
                        Issue.record("\(error)")
                        continue
                    }
                    #expect(text.hasPrefix(expected), "\(text)")
                    #expect(error.isUniqueViolation == (expected == "unique"))
                    #expect(!text.contains("secret") && !text.contains("4711"))
                }
            }
        }
    }

    @Test(arguments: SQLDialect.allCases)
    func whatThrowsIsRolledBack(dialect: SQLDialect) async throws {
        try await withDatabase(dialect) { database in
            do throws(DatabaseError) {
                try await database.write { connection in
                    try connection.execute("INSERT INTO items (name) VALUES ('a')")
                    throw Refusal()
                }
                Issue.record("no error")
            } catch {
                guard case .aborted(let inner) = error else {
                    Issue.record("\(error)")
                    return
                }
                #expect(inner as? Refusal == Refusal())
            }
            let kind = await failure {
                try await database.write { connection in
                    try connection.execute("INSERT INTO items (name) VALUES ('a')")
                    throw DatabaseError.fenced("x")
                }
            }
            #expect(kind == "fenced")
            try await expectNoItems(database)
            #expect(try await database.execute("INSERT INTO items (name) VALUES ('a')") == 1)
        }
    }

    /// PostgreSQL refuses everything after a failed statement; SQLite would go on, and must not.
    @Test(arguments: SQLDialect.allCases)
    func aFailedStatementDoomsItsTransaction(dialect: SQLDialect) async throws {
        try await withDatabase(dialect) { database in
            for goesOn in [false, true] {
                let kind = await failure {
                    try await database.write { connection in
                        try connection.execute("INSERT INTO items (name) VALUES ('a')")
                        _ = try? connection.execute("INSERT INTO items (name) VALUES ('a')")
                        if goesOn { _ = try? connection.execute("INSERT INTO items (name) VALUES ('b')") }
                    }
                }
                #expect(kind == "constraint")
            }
            try await expectNoItems(database)
        }
    }

    @Test(arguments: SQLDialect.allCases)
    func bodiesDoNotControlTheirTransaction(dialect: SQLDialect) async throws {
        try await withDatabase(dialect) { database in
            for sql in ["COMMIT", " rollback", "-- x\nBEGIN", "/* y */ Savepoint s", "END", "release s"] {
                let kind = await failure {
                    try await database.write { connection in
                        try connection.execute("INSERT INTO items (name) VALUES ('a')")
                        try connection.execute(sql)
                    }
                }
                #expect(kind == "sql", "\(sql)")
            }
            let kind = await failure {
                _ = try await database.query("SELECT 1; DELETE FROM items")
            }
            #expect(kind == "sql")
            try await expectNoItems(database)
        }
    }

    @Test(arguments: SQLDialect.allCases)
    func readsDoNotWrite(dialect: SQLDialect) async throws {
        try await withDatabase(dialect) { database in
            let kind = await failure {
                _ = try await database.query("INSERT INTO items (name) VALUES ('a') RETURNING id")
            }
            #expect(kind == "sql")
            try await expectNoItems(database)
        }
    }

    @Test(arguments: SQLDialect.allCases)
    func aReadSeesOneSnapshot(dialect: SQLDialect) async throws {
        try await withDatabase(dialect) { database in
            try await database.execute("INSERT INTO items (name) VALUES ('a')")
            let (hasRead, hasWritten) = (Gate(), Gate())
            async let counts = database.read { connection in
                let first = try connection.query("SELECT COUNT(*) AS c FROM items")[0].int("c")
                hasRead.open()
                hasWritten.wait()
                return [first, try connection.query("SELECT COUNT(*) AS c FROM items")[0].int("c")]
            }
            await hasRead.waited()
            try await database.execute("INSERT INTO items (name) VALUES ('b')")
            hasWritten.open()
            #expect(try await counts == [1, 1])
            #expect(try await database.query("SELECT COUNT(*) AS c FROM items")[0].int("c") == 2)
        }
    }

    @Test(arguments: SQLDialect.allCases)
    func concurrentIncrementsAllCount(dialect: SQLDialect) async throws {
        try await withDatabase(dialect) { database in
            try await database.execute("INSERT INTO items (name) VALUES ('counter')")
            try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 0..<20 {
                    group.addTask {
                        for _ in 0..<5 {
                            // Read and written back in two statements, which only serial execution gets right.
                            try await database.write { connection in
                                let n = try connection.query("SELECT n FROM items WHERE name = 'counter'")[0].int("n")
                                try connection.execute(
                                    "UPDATE items SET n = ? WHERE name = 'counter'", [.int(n + 1)])
                            }
                        }
                    }
                }
                try await group.waitForAll()
            }
            #expect(try await database.query("SELECT n FROM items")[0].int("n") == 100)
        }
    }

    /// Two transactions that each check what the other changes: snapshot isolation alone lets both pass.
    @Test(arguments: SQLDialect.allCases)
    func thereIsNoWriteSkew(dialect: SQLDialect) async throws {
        try await withDatabase(dialect) { database in
            for round in 0..<5 {
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for index in 0..<6 {
                        group.addTask {
                            try await database.write { connection in
                                let taken = try connection.query(
                                    "SELECT COUNT(*) AS c FROM items WHERE n = ?", [.int(Int64(round + 1))])
                                guard try taken[0].int("c") < 2 else { return }
                                try connection.execute(
                                    "INSERT INTO items (name, n) VALUES (?, ?)",
                                    [.text("\(round).\(index)"), .int(Int64(round + 1))])
                            }
                        }
                    }
                    try await group.waitForAll()
                }
                #expect(
                    try await database.query("SELECT * FROM items WHERE n = ?", [.int(Int64(round + 1))]).count == 2)
            }
        }
    }

    @Test(arguments: SQLDialect.allCases)
    func theClockIsTheDatabases(dialect: SQLDialect) async throws {
        try await withDatabase(dialect) { database in
            let now = try await database.query("SELECT \(dialect.nowMilliseconds) AS now")[0].int("now")
            #expect(abs(now - Int64(Date().timeIntervalSince1970 * 1_000)) < 60_000)
        }
    }

    /// What a relay of an outbox builds on: rows below the oldest open transaction are complete.
    @Test(arguments: SQLDialect.allCases)
    func rowsKnowTheirTransaction(dialect: SQLDialect) async throws {
        try await withDatabase(dialect) { database in
            try await database.execute(dialect.expand("CREATE TABLE box (id {{ID}}, xid {{XID}}, body TEXT)"))
            let complete = "SELECT body FROM box WHERE xid < \(dialect.oldestOpenTransactionID) ORDER BY id"
            try await database.execute("INSERT INTO box (body) VALUES ('first')")
            // "Will be", for transactions of the other tests on the same server count as open ones too.
            try await eventually(within: .seconds(20)) { try await database.query(complete).count == 1 }
            guard dialect == .postgres else { return }
            // A transaction that took its number first and commits last holds back what came after it.
            let (hasInserted, mayCommit) = (Gate(), Gate())
            async let slow: Void = database.write { connection in
                try connection.execute("INSERT INTO box (body) VALUES ('slow')")
                hasInserted.open()
                mayCommit.wait()
            }
            await hasInserted.waited()
            try await database.execute("INSERT INTO box (body) VALUES ('fast')")
            #expect(try await database.query("SELECT * FROM box").count == 2)
            #expect(try await database.query(complete).map { try $0.text("body") } == ["first"])
            mayCommit.open()
            try await slow
            try await eventually(within: .seconds(20)) { try await database.query(complete).count == 3 }
        }
    }
}
