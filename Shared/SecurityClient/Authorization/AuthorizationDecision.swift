import Cedar

/// What was decided, and by what.
public struct AuthorizationDecision: Sendable {
    public enum Outcome: Sendable, Hashable {
        case allowed
        /// No policy permits it, or one forbids it.
        case denied
        /// It cannot be decided: there are no policies yet, or they are so old that this act may not be decided by them.
        case unavailable(String)
    }

    public let outcome: Outcome
    /// The policies that decided, in the order of the set.
    public let policies: [Policy]
    /// Policies that could not be evaluated, and count for nothing.
    public let errors: [PolicyError]
    /// The version that was decided by, and the number of its activation; nil when there was none.
    public let version: Int64?
    public let sequence: Int64?

    package init(outcome: Outcome, policies: [Policy], errors: [PolicyError], version: Int64?, sequence: Int64?) {
        self.outcome = outcome
        self.policies = policies
        self.errors = errors
        self.version = version
        self.sequence = sequence
    }

    public var isAllowed: Bool { outcome == .allowed }
    public var policyIDs: [String] { policies.map(\.id.description) }

    /// What the deciding policies say to people: their annotation `reason`, the first that has one.
    public var statedReason: String? { policies.lazy.compactMap { $0.annotation("reason") }.first }
}
