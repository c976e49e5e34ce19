import Database

/// Tables of policies, activations and entities. Numbers 1 to 19; `RoleMigrations` has 20 to 39.
enum PolicyMigrations {
    static let policies: [Migration] = [
        Migration(
            number: 1, name: "counters",
            sql: [
                "CREATE TABLE counters (name TEXT PRIMARY KEY, value INTEGER NOT NULL)",
                "INSERT INTO counters (name, value) VALUES ('version', 0), ('activation', 0), ('entities', 0)",
            ]),
        Migration(
            number: 2, name: "policy versions",
            sql: [
                """
                CREATE TABLE policy_versions (
                    version INTEGER PRIMARY KEY,
                    digest TEXT NOT NULL,
                    content TEXT NOT NULL,
                    author TEXT,
                    reason TEXT NOT NULL,
                    created_at INTEGER NOT NULL,
                    base_version INTEGER
                )
                """
            ]),
        Migration(
            number: 3, name: "policy activations",
            sql: [
                """
                CREATE TABLE policy_activations (
                    id {{ID}},
                    version INTEGER NOT NULL,
                    kind TEXT NOT NULL,
                    state TEXT NOT NULL,
                    sequence INTEGER UNIQUE,
                    proposed_by TEXT,
                    decided_by TEXT,
                    reason TEXT NOT NULL,
                    proposed_at INTEGER NOT NULL,
                    decided_at INTEGER
                )
                """,
                "CREATE TABLE policy_shadow (id INTEGER PRIMARY KEY, version INTEGER NOT NULL, actor TEXT, at INTEGER NOT NULL)",
            ]),
        Migration(
            number: 4, name: "entities",
            sql: [
                """
                CREATE TABLE entities (
                    type TEXT NOT NULL,
                    id TEXT NOT NULL,
                    document TEXT NOT NULL,
                    changed_sequence INTEGER NOT NULL,
                    PRIMARY KEY (type, id)
                )
                """,
                """
                CREATE TABLE entity_changes (
                    sequence INTEGER PRIMARY KEY,
                    body TEXT NOT NULL,
                    actor TEXT,
                    at INTEGER NOT NULL
                )
                """,
            ]),
        Migration(
            number: 5, name: "keys of statements",
            sql: [
                """
                CREATE TABLE statement_keys (
                    kid TEXT PRIMARY KEY,
                    sealed {{BLOB}} NOT NULL,
                    public_jwk TEXT NOT NULL,
                    created_at INTEGER NOT NULL
                )
                """
            ]),
        Migration(
            number: 6, name: "reports about the shadow set",
            sql: [
                """
                CREATE TABLE shadow_reports (
                    reporter TEXT PRIMARY KEY,
                    active_sequence INTEGER NOT NULL,
                    shadow_version INTEGER NOT NULL,
                    document TEXT NOT NULL,
                    at INTEGER NOT NULL
                )
                """
            ]),
        Migration(
            number: 7, name: "rotation of keys of statements",
            sql: [
                "ALTER TABLE statement_keys ADD COLUMN activates_at INTEGER NOT NULL DEFAULT 0",
                "ALTER TABLE statement_keys ADD COLUMN revoked_at INTEGER",
                "ALTER TABLE statement_keys ADD COLUMN told TEXT NOT NULL DEFAULT 'active'",
                "UPDATE statement_keys SET activates_at = created_at",
            ]),
    ]

    static let all = policies
}

/// Numbers that rise by one, given out in the transaction that uses them: on PostgreSQL the row is locked until then, so
/// that a higher number is never committed before a lower one.
enum Counters {
    static func next(_ name: String, _ connection: any SQLConnection) throws -> Int64 {
        _ = try connection.execute("UPDATE counters SET value = value + 1 WHERE name = ?", [.text(name)])
        return try current(name, connection)
    }

    static func current(_ name: String, _ connection: any SQLConnection) throws -> Int64 {
        guard let row = try connection.query("SELECT value FROM counters WHERE name = ?", [.text(name)]).first else {
            throw DatabaseError.sql("the counter \(name) is missing")
        }
        return try row.int("value")
    }
}
