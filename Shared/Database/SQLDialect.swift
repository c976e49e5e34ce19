/// Which of the two databases is spoken to, and the few expressions in which they differ.
package enum SQLDialect: String, Sendable, CaseIterable {
    case sqlite
    case postgres

    /// An expression for the database's clock, in milliseconds since the epoch.
    package var nowMilliseconds: String {
        switch self {
        case .sqlite: "CAST(ROUND((julianday('now') - 2440587.5) * 86400000.0) AS INTEGER)"
        case .postgres: "CAST(FLOOR(EXTRACT(EPOCH FROM clock_timestamp()) * 1000) AS BIGINT)"
        }
    }

    /// An expression for the id of the current transaction; 0 on SQLite, whose writers come one after the other.
    package var currentTransactionID: String {
        switch self {
        case .sqlite: "0"
        case .postgres: "(pg_current_xact_id()::text::bigint)"
        }
    }

    /// An expression for the id below which every transaction has ended, as seen by the snapshot of the statement.
    ///
    /// Rows written by transactions below it are complete: no more will appear. On SQLite ids are commit order and
    /// the expression is greater than every id. PostgreSQL counts the transactions of all databases of the server: one
    /// that is left open anywhere holds the expression back.
    package var oldestOpenTransactionID: String {
        switch self {
        case .sqlite: "9223372036854775807"
        case .postgres: "(pg_snapshot_xmin(pg_current_snapshot())::text::bigint)"
        }
    }

    /// A suffix of SELECT that keeps the rows found from being changed until the transaction ends.
    package var forShare: String {
        switch self {
        case .sqlite: ""
        case .postgres: " FOR SHARE"
        }
    }

    /// A suffix of SELECT that reserves the rows found for this transaction.
    package var forUpdate: String {
        switch self {
        case .sqlite: ""
        case .postgres: " FOR UPDATE"
        }
    }

    /// Replaces the `{{…}}` placeholders and the type names that mean something else elsewhere: INTEGER has 64 bits
    /// and REAL is double precision on both.
    ///
    /// - `{{ID}}`: the column definition of a primary key that the database numbers
    /// - `{{BLOB}}`: bytes
    /// - `{{XID}}`: the column definition for the id of the transaction that inserted the row, filled in by default
    /// - `{{NOW_XID}}`: the id of the current transaction
    /// - `{{NOW_MS}}`: the database's clock in milliseconds
    package func expand(_ sql: String) -> String {
        var text = self == .postgres ? SQLText.replacingWords(in: sql, with: Self.postgresTypes) : sql
        for (placeholder, replacement) in placeholders where text.contains(placeholder) {
            text = text.split(separator: placeholder, omittingEmptySubsequences: false).joined(separator: replacement)
        }
        return text
    }

    private static let postgresTypes = ["INTEGER": "BIGINT", "REAL": "DOUBLE PRECISION"]

    private var placeholders: [(String, String)] {
        switch self {
        case .sqlite:
            [
                ("{{ID}}", "INTEGER PRIMARY KEY AUTOINCREMENT"), ("{{BLOB}}", "BLOB"),
                ("{{XID}}", "INTEGER NOT NULL DEFAULT 0"), ("{{NOW_XID}}", currentTransactionID),
                ("{{NOW_MS}}", "(\(nowMilliseconds))"),
            ]
        case .postgres:
            [
                ("{{ID}}", "BIGSERIAL PRIMARY KEY"), ("{{BLOB}}", "BYTEA"),
                ("{{XID}}", "BIGINT NOT NULL DEFAULT \(currentTransactionID)"), ("{{NOW_XID}}", currentTransactionID),
                ("{{NOW_MS}}", "(\(nowMilliseconds))"),
            ]
        }
    }
}
