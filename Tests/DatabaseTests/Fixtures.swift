import Database
import Foundation
import Logging
import Synchronization
import TestSupport
import Testing

/// The PostgreSQL server that the contract tests share; each test has a database of its own in it.
enum SharedServer {
    private static let server = Task { try await PostgresServer() }

    static func get() async throws -> PostgresServer { try await server.value }
}

let quiet = Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() })

/// A fresh, empty database of either kind.
final class TestDatabase: Sendable {
    let url: String
    let dialect: SQLDialect
    private let directory: TemporaryDirectory?

    /// Where the file of a SQLite database stands.
    var folder: String? { directory?.file("db") }

    init(_ dialect: SQLDialect) async throws {
        self.dialect = dialect
        switch dialect {
        case .sqlite:
            let directory = try TemporaryDirectory("jts-sqlite")
            self.directory = directory
            url = "sqlite://\(directory.path)/db/test.db"
        case .postgres:
            directory = nil
            url = try await SharedServer.get().makeDatabase()
        }
    }

    func open(_ change: (inout DatabaseOptions) -> Void = { _ in }) async throws -> any Database {
        var options = DatabaseOptions()
        options.maxConnections = 4
        change(&options)
        return try await DatabaseFactory.open(url: url, logger: quiet, options: options)
    }
}

/// Runs `body` on a fresh database with the table `items (id, name, n)`.
func withDatabase(
    _ dialect: SQLDialect, _ change: (inout DatabaseOptions) -> Void = { _ in },
    _ body: (any Database) async throws -> Void
) async throws {
    let fixture = try await TestDatabase(dialect)
    let database = try await fixture.open(change)
    do {
        try await Migrator.run(
            [
                Migration(
                    number: 1, name: "items",
                    sql: ["CREATE TABLE items (id {{ID}}, name TEXT NOT NULL UNIQUE, n INTEGER NOT NULL DEFAULT 0)"])
            ], component: "test", on: database)
        try await body(database)
    } catch {
        await database.shutdown()
        throw error
    }
    await database.shutdown()
}

/// A gate at which a transaction's body waits on its own thread while the test goes on; with a limit, so that a test
/// that went wrong ends.
final class Gate: Sendable {
    // Semaphores may be used from any thread.
    private let semaphore = DispatchSemaphore(value: 0)

    func open() { semaphore.signal() }
    func wait() { _ = semaphore.wait(timeout: .now() + 20) }

    func waited() async {
        await withCheckedContinuation { continuation in
            DispatchQueue.global().async {
                self.wait()
                continuation.resume()
            }
        }
    }
}

extension DatabaseError {
    /// The name of the case, to compare with.
    var kind: String {
        switch self {
        case .unavailable: "unavailable"
        case .constraint: "constraint"
        case .outcomeUnknown: "outcomeUnknown"
        case .busy: "busy"
        case .timeout: "timeout"
        case .full: "full"
        case .sql: "sql"
        case .fenced: "fenced"
        case .migration: "migration"
        case .configuration: "configuration"
        case .aborted: "aborted"
        }
    }
}

/// The kind of error that `body` ends with; nil when it does not fail.
func failure(of body: () async throws -> Void) async -> String? {
    do {
        try await body()
        return nil
    } catch let error as DatabaseError {
        return error.kind
    } catch {
        return "\(error)"
    }
}

func expectNoItems(_ database: any Database, sourceLocation: SourceLocation = #_sourceLocation) async throws {
    let items = try await database.query("SELECT * FROM items")
    #expect(items.isEmpty, sourceLocation: sourceLocation)
}
