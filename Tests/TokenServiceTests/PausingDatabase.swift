import Database
import Synchronization

/// A database between whose reading and whose answer something else happens, and whose transactions can be made to end
/// in nothing.
final class PausingDatabase: Database {
    private let base: any Database
    private let pending = Mutex<(@Sendable () async -> Void)?>(nil)
    private let crashes = Mutex(0)

    init(_ base: any Database) { self.base = base }

    /// What happens after the next read, before its answer is known.
    func afterNextRead(_ body: @escaping @Sendable () async -> Void) { pending.withLock { $0 = body } }
    var isArmed: Bool { pending.withLock { $0 != nil } }

    /// The next transactions do all their work and do not commit.
    func crash(_ count: Int) { crashes.withLock { $0 = count } }

    private struct Crashed: Error {}

    var dialect: SQLDialect { base.dialect }

    func read<T: Sendable>(
        _ body: @escaping @Sendable (any SQLConnection) throws -> T
    ) async throws(DatabaseError) -> T {
        let result = try await base.read(body)
        let next = pending.withLock { pending -> (@Sendable () async -> Void)? in
            defer { pending = nil }
            return pending
        }
        await next?()
        return result
    }

    func write<T: Sendable>(
        _ body: @escaping @Sendable (any SQLConnection) throws -> T
    ) async throws(DatabaseError) -> T {
        let crashes = crashes.withLock { crashes -> Bool in
            defer { crashes = max(0, crashes - 1) }
            return crashes > 0
        }
        return try await base.write { connection in
            let result = try body(connection)
            if crashes { throw Crashed() }
            return result
        }
    }

    func shutdown() async { await base.shutdown() }
}
