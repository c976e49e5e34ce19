/// A question: may `principal` do `action` to `resource` in this `context`?
public struct AuthorizationRequest: Sendable, Hashable {
    public var principal: EntityUID
    public var action: EntityUID
    public var resource: EntityUID
    public var context: Record

    public init(principal: EntityUID, action: EntityUID, resource: EntityUID, context: Record = .empty) {
        self.principal = principal
        self.action = action
        self.resource = resource
        self.context = context
    }
}

/// The answer.
public struct AuthorizationResponse: Sendable, Hashable {
    public enum Decision: String, Sendable, Hashable {
        case allow, deny
    }

    public var decision: Decision
    /// The policies that decided: the permits that held when allowed, the forbids that held when one did, else none.
    /// In the order of the set.
    public var reasons: [PolicyID]
    /// Policies that could not be evaluated; they count for nothing.
    public var errors: [PolicyError]

    public init(decision: Decision, reasons: [PolicyID], errors: [PolicyError]) {
        self.decision = decision
        self.reasons = reasons
        self.errors = errors
    }
}

public struct PolicyError: Error, Sendable, Hashable {
    public let policy: PolicyID
    public let error: EvaluationError

    public init(policy: PolicyID, error: EvaluationError) {
        self.policy = policy
        self.error = error
    }
}
