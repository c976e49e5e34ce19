import Dispatch
import Foundation
import GRDB
import Logging

/// SQLite: write-ahead log, every commit synchronised to the disk, readers that do not block the writer.
///
/// Writes go through GRDB, one after the other; reads through connections of their own. Several processes may share the
/// file. What blocks runs on the threads of two bounded pools.
final class SQLiteDatabase: Database, Sendable {
    let dialect = SQLDialect.sqlite
    private let pool: DatabasePool
    private let path: String
    private let options: DatabaseOptions
    private let readers: WorkerPool<SQLiteReader>
    private let writer: WorkerPool<Void>

    /// Opens or creates the file, readable by its owner alone. Blocks.
    init(path: String, options: DatabaseOptions, logger: Logger) throws(DatabaseError) {
        try SQLiteFile.prepare(path)
        self.path = path
        self.options = options
        var configuration = Configuration()
        configuration.busyMode = .timeout(options.busyTimeout.inSeconds)
        configuration.foreignKeysEnabled = true
        configuration.label = "sqlite"
        do {
            pool = try SQLiteFile.open(path, configuration, patience: options.busyTimeout)
            // GRDB relaxes this to NORMAL when it turns the write-ahead log on; an acknowledged write must last.
            try pool.writeWithoutTransaction { try $0.execute(sql: "PRAGMA synchronous = FULL") }
        } catch {
            throw SQLiteFailure.map(error).error
        }
        readers = WorkerPool(
            label: "sqlite.read", limit: options.maxConnections, maxWaiting: options.maxWaiting,
            waitTimeout: options.waitTimeout)
        writer = WorkerPool(
            label: "sqlite.write", limit: 1, maxWaiting: options.maxWaiting, waitTimeout: options.waitTimeout)
        logger.debug("SQLite opened", metadata: ["path": "\(path)"])
    }

    var statistics: DatabaseStatistics {
        let (read, write) = (readers.statistics, writer.statistics)
        return DatabaseStatistics(
            limit: read.limit + write.limit, active: read.active + write.active, waiting: read.waiting + write.waiting)
    }

    func read<T: Sendable>(
        _ body: @escaping @Sendable (any SQLConnection) throws -> T
    ) async throws(DatabaseError) -> T {
        try await readers.run { [path, options] slot in
            do throws(StatementFailure) {
                let reader = if let slot { slot } else { try SQLiteReader(path: path, options: options) }
                slot = reader
                let result = reader.transact(body)
                // Whatever is wrong with the file may be wrong with the connection alone.
                if case .failure(.unavailable) = result { slot = nil }
                return result
            } catch { return .failure(error.error) }
        }
    }

    func write<T: Sendable>(
        _ body: @escaping @Sendable (any SQLConnection) throws -> T
    ) async throws(DatabaseError) -> T {
        try await writer.run { [pool] _ in
            pool.writeWithoutTransaction { SQLiteDatabase.transact($0, body) }
        }
    }

    func shutdown() async {
        await readers.shutdown()
        await writer.shutdown()
        // Fails only when statements are still open, and then the process' end closes the file just as well.
        try? pool.close()
    }

    private static func transact<T>(
        _ db: GRDB.Database, _ body: (any SQLConnection) throws -> T
    ) -> Result<T, DatabaseError> {
        do {
            try db.beginTransaction(.immediate)
        } catch {
            return .failure(SQLiteFailure.map(error).error)
        }
        let result = TransactionConnection(dialect: .sqlite, runner: SQLiteRunner(db)).perform(body)
        if case .success = result {
            do {
                try db.commit()
                return result
            } catch {
                rollBack(db)
                return .failure(SQLiteFailure.mapCommit(error))
            }
        }
        rollBack(db)
        return result
    }

    /// SQLite has rolled back by itself after some failures (a full disk, an I/O error).
    private static func rollBack(_ db: GRDB.Database) {
        if db.isInsideTransaction { try? db.rollback() }
    }
}

extension SQLiteDatabase: MigrationHost {
    func migrate<T: Sendable>(
        _ body: @escaping @Sendable (any SQLConnection) throws -> T
    ) async throws(DatabaseError) -> T {
        // BEGIN IMMEDIATE is SQLite's lock over all processes; others may hold it for as long as a migration takes.
        let patience = ContinuousClock.now + .seconds(60)
        while true {
            do throws(DatabaseError) {
                return try await write(body)
            } catch {
                guard case .busy = error, ContinuousClock.now < patience else { throw error }
            }
        }
    }
}

/// Runs statements on the open transaction of a GRDB connection.
private struct SQLiteRunner: StatementRunner {
    let db: GRDB.Database

    init(_ db: GRDB.Database) { self.db = db }

    func run(_ sql: String, _ arguments: [SQLValue]) throws(StatementFailure) -> StatementResult {
        do {
            let statement = try db.cachedStatement(sql: sql)
            try statement.setArguments(StatementArguments(arguments.map(\.databaseValue)))
            let before = db.totalChangesCount
            var result = StatementResult()
            if statement.columnCount == 0 {
                try statement.execute()
            } else {
                result.columns = SQLColumns(statement.columnNames)
                let rows = try Row.fetchCursor(statement)
                while let row = try rows.next() { result.rows.append(row.databaseValues.map(SQLValue.init)) }
            }
            // `changesCount` keeps the count of an earlier statement when this one changed nothing; the total, on the
            // other hand, counts what foreign keys did as well.
            result.changes = db.totalChangesCount == before ? 0 : db.changesCount
            return result
        } catch {
            throw SQLiteFailure.map(error)
        }
    }
}

extension SQLValue {
    fileprivate var databaseValue: DatabaseValue {
        switch self {
        case .null: .null
        case .int(let number): number.databaseValue
        case .real(let number): number.databaseValue
        case .text(let text): text.databaseValue
        case .blob(let bytes): Data(bytes).databaseValue
        }
    }

    fileprivate init(_ value: DatabaseValue) {
        switch value.storage {
        case .null: self = .null
        case .int64(let number): self = .int(number)
        case .double(let number): self = .real(number)
        case .string(let text): self = .text(text)
        case .blob(let data): self = .blob([UInt8](data))
        }
    }
}
