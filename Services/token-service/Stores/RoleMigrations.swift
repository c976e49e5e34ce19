import Database

/// What is kept of policy-service's roles. Numbers 40 to 59; `SigningMigrations` has those before.
enum RoleMigrations {
    static let all: [Migration] = [
        Migration(
            number: 40, name: "roles of policy-service",
            sql: [
                // Beside the account: the one row that every sign-in, step-up and refresh reads has it.
                "ALTER TABLE users ADD COLUMN assigned_roles TEXT NOT NULL DEFAULT '[]'",
                "CREATE INDEX users_assigned ON users (id) WHERE assigned_roles <> '[]'",
                """
                CREATE TABLE role_follow (
                    id INTEGER PRIMARY KEY,
                    sequence INTEGER NOT NULL,
                    catalogue_sequence INTEGER NOT NULL,
                    catalogue TEXT
                )
                """,
                "INSERT INTO role_follow (id, sequence, catalogue_sequence, catalogue) VALUES (1, -1, -1, NULL)",
            ])
    ]
}
