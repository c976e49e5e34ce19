import SecurityClient

/// A stored set of policies. Immutable.
struct PolicyVersion: Sendable {
    /// From 1, without gaps.
    let number: Int64
    let digest: String
    /// A subject; nil for what was there at the first start.
    let author: String?
    let reason: String
    /// Milliseconds since the epoch.
    let createdAt: Int64
    /// The version that the author started from.
    let base: Int64?
    /// Nil in lists.
    var content: PolicyContent?
}

/// A proposal to decide by a version, and what became of it.
struct Activation: Sendable {
    enum Kind: String, Sendable { case activate, rollback, bootstrap }
    enum State: String, Sendable { case proposed, active, rejected, withdrawn }

    let id: Int64
    let version: Int64
    let kind: Kind
    let state: State
    /// Rises by one with every activation; nil until it is one.
    let sequence: Int64?
    let proposedBy: String?
    let decidedBy: String?
    let reason: String
    /// Milliseconds since the epoch.
    let proposedAt: Int64
    let decidedAt: Int64?
}

/// Who may bring a proposal into force.
enum FourEyes {
    enum Refusal: Error, Sendable, Hashable {
        /// The same person proposed it.
        case sameSubject
        /// It was decided before.
        case alreadyDecided
    }

    static func check(_ activation: Activation, by subject: String, isRequired: Bool) throws(Refusal) {
        guard activation.state == .proposed else { throw .alreadyDecided }
        if isRequired, activation.proposedBy == subject { throw .sameSubject }
    }
}
