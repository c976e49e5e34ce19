import Synchronization

/// What deciders decided and administrators were answered, as values: the verdict needs nothing else. Times run from the
/// beginning of the record.
struct PolicyRecord: Sendable {
    enum Outcome: Sendable, Hashable {
        case allowed
        case denied
        /// Not decided, for want of policies that are known well enough.
        case unavailable
    }

    /// One decision of one decider.
    struct Decision: Sendable {
        var client: Int
        /// Rises when a decider is started anew, from its files.
        var life = 0
        var askedAt: Duration
        var answeredAt: Duration
        var desk: String
        var outcome: Outcome
        /// Ids of the policies that decided.
        var policies: Set<String>
        var version: Int64?
        /// The number of the activation.
        var sequence: Int64?
        /// What the entities have got to, read after the decision.
        var entitySequence: Int64?
    }

    /// An activation as the administrator sees it.
    struct Activation: Sendable {
        var sentAt: Duration
        /// nil when it is not known whether it took place: the next one tells.
        var result: (sequence: Int64, answeredAt: Duration)?
    }

    /// A kill switch that was turned, each way by turns.
    struct Turn: Sendable {
        var desk: String
        var isHalted: Bool
        var sentAt: Duration
        /// nil while nobody has said that it is done.
        var answeredAt: Duration?
    }

    var decisions: [Decision] = []
    /// In their order: one administrator makes them, one after the other.
    var activations: [Activation] = []
    /// In their order for each desk.
    var turns: [Turn] = []
    /// The mark that a version carries in each of its files.
    var marks: [Int64: String] = [:]
    /// What the last batch of entities that was answered set their limits to.
    var limit: Int64 = 0
    /// Kills of the replica that was asked to activate something, while it was asked.
    var killsDuringActivation = 0
    var strikes: [String: Int] = [:]

    /// In one line, for whoever reads the log of the tests.
    var summary: String {
        func count(_ outcome: Outcome) -> Int { decisions.count { $0.outcome == outcome } }
        let struck = strikes.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" }.joined(separator: ", ")
        return "\(decisions.count) decisions (\(count(.allowed)) allowed, \(count(.denied)) denied, "
            + "\(count(.unavailable)) unavailable) by \(Set(decisions.compactMap(\.sequence)).count) sets, "
            + "\(activations.count) activations, \(turns.count) kill switches turned, "
            + "\(killsDuringActivation) kills during an activation; \(struck)"
    }
}

/// Where everybody writes what happened.
final class PolicyRecorder: Sendable {
    private struct State {
        var record = PolicyRecord()
        var isStopped = false
        var isCalm = false
    }

    private let began = ContinuousClock.now
    private let state = Mutex(State())

    var now: Duration { ContinuousClock.now - began }
    var record: PolicyRecord { state.withLock { $0.record } }
    var isStopped: Bool { state.withLock { $0.isStopped } }
    func stop() { state.withLock { $0.isStopped = true } }
    /// Nothing is struck any more.
    var isCalm: Bool { state.withLock { $0.isCalm } }
    func calm() { state.withLock { $0.isCalm = true } }
    func update<T>(_ body: (inout PolicyRecord) -> T) -> T { state.withLock { body(&$0.record) } }
}
