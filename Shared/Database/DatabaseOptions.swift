/// The bounds within which a database works.
package struct DatabaseOptions: Sendable {
    /// Connections at most: PostgreSQL sessions, or SQLite readers.
    package var maxConnections = 8
    /// Transactions that may wait for a connection; one more is refused as busy.
    package var maxWaiting = 256
    /// How long a transaction may wait for a connection.
    package var waitTimeout = Duration.seconds(2)
    /// How long one statement may take (PostgreSQL).
    package var statementTimeout = Duration.seconds(5)
    /// How long connecting may take (PostgreSQL).
    package var connectTimeout = Duration.seconds(3)
    /// How long SQLite waits for another process' lock, and how long colliding PostgreSQL transactions are repeated.
    package var busyTimeout = Duration.seconds(5)
    /// What the server shows as the name of the client (PostgreSQL).
    package var applicationName = "jts"

    package init() {}
}

extension Duration {
    var inSeconds: Double { Double(components.seconds) + Double(components.attoseconds) * 1e-18 }
    var inMilliseconds: Int64 { components.seconds * 1_000 + components.attoseconds / 1_000_000_000_000_000 }
}
