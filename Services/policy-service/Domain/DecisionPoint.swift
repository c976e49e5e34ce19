import SecurityClient
import Synchronization

/// What this replica decides by. A decision takes the snapshot once and keeps it, so that it never sees two sets; whoever
/// changes it waits for nobody who decides.
final class DecisionPoint: ShadowedPolicies {
    private struct State {
        var snapshot: PolicySnapshot?
        var shadow: PolicySnapshot.Policies?
        var epoch: UInt64 = 0
    }

    private let state = Mutex(State())
    /// Roles that people were assigned, for questions about people whose tokens are not at hand.
    let assigned = AssignedRoles()

    /// There are no policies yet.
    struct NoPolicies: Error, CustomStringConvertible {
        var description: String { "no policies are active yet" }
    }

    func snapshot() throws(NoPolicies) -> PolicySnapshot {
        guard let snapshot = state.withLock({ $0.snapshot }) else { throw NoPolicies() }
        return snapshot
    }

    var snapshotIfAny: PolicySnapshot? { state.withLock { $0.snapshot } }

    /// What is evaluated beside it and decides nothing.
    var shadow: PolicySnapshot.Policies? { state.withLock { $0.shadow } }

    /// Rises with everything that may change a decision; caches keep it with what they hold.
    var epoch: UInt64 { state.withLock { $0.epoch } }

    func replace(_ snapshot: PolicySnapshot) {
        state.withLock {
            $0.snapshot = snapshot
            $0.epoch += 1
        }
    }

    func replaceShadow(_ shadow: PolicySnapshot.Policies?) { state.withLock { $0.shadow = shadow } }

    /// Something outside policies and entities changed what may be answered: a revocation, a ban.
    func advanceEpoch() { state.withLock { $0.epoch += 1 } }
}
