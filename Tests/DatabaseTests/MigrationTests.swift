import Database
import Testing

@Suite struct MigrationTests {
    private static let first = Migration(
        number: 1, name: "people",
        sql: [
            "CREATE TABLE people (id {{ID}}, name TEXT NOT NULL, photo {{BLOB}}, at INTEGER DEFAULT {{NOW_MS}})",
            "INSERT INTO people (name) VALUES ('INTEGER {{kept}}')",
        ])
    private static let second = Migration(
        number: 7, name: "age", sqlite: ["ALTER TABLE people ADD COLUMN age INTEGER"],
        postgres: ["ALTER TABLE people ADD COLUMN age BIGINT"])

    @Test(arguments: SQLDialect.allCases)
    func runOnceInOrder(dialect: SQLDialect) async throws {
        try await withDatabase(dialect) { database in
            for _ in 0..<3 { try await Migrator.run([Self.second, Self.first], component: "c", on: database) }
            let rows = try await database.query("SELECT name, age, at FROM people")
            #expect(rows.count == 1)
            #expect(try rows[0].text("name") == "INTEGER {{kept}}" && rows[0].int("at") > 1_700_000_000_000)
            let applied = try await database.query(
                "SELECT number FROM schema_migrations WHERE component = 'c' ORDER BY number")
            #expect(applied.map { $0["number"] } == [1, 7])
            // One that comes late with a lower number still runs; another component has numbers of its own.
            let late = Migration(number: 3, name: "late", sql: ["UPDATE people SET age = 3"])
            try await Migrator.run([Self.first, late, Self.second], component: "c", on: database)
            #expect(try await database.query("SELECT age FROM people")[0].int("age") == 3)
            try await Migrator.run(
                [Migration(number: 1, name: "x", sql: ["CREATE TABLE x (y INTEGER)"])], component: "d", on: database)
            // A program that is older than the schema starts all the same.
            try await Migrator.run([Self.first], component: "c", on: database)
        }
    }

    @Test(arguments: SQLDialect.allCases)
    func aChangedMigrationIsRefused(dialect: SQLDialect) async throws {
        try await withDatabase(dialect) { database in
            try await Migrator.run([Self.first], component: "c", on: database)
            let changed = Migration(number: 1, name: "people", sql: Self.first.sqlite + ["DELETE FROM people"])
            let kind = await failure {
                try await Migrator.run([changed, Self.second], component: "c", on: database)
            }
            #expect(kind == "migration")
            #expect(try await database.query("SELECT * FROM people").count == 1)
            #expect(
                await failure { try await Migrator.run([Self.first, changed], component: "c", on: database) }
                    == "migration")
        }
    }

    @Test(arguments: SQLDialect.allCases)
    func aFailureLeavesNothingBehind(dialect: SQLDialect) async throws {
        try await withDatabase(dialect) { database in
            let broken = Migration(number: 8, name: "broken", sql: ["CREATE TABLE half (x INTEGER)", "NO SUCH THING"])
            let kind = await failure {
                try await Migrator.run([Self.first, Self.second, broken], component: "c", on: database)
            }
            #expect(kind == "sql")
            for table in ["people", "half"] {
                #expect(await failure { _ = try await database.query("SELECT * FROM \(table)") } == "sql")
            }
            #expect(try await database.query("SELECT * FROM schema_migrations WHERE component = 'c'").isEmpty)
            try await Migrator.run([Self.first, Self.second], component: "c", on: database)
        }
    }

    /// As when four replicas start at the same moment on an empty database.
    @Test(arguments: SQLDialect.allCases)
    func replicasThatStartTogetherMigrateOnce(dialect: SQLDialect) async throws {
        let fixture = try await TestDatabase(dialect)
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<4 {
                group.addTask {
                    let database = try await fixture.open()
                    try await Migrator.run([Self.first, Self.second], component: "c", on: database)
                    #expect(try await database.query("SELECT age FROM people").count == 1)
                    await database.shutdown()
                }
            }
            try await group.waitForAll()
        }
    }
}
