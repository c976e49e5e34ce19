import GRDB
import GRDBSQLite

/// A connection for reading, spoken to without GRDB: a hot endpoint waits for such a read, and the transaction, access
/// check and conversions that GRDB puts around it cost several times what SQLite takes. Statements stay prepared.
///
/// To be used by one thread at a time.
final class SQLiteReader {
    private let connection: OpaquePointer
    private var statements: [String: Statement] = [:]
    /// Apart from the statements, among which a body may look for its own.
    private var begin: Statement?
    private var end: Statement?
    private static let statementLimit = 256

    init(path: String, options: DatabaseOptions) throws(StatementFailure) {
        var opened: OpaquePointer?
        let code = sqlite3_open_v2(path, &opened, SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX, nil)
        guard code == SQLITE_OK, let opened else {
            let failure = SQLiteReader.failure(opened, code)
            sqlite3_close_v2(opened)
            throw failure
        }
        connection = opened
        sqlite3_extended_result_codes(connection, 1)
        sqlite3_busy_timeout(connection, Int32(clamping: options.busyTimeout.inMilliseconds))
        // As GRDB has it for the connection that writes: a misspelt name is an error and no text.
        _disableDoubleQuotedStringLiterals(connection)
    }

    deinit {
        (statements, begin, end) = ([:], nil, nil)
        sqlite3_close_v2(connection)
    }

    /// Runs `body` on one snapshot of the data.
    func transact<T>(_ body: (any SQLConnection) throws -> T) -> Result<T, DatabaseError> {
        do throws(StatementFailure) {
            try control(&begin, "BEGIN DEFERRED TRANSACTION")
            let result = TransactionConnection(dialect: .sqlite, runner: self).perform(body)
            // SQLite has ended the transaction by itself after some failures.
            if sqlite3_get_autocommit(connection) == 0 { try control(&end, "COMMIT") }
            return result
        } catch { return .failure(error.error) }
    }

    private func control(_ slot: inout Statement?, _ sql: String) throws(StatementFailure) {
        let statement = if let slot { slot } else { try prepare(sql) }
        slot = statement
        _ = try run(statement, [])
    }

    private static func failure(_ connection: OpaquePointer?, _ code: Int32) -> StatementFailure {
        let code = connection.map(sqlite3_extended_errcode) ?? code
        let message = connection.flatMap(sqlite3_errmsg).map { String(cString: $0) }
        return SQLiteFailure.map(GRDB.DatabaseError(resultCode: ResultCode(rawValue: code), message: message))
    }
}

extension SQLiteReader: StatementRunner {
    func isPrepared(_ sql: String) -> Bool { statements[sql] != nil }

    func run(_ sql: String, _ arguments: [SQLValue]) throws(StatementFailure) -> StatementResult {
        if let known = statements[sql] { return try run(known, arguments) }
        let statement = try prepare(sql)
        if statements.count >= SQLiteReader.statementLimit { statements = [:] }
        statements[sql] = statement
        return try run(statement, arguments)
    }

    private func run(
        _ statement: Statement, _ arguments: [SQLValue]
    ) throws(StatementFailure) -> StatementResult {
        defer { statement.reset() }
        guard statement.bind(arguments) else {
            throw StatementFailure(error: .sql("\(arguments.count) arguments do not go with the statement"))
        }
        var result = StatementResult()
        while true {
            switch sqlite3_step(statement.pointer) {
            case SQLITE_ROW: result.rows.append(statement.row())
            case SQLITE_DONE:
                result.columns = statement.columns()
                return result
            case let code: throw SQLiteReader.failure(connection, code)
            }
        }
    }

    private func prepare(_ sql: String) throws(StatementFailure) -> Statement {
        var pointer: OpaquePointer?
        var isAlone = true
        let code = sql.withCString { text in
            var rest: UnsafePointer<CChar>?
            let code = sqlite3_prepare_v3(connection, text, -1, UInt32(SQLITE_PREPARE_PERSISTENT), &pointer, &rest)
            if let rest, code == SQLITE_OK { isAlone = hasNoStatement(rest) }
            return code
        }
        guard code == SQLITE_OK else { throw SQLiteReader.failure(connection, code) }
        guard let pointer else { throw StatementFailure(error: .sql("the text holds no statement")) }
        let statement = Statement(pointer)
        guard isAlone else { throw StatementFailure(error: .sql("the text holds more than one statement")) }
        return statement
    }

