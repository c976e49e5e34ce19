import Database

/// Tables of signing keys and revocations. Numbers 20 to 39; `PeopleMigrations` has those before.
enum SigningMigrations {
    static let all: [Migration] = [
        Migration(
            number: 20, name: "signing keys",
            sql: [
                """
                CREATE TABLE signing_keys (
                    kid TEXT PRIMARY KEY,
                    algorithm TEXT NOT NULL,
                    sealed {{BLOB}} NOT NULL,
                    public_jwk TEXT NOT NULL,
                    announced_at INTEGER NOT NULL,
                    activates_at INTEGER NOT NULL,
                    revoked_at INTEGER
                )
                """
            ]),
        Migration(
            number: 21, name: "revocations",
            sql: [
                """
                CREATE TABLE revocations (
                    id {{ID}},
                    kind TEXT NOT NULL,
                    target TEXT NOT NULL,
                    subject TEXT,
                    effect TEXT,
                    void_before INTEGER,
                    reason TEXT NOT NULL,
                    actor TEXT,
                    at INTEGER NOT NULL,
                    expires_at INTEGER NOT NULL
                )
                """,
                "CREATE INDEX revocations_target ON revocations (target, kind)",
                "CREATE INDEX revocations_at ON revocations (at)",
            ]),
        Migration(
            number: 22, name: "session epoch of users",
            sql: ["ALTER TABLE users ADD COLUMN session_epoch INTEGER NOT NULL DEFAULT 0"]),
        Migration(
            number: 23, name: "what was told of signing keys",
            sql: ["ALTER TABLE signing_keys ADD COLUMN told TEXT NOT NULL DEFAULT 'announced'"]),
    ]
}
