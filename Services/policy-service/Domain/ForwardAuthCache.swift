import Crypto
import Synchronization

/// What was decided a moment ago for the same request at the edge. Whether its token is good is not kept here: that is
/// found out for every request.
///
/// Bounded by two generations: when the younger is full it becomes the older, and what was the older is gone.
final class ForwardAuthCache<Value: Sendable>: Sendable {
    struct Key: Sendable, Hashable {
        /// SHA-256.
        let token: SHA256Digest
        let certificate: String?
        let address: String
        let method: String
        let path: String

        init(token: String, certificate: String?, address: String, method: String, path: String) {
            var token = token
            self.token = token.withUTF8 { SHA256.hash(data: UnsafeRawBufferPointer($0)) }
            self.certificate = certificate
            self.address = address
            self.method = method
            self.path = path
        }
    }

    private struct Entry {
        let value: Value
        let at: Int64
    }

    private struct State {
        var epoch: UInt64 = 0
        var young: [Key: Entry] = [:]
        var old: [Key: Entry] = [:]
    }

    private let generation: Int
    private let lifetime: Int64
    private let state = Mutex(State())

    /// - Parameters:
    ///   - capacity: entries.
    ///   - lifetime: milliseconds. Short, as decisions may look at the time.
    init(capacity: Int = 16_384, lifetime: Int64 = 5_000) {
        generation = max(1, capacity / 2)
        self.lifetime = lifetime
    }

    /// - Parameters:
    ///   - epoch: of `DecisionPoint`; what was kept in another one counts for nothing.
    ///   - now: milliseconds since the epoch.
    func value(_ key: Key, epoch: UInt64, now: Int64) -> Value? {
        state.withLock { state in
            guard state.epoch == epoch, let entry = state.young[key] ?? state.old[key] else { return nil }
            let age = now - entry.at
            return age >= 0 && age < lifetime ? entry.value : nil
        }
    }

    /// - Parameter epoch: read before what the value was decided by.
    func keep(_ value: Value, for key: Key, epoch: UInt64, now: Int64) {
        state.withLock { state in
            guard epoch >= state.epoch else { return }
            if epoch > state.epoch { state = State(epoch: epoch) }
            if state.young.count >= generation {
                state.old = state.young
                state.young = [:]
            }
            state.young[key] = Entry(value: value, at: now)
        }
    }

    var count: Int { state.withLock { $0.young.count + $0.old.count } }
}
