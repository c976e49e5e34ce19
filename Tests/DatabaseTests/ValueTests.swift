import Database
import Testing

/// What goes in comes out, the same from both databases.
@Suite struct ValueTests {
    private static let values: [SQLValue] = [
        .null, .int(0), .int(.max), .int(.min), .int(-1), .int(1 << 53 + 1), .real(0.1), .real(-1.5e300),
        .real(.leastNonzeroMagnitude),
        .real(.greatestFiniteMagnitude), .text(""), .text("O'Brien \"q\" \\ ? $1 -- /*"),
        .text("Größe 日本語 👩‍👩‍👧‍👦 e\u{301} \u{1}\u{7F}\r\n\t"),
        .text(String(repeating: "長", count: 100_000)), .blob([]), .blob([0]), .blob(Array(0...255)),
        .blob([UInt8](repeating: 0xFF, count: 1_000_000)),
    ]

    @Test(arguments: SQLDialect.allCases)
    func roundTrip(dialect: SQLDialect) async throws {
        try await withDatabase(dialect) { database in
            try await database.write { connection in
                try connection.execute(
                    dialect.expand("CREATE TABLE v (id {{ID}}, i INTEGER, r REAL, t TEXT, b {{BLOB}})"))
            }
            for value in Self.values {
                let column =
                    switch value {
                    case .null, .int: "i"
                    case .real: "r"
                    case .text: "t"
                    case .blob: "b"
                    }
                let read = try await database.write { connection in
                    try connection.query("INSERT INTO v (\(column)) VALUES (?) RETURNING \(column), i, t", [value])
                }
                #expect(read.map { $0[column] } == [value])
                // And by comparison in the database, from a snapshot of its own.
                if value != .null {
                    let found = try await database.query("SELECT \(column) FROM v WHERE \(column) = ?", [value])
                    #expect(found.map { $0[0] } == [value])
                }
            }
        }
    }

    @Test(arguments: SQLDialect.allCases)
    func nullsGoIntoEveryColumn(dialect: SQLDialect) async throws {
        try await withDatabase(dialect) { database in
            let rows = try await database.write { connection in
                try connection.execute(dialect.expand("CREATE TABLE v (i INTEGER, r REAL, t TEXT, b {{BLOB}})"))
                // The same text with values of other types afterwards.
                try connection.execute("INSERT INTO v (i, r, t, b) VALUES (?, ?, ?, ?)", [nil, nil, nil, nil])
                try connection.execute(
                    "INSERT INTO v (i, r, t, b) VALUES (?, ?, ?, ?)", [1, .real(2), "t", .blob([3])])
                return try connection.query("SELECT i, r, t, b FROM v ORDER BY i IS NULL")
            }
            #expect(rows.map(\.values) == [[1, .real(2), "t", .blob([3])], [nil, nil, nil, nil]])
            #expect(try rows[1].optionalInt("i") == nil && rows[1].optionalText("t") == nil)
            #expect(try rows[0].optionalBlob("B") == [3] && rows[0].optionalReal("r") == 2)
        }
    }

    @Test(arguments: SQLDialect.allCases)
    func expressionsGiveTheSameTypes(dialect: SQLDialect) async throws {
        try await withDatabase(dialect) { database in
            let row = try await database.write { connection in
                try connection.execute(
                    "INSERT INTO items (name, n) VALUES (?, ?), (?, ?)", ["a", 3_000_000_000, "b", 4])
                return try connection.query(
                    """
                    SELECT COUNT(*) AS count, SUM(n) AS sum, MAX(n) AS Max, n + ? AS more,
                        (SELECT COUNT(*) FROM items WHERE n > ?) AS big, EXISTS (SELECT 1 FROM items) AS there,
                        'a?' AS question, name || ? AS joined -- really?
                    FROM items WHERE name = ? GROUP BY n, name LIMIT ?
                    """, [6_000_000_000, 5, "!", "a", 1])
            }[0]
            #expect(try row.int("count") == 1 && row.int("sum") == 3_000_000_000 && row.int("max") == 3_000_000_000)
            #expect(try row.int("more") == 9_000_000_000 && row.int("big") == 1 && row.bool("there"))
            #expect(try row.text("question") == "a?" && row.text("joined") == "a!")
        }
    }

    @Test(arguments: SQLDialect.allCases)
    func refusesWhatWouldBeStoredDifferently(dialect: SQLDialect) async throws {
        try await withDatabase(dialect) { database in
            for value in [SQLValue.text("a\0b"), .real(.nan), .real(.infinity), .real(-.infinity)] {
                let kind = await failure { _ = try await database.query("SELECT ? AS x", [value]) }
                #expect(kind == "sql", "\(value)")
            }
        }
    }

    @Test(arguments: SQLDialect.allCases)
    func aWrongNumberOfArgumentsIsAnError(dialect: SQLDialect) async throws {
        try await withDatabase(dialect) { database in
            for arguments: [SQLValue] in [[], ["a", "b"]] {
                let kind = await failure {
                    _ = try await database.query("SELECT n FROM items WHERE name = ?", arguments)
                }
                #expect(kind == "sql")
            }
        }
    }

    @Test(arguments: SQLDialect.allCases)
    func rowsTellWhatIsWrong(dialect: SQLDialect) async throws {
        try await withDatabase(dialect) { database in
            let row = try await database.query("SELECT 1 AS one, 'x' AS x, NULL AS empty")[0]
            #expect(throws: DatabaseError.self) { try row.int("two") }
            #expect(throws: DatabaseError.self) { try row.text("one") }
            #expect(throws: DatabaseError.self) { try row.int("empty") }
            #expect(throws: DatabaseError.self) { try row.optionalInt("x") }
            #expect(throws: DatabaseError.self) { try row.optionalInt("absent") }
            #expect(try row.real("one") == 1 && row["absent"] == .null && row.columnNames == ["one", "x", "empty"])
        }
    }
}
