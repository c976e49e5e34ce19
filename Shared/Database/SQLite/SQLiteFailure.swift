import GRDB

/// What SQLite's result codes mean to a caller. Messages name tables and columns, never values.
enum SQLiteFailure {
    static func map(_ error: any Error) -> StatementFailure {
        guard let error = error as? GRDB.DatabaseError else {
            if let error = error as? DatabaseError { return StatementFailure(error: error) }
            return StatementFailure(error: .unavailable("\(type(of: error))"))
        }
        return StatementFailure(error: map(error))
    }

    /// A commit that met an I/O error may or may not be in the log when it is read again.
    static func mapCommit(_ error: any Error) -> DatabaseError {
        if let error = error as? GRDB.DatabaseError, error.resultCode == .SQLITE_IOERR {
            return .outcomeUnknown(text(error))
        }
        return map(error).error
    }

    private static func map(_ error: GRDB.DatabaseError) -> DatabaseError {
        switch error.resultCode {
        case .SQLITE_CONSTRAINT: .constraint(constraint(error))
        case .SQLITE_BUSY, .SQLITE_LOCKED: .busy(text(error))
        case .SQLITE_FULL: .full(text(error))
        case .SQLITE_IOERR, .SQLITE_CANTOPEN, .SQLITE_CORRUPT, .SQLITE_NOTADB, .SQLITE_NOMEM, .SQLITE_INTERRUPT:
            .unavailable(text(error))
        default: .sql(text(error))
        }
    }

    private static func constraint(_ error: GRDB.DatabaseError) -> String {
        let kind =
            switch error.extendedResultCode {
            case .SQLITE_CONSTRAINT_UNIQUE, .SQLITE_CONSTRAINT_PRIMARYKEY, .SQLITE_CONSTRAINT_ROWID: "unique"
            case .SQLITE_CONSTRAINT_FOREIGNKEY: "foreign key"
            case .SQLITE_CONSTRAINT_NOTNULL: "not null"
            case .SQLITE_CONSTRAINT_CHECK: "check"
            default: "other"
            }
        // "UNIQUE constraint failed: users.email"
        let name = (error.message ?? "").split(separator: ": ", maxSplits: 1).dropFirst().first.map { ": \($0)" } ?? ""
        return kind + name
    }

    private static func text(_ error: GRDB.DatabaseError) -> String {
        "SQLite \(error.extendedResultCode.rawValue): \(error.message ?? "no message")"
    }
}
