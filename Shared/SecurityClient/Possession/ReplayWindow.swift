import Crypto
import Foundation
import Synchronization

/// Remembers the proofs that were used, for as long as they could be used again (RFC 9449 section 11.1). Of this process
/// alone: another replica does not know of them. No key gets more than its share, so that whoever has one cannot shut out
/// the others.
final class ReplayWindow: Sendable {
    enum Answer: Sendable {
        case new
        case used
        /// Nothing more can be remembered at the moment, of this key or at all.
        case full
    }

    /// Half of a SHA-256: sixteen bytes in place of names of any length.
    private struct Digest: Hashable {
        let high: UInt64
        let low: UInt64
    }

    private struct State {
        var current: Set<Digest> = []
        var previous: Set<Digest> = []
        /// Proofs in `current` by key.
        var shares: [Digest: Int] = [:]
        /// Monotonic milliseconds.
        var began: Int64
    }

    /// Milliseconds from the earliest to the latest moment at which one proof is taken, and a second for rounding.
    private static let span = (DPoPProof.maxAge + DPoPProof.leeway + 1) * 1000

    private let capacity: Int
    private let share: Int
    private let monotonic: @Sendable () -> Int64
    private let state: Mutex<State>

    /// - Parameters:
    ///   - capacity: proofs within 66 seconds; beyond it none is taken.
    ///   - share: how many of them may be one key's; a sixteenth when it is left out, 248 a second.
    ///   - monotonic: milliseconds that never go back. The time of day would forget everything when it is set forward, and
    ///     nothing for as long as it is behind when it is set back.
    init(
        capacity: Int = 262_144, share: Int? = nil,
        monotonic: @escaping @Sendable () -> Int64 = { MonotonicClock.milliseconds() }
    ) {
        self.capacity = capacity
        self.share = share ?? max(1, capacity / 16)
        self.monotonic = monotonic
        state = Mutex(State(began: monotonic()))
    }

    func use(_ proof: DPoPProof) -> Answer {
        let now = monotonic()
        // A thumbprint has always the same length, so that the two cannot run into each other.
        let digest = ReplayWindow.digest(proof.thumbprint + proof.tokenID)
        let key = ReplayWindow.digest(proof.thumbprint)
        return state.withLock { state in
            if now - state.began >= ReplayWindow.span {
                // What was used two spans ago cannot be used any more.
                state.previous = now - state.began < 2 * ReplayWindow.span ? state.current : []
                state.current = []
                state.shares = [:]
                state.began = now
            }
            if state.current.contains(digest) || state.previous.contains(digest) { return .used }
            guard state.current.count < capacity, state.shares[key, default: 0] < share else { return .full }
            state.current.insert(digest)
            state.shares[key, default: 0] += 1
            return .new
        }
    }

    private static func digest(_ text: String) -> Digest {
        let hash = Array(SHA256.hash(data: Data(text.utf8)))
        return hash.withUnsafeBytes {
            Digest(high: $0.loadUnaligned(as: UInt64.self), low: $0.loadUnaligned(fromByteOffset: 8, as: UInt64.self))
        }
    }
}
