import Crypto

/// One numbered step of a schema. Once it has run anywhere it must never change: its checksum is compared at each start.
package struct Migration: Sendable {
    package let number: Int
    package let name: String
    /// One statement each.
    package let sqlite: [String]
    package let postgres: [String]

    /// A step whose statements differ between the dialects.
    package init(number: Int, name: String, sqlite: [String], postgres: [String]) {
        self.number = number
        self.name = name
        self.sqlite = sqlite
        self.postgres = postgres
    }

    /// A step of common text, with the placeholders of `SQLDialect.expand`.
    package init(number: Int, name: String, sql: [String]) {
        self.init(number: number, name: name, sqlite: sql, postgres: sql)
    }

    func statements(for dialect: SQLDialect) -> [String] {
        (dialect == .sqlite ? sqlite : postgres).map(dialect.expand)
    }

    /// SHA-256 of the text as written, of both dialects, so that it does not depend on where it runs.
    var checksum: String {
        var hash = SHA256()
        for statements in [sqlite, postgres] {
            for statement in statements {
                hash.update(data: Array(statement.utf8))
                hash.update(data: [0])
            }
            hash.update(data: [1])
        }
        return hash.finalize().map { byte in
            String(byte >> 4, radix: 16) + String(byte & 15, radix: 16)
        }.joined()
    }
}
