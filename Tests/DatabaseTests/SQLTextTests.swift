import Testing

@testable import Database

@Suite struct SQLTextTests {
    @Test(arguments: [
        ("a = ? AND b=?", "a = $1 AND b=$2", 2), ("'?' || ?", "'?' || $1", 1), ("'it''s ?' ?", "'it''s ?' $1", 1),
        ("\"col?\" = ?", "\"col?\" = $1", 1), ("? -- ?\n?", "$1 -- ?\n$2", 2), ("? -- ?", "$1 -- ?", 1),
        ("/* ? */ ? /* ?", "/* ? */ $1 /* ?", 1), ("E'\\'?' ?", "E'\\'?' $1", 1), ("'\\' ?", "'\\' $1", 1),
        ("note'x?' ?", "note'x?' $1", 1), ("$$ ? $$ ?", "$$ ? $$ $1", 1), ("$t$ ? $$ ? $t$ ?", "$t$ ? $$ ? $t$ $1", 1),
        ("'ü?' ?", "'ü?' $1", 1), ("", "", 0), ("'open ?", "'open ?", 0), ("a-? b/?", "a-$1 b/$2", 2),
    ])
    func placeholdersAreNumberedOutsideOfLiterals(sql: String, expected: String, count: Int) {
        let (text, found) = SQLText.numberingPlaceholders(in: sql)
        #expect(text == expected && found == count)
    }

    @Test func typesAreReplacedAsWholeWordsOfCode() {
        let sql = "n INTEGER, integer_like TEXT, x Integer -- INTEGER\n, 'INTEGER', \"REAL\", r REAL, {{BLOB}} {{ID}}"
        #expect(
            SQLDialect.postgres.expand(sql)
                == "n BIGINT, integer_like TEXT, x BIGINT -- INTEGER\n, 'INTEGER', \"REAL\", r DOUBLE PRECISION, "
                + "BYTEA BIGSERIAL PRIMARY KEY")
        #expect(
            SQLDialect.sqlite.expand(sql)
                == "n INTEGER, integer_like TEXT, x Integer -- INTEGER\n, 'INTEGER', \"REAL\", r REAL, "
                + "BLOB INTEGER PRIMARY KEY AUTOINCREMENT")
    }

    @Test func checksumsDependOnTheTextAndOnWhereStatementsEnd() {
        let migration = { (sql: [String]) in Migration(number: 1, name: "x", sql: sql).checksum }
        #expect(migration(["a", "b"]) == migration(["a", "b"]))
        #expect(Set([migration(["a", "b"]), migration(["ab"]), migration(["a"]), migration([])]).count == 4)
        #expect(
            Migration(number: 1, name: "x", sqlite: ["a"], postgres: []).checksum
                != Migration(number: 1, name: "x", sqlite: [], postgres: ["a"]).checksum)
        #expect(migration(["a"]).count == 64)
    }
}
