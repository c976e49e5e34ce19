import CPostgres
import Foundation
import Logging
import Synchronization

/// PostgreSQL through libpq: a bounded pool of sessions, each on a thread of its own.
///
/// Writes are SERIALIZABLE, so that code proven on SQLite, where writers come one after the other, means the same
/// here; what collides (40001, 40P01) is repeated for a bounded time. Reads are REPEATABLE READ READ ONLY: one snapshot,
/// never a collision. A session that was cut is replaced by the next transaction; while the server is away,
/// attempts are spaced by a growing, random delay, and everything between them fails at once.
final class PostgresDatabase: Database, Sendable {
    let dialect = SQLDialect.postgres
    private let uri: String
    private let options: DatabaseOptions
    private let pool: WorkerPool<PostgresConnection>
    private let gate: ConnectGate
    /// Transactions that collided more than once take turns.
    private let turn = NSLock()

    init(uri: String, options: DatabaseOptions, logger: Logger) throws(DatabaseError) {
        // libpq's own message may repeat parts of the URL.
        guard let parsed = PQconninfoParse(uri, nil) else { throw .configuration("the URL is not a PostgreSQL URI") }
        PQconninfoFree(parsed)
        self.uri = uri
        self.options = options
        gate = ConnectGate(logger: logger)
        pool = WorkerPool(
            label: "postgres", limit: options.maxConnections, maxWaiting: options.maxWaiting,
            waitTimeout: options.waitTimeout)
    }

    var statistics: DatabaseStatistics { pool.statistics }

    func read<T: Sendable>(
        _ body: @escaping @Sendable (any SQLConnection) throws -> T
    ) async throws(DatabaseError) -> T {
        try await pool.run { self.transact(&$0, begin: "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", body) }
    }

    func write<T: Sendable>(
        _ body: @escaping @Sendable (any SQLConnection) throws -> T
    ) async throws(DatabaseError) -> T {
        try await pool.run { self.transact(&$0, begin: "BEGIN ISOLATION LEVEL SERIALIZABLE READ WRITE", body) }
    }

    func shutdown() async { await pool.shutdown() }

    // MARK: - Transactions

    private enum Attempt<T> {
        case done(Result<T, DatabaseError>)
        /// Nothing was changed and it may be tried again; the error counts when there is no time left.
        case again(DatabaseError)
    }

    private func transact<T>(
        _ slot: inout PostgresConnection?, begin: String, _ body: (any SQLConnection) throws -> T
    ) -> Result<T, DatabaseError> {
        let deadline = ContinuousClock.now + options.busyTimeout
        var failures: UInt32 = 0
        while true {
            let hasTurn = failures > 1 && turn.lock(before: Date(timeIntervalSinceNow: 0.25))
            let attempt = attempt(&slot, begin: begin, body)
            if hasTurn { turn.unlock() }
            switch attempt {
            case .done(let result): return result
            case .again(let error):
                failures += 1
                if ContinuousClock.now >= deadline { return .failure(error) }
                usleep(UInt32.random(in: 200...1_000) << min(failures, 5))
            }
        }
    }

    private func attempt<T>(
        _ slot: inout PostgresConnection?, begin: String, _ body: (any SQLConnection) throws -> T
    ) -> Attempt<T> {
        let connection: PostgresConnection
        do throws(DatabaseError) {
            connection = try opened(&slot, begin)
        } catch {
            return .done(.failure(error))
        }
        let transaction = TransactionConnection(dialect: .postgres, runner: connection)
        let result = transaction.perform(body)
        guard case .success = result else {
            end(&slot, connection, after: transaction.failure)
            if let failure = transaction.failure, failure.mayRepeat { return .again(failure.error) }
            return .done(result)
        }
        do throws(StatementFailure) {
            guard try connection.command("COMMIT") == "COMMIT" else {
                return .done(.failure(.sql("the server rolled the transaction back")))
            }
            return .done(result)
        } catch {
            if !connection.isUsable || connection.isAbandoned { slot = nil }
            // The server may have committed before it fell silent, or before it was told to stop.
            if slot == nil || error.connectionLost { return .done(.failure(.outcomeUnknown("\(error.error)"))) }
            end(&slot, connection, after: error)
            return error.mayRepeat ? .again(error.error) : .done(.failure(error.error))
        }
    }

