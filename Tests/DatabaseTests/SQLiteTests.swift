import Database
import Foundation
import Testing

@Suite struct SQLiteTests {
    @Test func isSetUpToLast() async throws {
        let fixture = try await TestDatabase(.sqlite)
        let database = try await fixture.open()
        let pragmas = try await database.write { connection in
            try ["journal_mode", "synchronous", "foreign_keys"].map { try connection.query("PRAGMA \($0)")[0][0] }
        }
        #expect(pragmas == ["wal", 2, 1])
        let folder = try #require(fixture.folder)
        for file in try FileManager.default.contentsOfDirectory(atPath: folder) {
            let mode = try FileManager.default.attributesOfItem(atPath: folder + "/" + file)[.posixPermissions]
            #expect(mode as? Int == 0o600, "\(file)")
        }
        await database.shutdown()
    }

    /// The files as they stand after an acknowledged commit, without the database being closed, are what SIGKILL leaves.
    @Test func acknowledgedWritesAreInTheFilesAtOnce() async throws {
        let fixture = try await TestDatabase(.sqlite)
        let folder = try #require(fixture.folder)
        let database = try await fixture.open()
        try await database.execute("CREATE TABLE t (x INTEGER)")
        for x in 0..<50 { try await database.execute("INSERT INTO t VALUES (?)", [.int(Int64(x))]) }

        let (hasInserted, mayEnd) = (Gate(), Gate())
        async let unfinished: Void = database.write { connection in
            try connection.execute("INSERT INTO t VALUES (99)")
            hasInserted.open()
            mayEnd.wait()
        }
        await hasInserted.waited()
        let copy = folder + "-copy"
        try FileManager.default.copyItem(atPath: folder, toPath: copy)
        defer { try? FileManager.default.removeItem(atPath: copy) }
        try? FileManager.default.removeItem(atPath: copy + "/test.db-shm")
        mayEnd.open()
        try await unfinished

        let survivor = try await DatabaseFactory.open(url: "sqlite://\(copy)/test.db", logger: quiet)
        #expect(try await survivor.query("SELECT x FROM t ORDER BY x").map { $0[0] } == (0..<50).map { .int($0) })
        #expect(try await survivor.query("PRAGMA integrity_check")[0][0] == "ok")
        await survivor.shutdown()
        await database.shutdown()
    }

    @Test func aFullDiskIsATypedErrorAndLosesNothing() async throws {
        try await withDatabase(.sqlite) { database in
            try await database.execute("INSERT INTO items (name) VALUES ('before')")
            let limit = try await database.write { connection in
                let pages = try connection.query("PRAGMA page_count")[0][0]
                guard case .int(let count) = pages else { throw DatabaseError.sql("no page count") }
                return try connection.query("PRAGMA max_page_count = \(count + 60)")[0][0]
            }
            let filler = SQLValue.text(String(repeating: "x", count: 20_000))
            var stored: Int64 = 0
            var kind: String?
            while kind == nil, stored < 100 {
                let n = stored
                kind = await failure {
                    try await database.execute(
                        "INSERT INTO items (name, n) VALUES (? || ?, ?)", [filler, .int(n), .int(n)])
                }
                if kind == nil { stored += 1 }
            }
            #expect(kind == "full" && stored > 0)
            // Reading goes on, and nothing that was acknowledged is missing.
            #expect(try await database.query("SELECT COUNT(*) AS c FROM items")[0].int("c") == stored + 1)
            #expect(
                await failure { try await database.execute("INSERT INTO items (name) VALUES (?)", [filler]) } == "full")
            // Once there is space again, writing goes on by itself.
            guard case .int(let pages) = limit else {
                Issue.record("no limit")
                return
            }
            try await database.write { _ = try $0.query("PRAGMA max_page_count = \(pages + 1_000)") }
            #expect(try await database.execute("INSERT INTO items (name) VALUES (?)", [filler]) == 1)
        }
    }

    @Test func severalProcessesMayShareTheFile() async throws {
        let fixture = try await TestDatabase(.sqlite)
        let databases = [try await fixture.open(), try await fixture.open(), try await fixture.open()]
        try await databases[0].execute("CREATE TABLE t (n INTEGER)")
        try await databases[0].execute("INSERT INTO t VALUES (0)")
        try await withThrowingTaskGroup(of: Void.self) { group in
            for database in databases {
                group.addTask {
                    for _ in 0..<20 { try await database.execute("UPDATE t SET n = n + 1") }
                }
            }
            try await group.waitForAll()
        }
        #expect(try await databases[1].query("SELECT n FROM t")[0].int("n") == 60)
        for database in databases { await database.shutdown() }
    }

    @Test func aLockHeldElsewhereForTooLongIsBusy() async throws {
        let fixture = try await TestDatabase(.sqlite)
        let holder = try await fixture.open()
        let waiter = try await fixture.open { $0.busyTimeout = .milliseconds(100) }
        try await holder.execute("CREATE TABLE t (n INTEGER)")
        let (runs, mayEnd) = (Gate(), Gate())
        async let held: Void = holder.write { _ in
            runs.open()
            mayEnd.wait()
        }
        await runs.waited()
        #expect(await failure { try await waiter.execute("INSERT INTO t VALUES (1)") } == "busy")
        #expect(try await waiter.query("SELECT * FROM t").isEmpty)
        mayEnd.open()
        try await held
        #expect(try await waiter.execute("INSERT INTO t VALUES (1)") == 1)
        await holder.shutdown()
        await waiter.shutdown()
    }

    @Test func aFileThatIsNoDatabaseIsUnavailable() async throws {
        let fixture = try await TestDatabase(.sqlite)
        let folder = try #require(fixture.folder)
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        try Data(repeating: 0x41, count: 8_192).write(to: URL(fileURLWithPath: folder + "/test.db"))
        #expect(await failure { _ = try await fixture.open() } == "unavailable")
    }
}
