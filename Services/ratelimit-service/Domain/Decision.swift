import RateLimits

/// What one limit said to a request.
struct LimitVerdict: Sendable {
    let applied: AppliedLimit
    var outcome: Outcome
}

/// What all limits of a request said together.
struct Decision: Sendable {
    enum Source: String, Sendable {
        /// Counted together with all replicas.
        case shared
        /// By this replica alone, as Redis is away.
        case local
    }

    var source: Source
    var verdicts: [LimitVerdict]
    /// How many permits may be spent, and for how many milliseconds; of a request 1 or 0.
    var permits: Int64 = 0
    var life: Int64 = 0
    /// How a record of it was found: made now, or known from before.
    var record = Admission.Result.admitted
    /// The hash tags under which it was charged.
    var tags: [Substring] = []

    /// Limits that refuse. A shadow limit never does.
    var violated: [LimitVerdict] { verdicts.filter { !$0.outcome.admitted && !$0.applied.limit.shadow } }
    var isAllowed: Bool { verdicts.allSatisfy { $0.outcome.admitted || $0.applied.limit.shadow } }
    static let unlimited = Decision(source: .shared, verdicts: [], permits: 1)
}