    /// A session in a new transaction. One that was cut while it was idle shows here, and is replaced once.
    private func opened(
        _ slot: inout PostgresConnection?, _ begin: String
    ) throws(DatabaseError) -> PostgresConnection {
        if let connection = slot {
            do throws(StatementFailure) {
                try connection.command(begin)
                return connection
            } catch {
                slot = nil
                // A server that does not answer will not answer to a new session either.
                if case .timeout = error.error { throw error.error }
            }
        }
        let connection = try gate.connect { () throws(StatementFailure) -> PostgresConnection in
            let connection = try PostgresConnection(uri: uri, options: options)
            try connection.command(begin)
            return connection
        }
        slot = connection
        return connection
    }

    /// Rolls back, or lets go of a session whose state is not known.
    private func end(
        _ slot: inout PostgresConnection?, _ connection: PostgresConnection, after failure: StatementFailure?
    ) {
        guard connection.isUsable, !connection.isAbandoned, failure?.connectionLost != true else {
            slot = nil
            return
        }
        do throws(StatementFailure) {
            try connection.command("ROLLBACK")
            // A plan or a prepared statement may be the reason.
            if let failure, failure.mayRepeat, !failure.isCollision { try connection.forgetPrepared() }
        } catch {
            slot = nil
        }
    }
}

extension PostgresDatabase: MigrationHost {
    /// The key of the advisory lock under which schemas are changed: "jtsmigra" in ASCII.
    private static let migrationLock: Int64 = 0x6A74_736D_6967_7261
    private static let migrationTimeout = Duration.seconds(600)

    /// READ COMMITTED, for a snapshot taken before the lock was granted would not show what the last holder did.
    func migrate<T: Sendable>(
        _ body: @escaping @Sendable (any SQLConnection) throws -> T
    ) async throws(DatabaseError) -> T {
        try await pool.run { slot in
            let result = self.transact(&slot, begin: "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE") { connection in
                let session = (connection as? TransactionConnection)?.session
                session?.timeoutOverride = Self.migrationTimeout
                defer { session?.timeoutOverride = nil }
                for setting in ["statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout"] {
                    try connection.execute("SET LOCAL \(setting) = \(Self.migrationTimeout.inMilliseconds)")
                }
                _ = try connection.query("SELECT pg_advisory_xact_lock(?)", [.int(Self.migrationLock)])
                return try body(connection)
            }
            return result
        }
    }
}

extension TransactionConnection {
    fileprivate var session: PostgresConnection? { runner as? PostgresConnection }
}

/// Spaces attempts to connect, for all sessions of a pool, while a server is away.
private final class ConnectGate: Sendable {
    private struct State {
        var failures = 0
        var notBefore = ContinuousClock.now
        var lastError = ""
    }

    private let state = Mutex(State())
    private let logger: Logger

    init(logger: Logger) { self.logger = logger }

    func connect(
        _ open: () throws(StatementFailure) -> PostgresConnection
    ) throws(DatabaseError) -> PostgresConnection {
        let waiting = state.withLock { state in
            state.failures > 0 && ContinuousClock.now < state.notBefore ? state.lastError : nil
        }
        if let waiting { throw .unavailable(waiting) }
        do throws(StatementFailure) {
            let connection = try open()
            succeeded()
            return connection
        } catch {
            failed("\(error.error)")
            if case .configuration = error.error { throw error.error }
            throw .unavailable("\(error.error)")
        }
    }

    private func succeeded() {
        let failures = state.withLock { state in
            defer { state.failures = 0 }
            return state.failures
        }
        if failures > 0 { logger.notice("PostgreSQL is back", metadata: ["attempts": "\(failures + 1)"]) }
    }

    /// 25 ms doubling to 1.6 s, each spread by half.
    private func failed(_ text: String) {
        let isFirst = state.withLock { state in
            state.failures += 1
            let delay = 25 << min(state.failures - 1, 6)
            state.notBefore = .now + .milliseconds(Int.random(in: delay / 2...delay))
            state.lastError = text
            return state.failures == 1
        }
        if isFirst { logger.warning("PostgreSQL cannot be reached", metadata: ["error": "\(text)"]) }
    }
}
