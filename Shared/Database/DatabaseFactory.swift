import Dispatch
import Foundation
import Logging

/// Opens the database that a URL names.
package enum DatabaseFactory {
    /// - `sqlite:///absolute/path`: a file, created when missing.
    /// - `postgres://user:password@host:port/name?sslmode=verify-full&sslrootcert=…`: a server, by any URI that libpq
    ///   takes. The first use connects, and every later one that finds the connection gone.
    ///
    /// Never repeats the URL in an error: it may hold a password.
    package static func open(
        url: String, logger: Logger, maxConnections: Int = 8, busyQueueLimit: Int = 256
    ) async throws(DatabaseError) -> any Database {
        var options = DatabaseOptions()
        options.maxConnections = maxConnections
        options.maxWaiting = busyQueueLimit
        return try await open(url: url, logger: logger, options: options)
    }

    package static func open(
        url: String, logger: Logger, options: DatabaseOptions
    ) async throws(DatabaseError) -> any Database {
        if url.hasPrefix("postgres://") || url.hasPrefix("postgresql://") {
            return try PostgresDatabase(uri: url, options: options, logger: logger)
        }
        guard url.hasPrefix("sqlite://") else {
            throw .configuration("the URL begins with neither sqlite:// nor postgres://")
        }
        guard let path = String(url.dropFirst("sqlite://".count)).removingPercentEncoding, path.hasPrefix("/"),
            !path.hasSuffix("/"), !path.contains("\0")
        else { throw .configuration("a SQLite URL is sqlite:// followed by an absolute path") }
        let result: Result<SQLiteDatabase, DatabaseError> = await withCheckedContinuation { continuation in
            DispatchQueue.global().async {
                do throws(DatabaseError) {
                    continuation.resume(
                        returning: .success(try SQLiteDatabase(path: path, options: options, logger: logger)))
                } catch {
                    continuation.resume(returning: .failure(error))
                }
            }
        }
        return try result.get()
    }
}
