import Database

/// Tables of roles, of who was given them, and of who asked for them. Numbers 20 to 39.
enum RoleMigrations {
    static let all: [Migration] = [
        Migration(
            number: 20, name: "role catalogue",
            sql: [
                "INSERT INTO counters (name, value) VALUES ('roles', 0)",
                """
                CREATE TABLE role_catalogue (
                    id INTEGER PRIMARY KEY,
                    document TEXT NOT NULL,
                    changed_sequence INTEGER NOT NULL,
                    changed_by TEXT,
                    changed_at INTEGER NOT NULL
                )
                """,
            ]),
        Migration(
            number: 21, name: "role assignments",
            sql: [
                """
                CREATE TABLE role_assignments (
                    id {{ID}},
                    subject TEXT NOT NULL,
                    role TEXT NOT NULL,
                    scope_type TEXT,
                    scope_id TEXT,
                    starts_at INTEGER,
                    ends_at INTEGER,
                    state TEXT NOT NULL,
                    elevation INTEGER,
                    reason TEXT NOT NULL,
                    created_by TEXT,
                    created_at INTEGER NOT NULL,
                    ended_by TEXT,
                    ended_at INTEGER,
                    end_reason TEXT,
                    changed_sequence INTEGER NOT NULL
                )
                """,
                "CREATE INDEX role_assignments_of_subject ON role_assignments (subject, state)",
                "CREATE INDEX role_assignments_of_role ON role_assignments (role, state)",
                "CREATE INDEX role_assignments_changed ON role_assignments (changed_sequence)",
                "CREATE INDEX role_assignments_ending ON role_assignments (state, ends_at)",
            ]),
        Migration(
            number: 22, name: "role elevations",
            sql: [
                """
                CREATE TABLE role_elevations (
                    id {{ID}},
                    subject TEXT NOT NULL,
                    role TEXT NOT NULL,
                    scope_type TEXT,
                    scope_id TEXT,
                    duration INTEGER NOT NULL,
                    reason TEXT NOT NULL,
                    state TEXT NOT NULL,
                    requested_at INTEGER NOT NULL,
                    lapses_at INTEGER NOT NULL,
                    decided_by TEXT,
                    decided_at INTEGER,
                    decision_reason TEXT,
                    ends_at INTEGER,
                    ended_by TEXT,
                    ended_at INTEGER,
                    assignment INTEGER
                )
                """,
                "CREATE INDEX role_elevations_of_subject ON role_elevations (subject, state)",
                "CREATE INDEX role_elevations_lapsing ON role_elevations (state, lapses_at)",
            ]),
    ]
}