    /// Whether nothing but space and comments is left.
    private func hasNoStatement(_ text: UnsafePointer<CChar>) -> Bool {
        var pointer: OpaquePointer?
        let code = sqlite3_prepare_v3(connection, text, -1, 0, &pointer, nil)
        sqlite3_finalize(pointer)
        return code == SQLITE_OK && pointer == nil
    }
}

/// A prepared statement.
private final class Statement {
    let pointer: OpaquePointer
    private var known: SQLColumns?
    private var preparations: Int32 = 0

    /// SQLite is to copy what it is given.
    private static let copied = unsafeBitCast(-1, to: sqlite3_destructor_type.self)

    init(_ pointer: OpaquePointer) { self.pointer = pointer }

    deinit { sqlite3_finalize(pointer) }

    func reset() {
        sqlite3_reset(pointer)
        sqlite3_clear_bindings(pointer)
    }

    /// False when a number of arguments is wanted that this is not.
    func bind(_ arguments: [SQLValue]) -> Bool {
        guard Int(sqlite3_bind_parameter_count(pointer)) == arguments.count else { return false }
        for (index, argument) in zip(Int32(1)..., arguments) {
            let code =
                switch argument {
                case .null: sqlite3_bind_null(pointer, index)
                case .int(let number): sqlite3_bind_int64(pointer, index, number)
                case .real(let number): sqlite3_bind_double(pointer, index, number)
                case .text(let text): bind(text, index)
                case .blob(let bytes) where bytes.isEmpty: sqlite3_bind_zeroblob(pointer, index, 0)
                case .blob(let bytes):
                    bytes.withUnsafeBytes { buffer in
                        sqlite3_bind_blob64(pointer, index, buffer.baseAddress, UInt64(buffer.count), Statement.copied)
                    }
                }
            guard code == SQLITE_OK else { return false }
        }
        return true
    }

    private func bind(_ text: String, _ index: Int32) -> Int32 {
        var text = text
        return text.withUTF8 { buffer in
            buffer.withMemoryRebound(to: CChar.self) { characters in
                // Without an address it would be NULL.
                guard let start = characters.baseAddress else { return sqlite3_bind_text(pointer, index, "", 0, nil) }
                return sqlite3_bind_text64(
                    pointer, index, start, UInt64(characters.count), Statement.copied, UInt8(SQLITE_UTF8))
            }
        }
    }

    func row() -> [SQLValue] {
        (0..<sqlite3_column_count(pointer)).map { column in
            switch sqlite3_column_type(pointer, column) {
            case SQLITE_INTEGER: return .int(sqlite3_column_int64(pointer, column))
            case SQLITE_FLOAT: return .real(sqlite3_column_double(pointer, column))
            case SQLITE_TEXT:
                let start = sqlite3_column_text(pointer, column)
                let count = Int(sqlite3_column_bytes(pointer, column))
                return .text(String(decoding: UnsafeBufferPointer(start: start, count: count), as: UTF8.self))
            case SQLITE_BLOB:
                let start = sqlite3_column_blob(pointer, column)
                let count = Int(sqlite3_column_bytes(pointer, column))
                return .blob(Array(UnsafeRawBufferPointer(start: start, count: count)))
            default: return .null
            }
        }
    }

    /// Read anew only when SQLite prepared the statement again, as after a change of the schema.
    func columns() -> SQLColumns {
        let count = sqlite3_stmt_status(pointer, SQLITE_STMTSTATUS_REPREPARE, 0)
        if let known, count == preparations { return known }
        let columns = SQLColumns(
            (0..<sqlite3_column_count(pointer)).map { column in
                sqlite3_column_name(pointer, column).map { String(cString: $0) } ?? ""
            })
        known = columns
        preparations = count
        return columns
    }
}
