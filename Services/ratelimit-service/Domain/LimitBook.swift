import RateLimits
import Synchronization

/// The limits that are in force, replaced whole.
final class LimitBook: Sendable {
    private let inForce: Mutex<LimitSet>

    init(_ set: LimitSet) { inForce = Mutex(set) }

    var current: LimitSet { inForce.withLock { $0 } }

    func replace(with new: LimitSet) { inForce.withLock { $0 = new } }
}
