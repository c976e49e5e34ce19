import Foundation
import GRDB

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// The database's file: who may read it, and opening it while others do the same.
enum SQLiteFile {
    /// Creates the file for its owner alone (the log beside it takes over its mode), and its folder where missing.
    static func prepare(_ path: String) throws(DatabaseError) {
        let folder = (path as NSString).deletingLastPathComponent
        if !folder.isEmpty, !FileManager.default.fileExists(atPath: folder) {
            do {
                try FileManager.default.createDirectory(
                    atPath: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
            } catch {
                throw .configuration("the folder of the database \(path) cannot be created")
            }
        }
        let descriptor = openFile(path)
        guard descriptor >= 0 else {
            throw .configuration("the database \(path) cannot be opened: \(String(cString: strerror(errno)))")
        }
        close(descriptor)
    }

    /// Opening turns the write-ahead log on, which several processes cannot do at the same time and for which
    /// SQLite's busy timeout does not hold.
    static func open(_ path: String, _ configuration: Configuration, patience: Duration) throws -> DatabasePool {
        let deadline = ContinuousClock.now + patience
        while true {
            do {
                return try DatabasePool(path: path, configuration: configuration)
            } catch let error as GRDB.DatabaseError {
                guard [.SQLITE_BUSY, .SQLITE_LOCKED].contains(error.resultCode), ContinuousClock.now < deadline else {
                    throw error
                }
                usleep(UInt32.random(in: 5_000...25_000))
            }
        }
    }

    private static func openFile(_ path: String) -> Int32 {
        #if canImport(Glibc)
            Glibc.open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        #else
            Darwin.open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        #endif
    }
}
