/// A database on which one process at a time can change the schema.
protocol MigrationHost {
    /// One transaction that excludes every other `migrate`, in this process and elsewhere, with time to spare.
    func migrate<T: Sendable>(
        _ body: @escaping @Sendable (any SQLConnection) throws -> T
    ) async throws(DatabaseError) -> T
}

/// Brings a schema up to date, once, however many replicas start together.
package enum Migrator {
    /// Applies what is missing of `migrations`, in the order of their numbers and in one transaction: all or nothing.
    ///
    /// Numbers are per component. Migrations that a newer program has applied are left alone, so that an older replica
    /// can still start during a roll-out. Also creates the table of leases.
    /// - Throws: `.migration` when an applied migration's text has changed, or a number occurs twice.
    package static func run(
        _ migrations: [Migration], component: String, on database: any Database
    ) async throws(DatabaseError) {
        let ordered = migrations.sorted { $0.number < $1.number }
        for (first, second) in zip(ordered, ordered.dropFirst()) where first.number == second.number {
            throw .migration("\(component) has two migrations \(first.number)")
        }
        guard let host = database as? any MigrationHost else { throw .migration("this database has no lock") }
        try await host.migrate { connection in
            for statement in bookkeeping { try connection.execute(connection.dialect.expand(statement)) }
            try apply(ordered, component: component, connection)
        }
    }

    private static func apply(
        _ migrations: [Migration], component: String, _ connection: any SQLConnection
    ) throws {
        let rows = try connection.query(
            "SELECT number, checksum FROM schema_migrations WHERE component = ?", [.text(component)])
        var applied: [Int64: String] = [:]
        for row in rows { applied[try row.int("number")] = try row.text("checksum") }
        for migration in migrations {
            if let checksum = applied[Int64(migration.number)] {
                guard checksum == migration.checksum else {
                    throw DatabaseError.migration(
                        "\(component) \(migration.number) (\(migration.name)) was changed after it had been applied")
                }
                continue
            }
            for statement in migration.statements(for: connection.dialect) { try connection.execute(statement) }
            try connection.execute(
                """
                INSERT INTO schema_migrations (component, number, name, checksum, applied_at)
                VALUES (?, ?, ?, ?, \(connection.dialect.nowMilliseconds))
                """,
                [
                    .text(component), .int(Int64(migration.number)), .text(migration.name),
                    .text(migration.checksum),
                ])
        }
    }

    private static let bookkeeping = [
        """
        CREATE TABLE IF NOT EXISTS schema_migrations (
            component TEXT NOT NULL,
            number INTEGER NOT NULL,
            name TEXT NOT NULL,
            checksum TEXT NOT NULL,
            applied_at INTEGER NOT NULL,
            PRIMARY KEY (component, number)
        )
        """,
        """
        CREATE TABLE IF NOT EXISTS leases (
            name TEXT PRIMARY KEY,
            holder TEXT NOT NULL,
            fence INTEGER NOT NULL,
            expires_at INTEGER NOT NULL
        )
        """,
    ]
}
