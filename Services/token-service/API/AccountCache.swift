import Synchronization

/// Service accounts read lately: bounded, and for a second. While SQL does not answer, whoever was known in the last
/// quarter of an hour still is: verifiers whose feed is stale for the same reason depend on introspection.
final class AccountCache: Sendable {
    /// A read that takes longer (milliseconds) is not waited for by whoever can do with what was known.
    static let patience: Int64 = 250
    private static let life: Int64 = 1_000
    private static let lifeInOutage: Int64 = 900_000
    private static let capacity = 1_024

    private struct Entry {
        let account: ServiceAccount
        let readAt: Int64
        /// Since when it is being read again.
        var readingSince: Int64?
        var failedAt: Int64?

        /// SQL does not answer, as far as can be told.
        func isInOutage(_ now: Int64) -> Bool {
            if let readingSince, now - readingSince > AccountCache.patience { return true }
            return failedAt.map { (0..<AccountCache.life).contains(now - $0) } ?? false
        }
    }
    private let entries = Mutex<[String: Entry]>([:])

    /// - Parameters:
    ///   - now: milliseconds since the epoch.
    ///   - inOutage: what is known will do however SQL answers.
    func account(_ clientID: String, now: Int64, inOutage: Bool = false) -> ServiceAccount? {
        entries.withLock { entries in
            guard let entry = entries[clientID] else { return nil }
            let life = inOutage || entry.isInOutage(now) ? AccountCache.lifeInOutage : AccountCache.life
            return (0..<life).contains(now - entry.readAt) ? entry.account : nil
        }
    }

    func beginsReading(_ clientID: String, now: Int64) {
        entries.withLock { entries in
            if entries[clientID]?.readingSince == nil { entries[clientID]?.readingSince = now }
        }
    }

    func failed(_ clientID: String, now: Int64) {
        entries.withLock { entries in
            entries[clientID]?.readingSince = nil
            entries[clientID]?.failedAt = now
        }
    }

    /// - Parameter account: nil when there is none, or none any more.
    func keep(_ account: ServiceAccount?, _ clientID: String, now: Int64) {
        entries.withLock { entries in
            if entries.count >= AccountCache.capacity { entries.removeAll(keepingCapacity: true) }
            entries[clientID] = account.map { Entry(account: $0, readAt: now) }
        }
    }
}

extension Task where Failure == Never {
    /// What the task comes to, or nil when that takes longer; it goes on all the same.
    func value(within limit: Duration) async -> Success? {
        await withCheckedContinuation { continuation in
            let first = FirstAnswer(continuation)
            Task<Void, Never> { first.give(await value) }
            Task<Void, Never> {
                try? await Task<Never, Never>.sleep(for: limit)
                first.give(nil)
            }
        }
    }
}

/// Resumes with the first answer and drops the others.
private final class FirstAnswer<Value: Sendable>: Sendable {
    private let continuation: Mutex<CheckedContinuation<Value?, Never>?>

    init(_ continuation: CheckedContinuation<Value?, Never>) { self.continuation = Mutex(continuation) }

    func give(_ value: Value?) {
        let waiting = continuation.withLock { waiting in
            defer { waiting = nil }
            return waiting
        }
        waiting?.resume(returning: value)
    }
}
