import Crypto
import Foundation
import Synchronization

/// Remembers the proofs that were used, for as long as they could be used again (RFC 9449 section 11.1). Of this process
/// alone: another replica does not know of them.
final class ReplayWindow: Sendable {
    enum Answer: Sendable {
        case new
        case used
        /// Nothing more can be remembered at the moment.
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
        var began: Int64 = 0
    }

    /// Seconds from the earliest to the latest moment at which one proof is taken, and a second for rounding.
    private static let span = DPoPProof.maxAge + DPoPProof.leeway + 1

    private let capacity: Int
    private let state = Mutex(State())

    /// - Parameter capacity: proofs within 66 seconds; beyond it none is taken.
    init(capacity: Int = 262_144) { self.capacity = capacity }

    /// - Parameter now: seconds since the epoch.
    func use(_ proof: DPoPProof, now: Int64) -> Answer {
        let digest = ReplayWindow.digest(proof)
        return state.withLock { state in
            if now - state.began >= ReplayWindow.span {
                // What was used two spans ago cannot be used any more.
                state.previous = now - state.began < 2 * ReplayWindow.span ? state.current : []
                state.current = []
                state.began = now
            }
            if state.current.contains(digest) || state.previous.contains(digest) { return .used }
            guard state.current.count < capacity else { return .full }
            state.current.insert(digest)
            return .new
        }
    }

    private static func digest(_ proof: DPoPProof) -> Digest {
        // A thumbprint has always the same length, so that the two cannot run into each other.
        let hash = Array(SHA256.hash(data: Data((proof.thumbprint + proof.tokenID).utf8)))
        return hash.withUnsafeBytes {
            Digest(high: $0.loadUnaligned(as: UInt64.self), low: $0.loadUnaligned(fromByteOffset: 8, as: UInt64.self))
        }
    }
}
