import Database

/// Tables of people, their factors and service accounts. Numbers 1 to 19; `SigningMigrations` has those after.
enum PeopleMigrations {
    static let all: [Migration] = [
        Migration(
            number: 1, name: "users",
            sql: [
                """
                CREATE TABLE users (
                    id TEXT PRIMARY KEY,
                    username TEXT NOT NULL,
                    username_key TEXT NOT NULL UNIQUE,
                    email TEXT,
                    status TEXT NOT NULL,
                    roles TEXT NOT NULL,
                    attributes TEXT NOT NULL,
                    password_hash TEXT,
                    password_short INTEGER NOT NULL DEFAULT 0,
                    password_expires_at INTEGER,
                    must_change_password INTEGER NOT NULL DEFAULT 0,
                    must_enrol INTEGER NOT NULL DEFAULT 0,
                    enrolment_forced INTEGER NOT NULL DEFAULT 0,
                    tokens_void_before INTEGER NOT NULL DEFAULT 0,
                    created_at INTEGER NOT NULL,
                    updated_at INTEGER NOT NULL
                )
                """
            ]),
        Migration(
            number: 2, name: "second factors",
            sql: [
                """
                CREATE TABLE totp_factors (
                    user_id TEXT PRIMARY KEY REFERENCES users (id),
                    secret {{BLOB}} NOT NULL,
                    algorithm TEXT NOT NULL,
                    digits INTEGER NOT NULL,
                    last_step INTEGER NOT NULL,
                    confirmed_at INTEGER NOT NULL
                )
                """,
                """
                CREATE TABLE totp_pending (
                    user_id TEXT PRIMARY KEY REFERENCES users (id),
                    id TEXT NOT NULL,
                    secret {{BLOB}} NOT NULL,
                    algorithm TEXT NOT NULL,
                    digits INTEGER NOT NULL,
                    expires_at INTEGER NOT NULL
                )
                """,
                """
                CREATE TABLE recovery_codes (
                    user_id TEXT NOT NULL REFERENCES users (id),
                    digest {{BLOB}} NOT NULL,
                    used_at INTEGER,
                    PRIMARY KEY (user_id, digest)
                )
                """,
            ]),
        Migration(
            number: 3, name: "account recovery",
            sql: [
                """
                CREATE TABLE recovery_requests (
                    id TEXT PRIMARY KEY,
                    user_id TEXT NOT NULL REFERENCES users (id),
                    kind TEXT NOT NULL,
                    status TEXT NOT NULL,
                    requested_by TEXT NOT NULL,
                    requested_at INTEGER NOT NULL,
                    expires_at INTEGER NOT NULL,
                    decided_by TEXT,
                    decided_at INTEGER
                )
                """,
                "CREATE INDEX recovery_requests_user ON recovery_requests (user_id, status)",
            ]),
        Migration(
            number: 4, name: "service accounts",
            sql: [
                """
                CREATE TABLE service_accounts (
                    id TEXT PRIMARY KEY,
                    client_id TEXT NOT NULL UNIQUE,
                    name TEXT NOT NULL,
                    status TEXT NOT NULL,
                    roles TEXT NOT NULL,
                    permissions TEXT NOT NULL,
                    jwks TEXT NOT NULL,
                    tokens_void_before INTEGER NOT NULL DEFAULT 0,
                    created_at INTEGER NOT NULL,
                    updated_at INTEGER NOT NULL
                )
                """,
                """
                CREATE TABLE service_account_secrets (
                    id TEXT PRIMARY KEY,
                    account_id TEXT NOT NULL REFERENCES service_accounts (id),
                    digest {{BLOB}} NOT NULL,
                    created_at INTEGER NOT NULL
                )
                """,
                "CREATE INDEX service_account_secrets_account ON service_account_secrets (account_id)",
            ]),
    ]
}
