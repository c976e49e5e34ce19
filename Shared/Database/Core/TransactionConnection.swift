/// What one statement gave back.
struct StatementResult {
    var columns = SQLColumns([])
    var rows: [[SQLValue]] = []
    /// Rows inserted, updated or deleted.
    var changes = 0
}

/// A statement that failed: the error to show, and whether the whole transaction should be tried again.
struct StatementFailure: Error {
    let error: DatabaseError
    /// The transaction collided with another one and may succeed when repeated.
    var mayRepeat = false
    /// It collided with another transaction, rather than with a stale plan.
    var isCollision = false
    /// The connection is gone, or in a state nobody knows.
    var connectionLost = false
}

/// What a dialect has to bring: running one statement inside the open transaction.
protocol StatementRunner {
    /// Whether this very text was prepared before, and so has been looked at.
    func isPrepared(_ sql: String) -> Bool

    func run(_ sql: String, _ arguments: [SQLValue]) throws(StatementFailure) -> StatementResult
}

extension StatementRunner {
    func isPrepared(_ sql: String) -> Bool { false }
}

/// The connection that a transaction's body sees; gives both dialects the same rules about arguments and failures.
final class TransactionConnection: SQLConnection {
    let dialect: SQLDialect
    let runner: any StatementRunner
    /// The first failure; it dooms the transaction.
    private(set) var failure: StatementFailure?

    init(dialect: SQLDialect, runner: any StatementRunner) {
        self.dialect = dialect
        self.runner = runner
    }

    func query(_ sql: String, _ arguments: [SQLValue]) throws -> [SQLRow] {
        let result = try run(sql, arguments)
        return result.rows.map { SQLRow(columns: result.columns, values: $0) }
    }

    @discardableResult
    func execute(_ sql: String, _ arguments: [SQLValue]) throws -> Int {
        try run(sql, arguments).changes
    }

    private func run(_ sql: String, _ arguments: [SQLValue]) throws(DatabaseError) -> StatementResult {
        if let failure { throw failure.error }
        do throws(StatementFailure) {
            do throws(DatabaseError) {
                guard runner.isPrepared(sql) || !SQLText.controlsTransaction(sql) else {
                    throw DatabaseError.sql("a body does not control its transaction")
                }
                for argument in arguments { try argument.validate() }
            } catch {
                throw StatementFailure(error: error)
            }
            return try runner.run(sql, arguments)
        } catch {
            failure = error
            throw error.error
        }
    }

    /// Runs the body. A failed statement counts even when the body swallowed it; an error of the body's own comes out
    /// as `aborted`.
    func perform<T>(_ body: (any SQLConnection) throws -> T) -> Result<T, DatabaseError> {
        do {
            let value = try body(self)
            if let failure { return .failure(failure.error) }
            return .success(value)
        } catch let error as DatabaseError {
            return .failure(error)
        } catch {
            return .failure(.aborted(error))
        }
    }
}
