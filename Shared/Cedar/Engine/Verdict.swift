/// The answer of the engine. Policies are named by position until somebody asks for their ids, so that deciding allocates
/// nothing when one policy decides.
public struct Verdict: Sendable {
    public let decision: AuthorizationResponse.Decision
    private let deciding: Positions
    /// Policies that could not be evaluated, in the order of the set; they count for nothing.
    public let errors: [PolicyError]
    private let policies: CompiledPolicies

    init(
        _ decision: AuthorizationResponse.Decision, _ deciding: Positions, _ errors: [PolicyError],
        _ policies: CompiledPolicies
    ) {
        self.decision = decision
        self.deciding = deciding
        self.errors = errors
        self.policies = policies
    }

    public var isAllowed: Bool { decision == .allow }

    /// The policies that decided, in the order of the set.
    public var reasons: [PolicyID] { determiningPolicies.map(\.id) }

    /// The same with their annotations and text.
    public var determiningPolicies: [Policy] { deciding.sorted.map { policies.source.policies[Int($0)] } }

    public var response: AuthorizationResponse {
        AuthorizationResponse(decision: decision, reasons: reasons, errors: errors)
    }
}

/// A few positions: the first without allocation.
struct Positions: Sendable {
    private var first: Int32 = -1
    private var rest: [Int32] = []

    var isEmpty: Bool { first < 0 }

    mutating func append(_ position: Int32) {
        if first < 0 { first = position } else { rest.append(position) }
    }

    var sorted: [Int32] { first < 0 ? [] : ([first] + rest).sorted() }
}
