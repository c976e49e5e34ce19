/// A relational database: SQLite in a file, or a PostgreSQL server. The same SQL text runs on both.
///
/// What holds on both, so that what is tested on one is true of the other:
/// - A write is one serialisable transaction; it is durable before `write` returns.
/// - A failed statement dooms its transaction: later statements throw, and nothing commits, even when the body swallows
///   the error. (`INSERT … ON CONFLICT DO NOTHING` does not fail.)
/// - Waiting is bounded: by a queue of limited length and by time; beyond either, `DatabaseError.busy`.
package protocol Database: Sendable {
    var dialect: SQLDialect { get }

    /// Runs `body` on one snapshot of the data, read-only.
    ///
    /// The body runs on the database's own thread and may block there.
    func read<T: Sendable>(
        _ body: @escaping @Sendable (any SQLConnection) throws -> T
    ) async throws(DatabaseError) -> T

    /// Runs `body` in one transaction, durable before this returns, and rolled back when anything throws.
    ///
    /// The body may run more than once: PostgreSQL asks for a repetition when transactions collide. It must not do
    /// anything outside the database that cannot be repeated.
    @discardableResult
    func write<T: Sendable>(
        _ body: @escaping @Sendable (any SQLConnection) throws -> T
    ) async throws(DatabaseError) -> T

    /// Lets what runs finish, refuses what waits, and closes every connection.
    func shutdown() async

    /// What the pool of connections is doing, for metrics.
    var statistics: DatabaseStatistics { get }
}

/// What a transaction's body may do. Valid only inside the body.
package protocol SQLConnection {
    var dialect: SQLDialect { get }

    /// Runs one statement with `?` placeholders and returns its rows.
    func query(_ sql: String, _ arguments: [SQLValue]) throws -> [SQLRow]

    /// Runs one statement and returns the number of rows it inserted, updated or deleted.
    @discardableResult
    func execute(_ sql: String, _ arguments: [SQLValue]) throws -> Int
}

extension SQLConnection {
    package func query(_ sql: String) throws -> [SQLRow] { try query(sql, []) }

    @discardableResult
    package func execute(_ sql: String) throws -> Int { try execute(sql, []) }
}

extension Database {
    /// One read-only statement on a snapshot of its own.
    package func query(_ sql: String, _ arguments: [SQLValue] = []) async throws(DatabaseError) -> [SQLRow] {
        try await read { try $0.query(sql, arguments) }
    }

    /// One changing statement in a transaction of its own; returns the number of rows changed.
    @discardableResult
    package func execute(_ sql: String, _ arguments: [SQLValue] = []) async throws(DatabaseError) -> Int {
        try await write { try $0.execute(sql, arguments) }
    }

    /// Asks the database for a sign of life.
    package func ping() async throws(DatabaseError) {
        _ = try await query("SELECT 1")
    }

    package var statistics: DatabaseStatistics { DatabaseStatistics() }
}

/// What a database's pool is doing at one moment.
package struct DatabaseStatistics: Sendable, Equatable {
    /// Connections the pool may open.
    package var limit = 0
    /// Transactions that run.
    package var active = 0
    /// Transactions that wait for a connection.
    package var waiting = 0

    package init(limit: Int = 0, active: Int = 0, waiting: Int = 0) {
        self.limit = limit
        self.active = active
        self.waiting = waiting
    }
}
