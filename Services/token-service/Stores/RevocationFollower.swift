import Contracts
import Database
import SecurityClient
import Synchronization

/// Reads what other replicas took back, from SQL, and knows how far behind that may be.
final class RevocationFollower: RevocationFreshness {
    /// Milliseconds by which each reading overlaps the one before: longer than a transaction takes from its decision to
    /// its commit, and clocks differ.
    static let overlap: Int64 = 20_000

    private let revocations: Revocations
    private let clock: @Sendable () -> Int64
    /// When the last reading that succeeded began.
    private let readAt = Mutex<Int64?>(nil)

    init(_ revocations: Revocations, clock: @escaping @Sendable () -> Int64) {
        self.revocations = revocations
        self.clock = clock
    }

    /// Reads on from the last time it succeeded, however long ago; the first time, as far back as tokens live.
    func follow() async throws(DatabaseError) {
        let now = clock()
        let from = readAt.withLock { $0 } ?? now - revocations.tokenLifetime
        try await revocations.catchUp(since: min(from, now) - RevocationFollower.overlap)
        readAt.withLock { $0 = now }
    }

    /// Older than this (seconds) what is known vouches for nothing.
    static let staleAfter: Duration = .seconds(5)

    struct Stale: Error, CustomStringConvertible {
        var description: String { "revocations have not been read for \(RevocationFollower.staleAfter)" }
    }

    /// - Throws: when revocations may have been missed for too long.
    func requireFresh(now: Int64) throws(Stale) {
        guard let staleness = staleness(now: now), staleness < RevocationFollower.staleAfter else { throw Stale() }
    }

    func staleness(now: Int64) -> Duration? {
        readAt.withLock { $0 }.map { .milliseconds(max(0, now - $0)) }
    }
}
