/// A request of which parts are not known.
public struct PartialRequest: Sendable, Hashable {
    public var principal: EntityUID?
    public var action: EntityUID?
    public var resource: EntityUID?
    public var context: Record?

    public init(
        principal: EntityUID? = nil, action: EntityUID? = nil, resource: EntityUID? = nil, context: Record? = nil
    ) {
        self.principal = principal
        self.action = action
        self.resource = resource
        self.context = context
    }

    /// What is not known of it.
    var unknowns: Set<Variable> {
        var unknowns: Set<Variable> = []
        if principal == nil { unknowns.insert(.principal) }
        if action == nil { unknowns.insert(.action) }
        if resource == nil { unknowns.insert(.resource) }
        if context == nil { unknowns.insert(.context) }
        return unknowns
    }
}

/// What can be said of a partial request.
public struct PartialResponse: Sendable {
    /// Nil when it depends on what is not known.
    public var decision: AuthorizationResponse.Decision?
    /// Policies that hold whatever is unknown.
    public var satisfied: [PolicyID]
    /// Policies that cannot be evaluated whatever is unknown; they count for nothing.
    public var errors: [PolicyError]
    /// What is left of the policies that depend on what is unknown: asked with the whole request and the same entities, each holds,
    /// does not hold or fails as its original does. With their ids.
    public var residuals: [Policy]
}
