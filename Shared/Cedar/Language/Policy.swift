/// A policy, or a template when its scope has slots.
public struct Policy: Sendable, Hashable {
    public var id: PolicyID
    public var effect: Effect
    /// In the order of the text; keys are unique.
    public var annotations: [Annotation]
    public var principal: ScopeConstraint
    public var action: ActionConstraint
    public var resource: ScopeConstraint
    /// All must hold.
    public var conditions: [Condition]
    /// Where it stands in the text it was read from.
    public var range: SourceRange?

    public init(
        id: PolicyID, effect: Effect, annotations: [Annotation] = [], principal: ScopeConstraint = .any,
        action: ActionConstraint = .any, resource: ScopeConstraint = .any, conditions: [Condition] = [],
        range: SourceRange? = nil
    ) {
        self.id = id
        self.effect = effect
        self.annotations = annotations
        self.principal = principal
        self.action = action
        self.resource = resource
        self.conditions = conditions
        self.range = range
    }

    /// The slots that its scope leaves open; none for a policy that can be evaluated.
    public var slots: [Slot] {
        (principal.hasSlot ? [.principal] : []) + (resource.hasSlot ? [.resource] : [])
    }

    public var isTemplate: Bool { principal.hasSlot || resource.hasSlot }

    /// The value of an annotation, empty when it was given none; nil when there is no such annotation.
    public func annotation(_ key: String) -> String? { annotations.first { $0.key == key }.map { $0.value ?? "" } }
}

/// What a policy is called in a set.
public struct PolicyID: Hashable, Sendable, Comparable, ExpressibleByStringLiteral, CustomStringConvertible {
    public let text: CedarString

    public init(_ text: some StringProtocol) { self.text = CedarString(text) }
    public init(stringLiteral value: String) { self.init(value) }
    public static func < (left: PolicyID, right: PolicyID) -> Bool { left.text < right.text }
    public var description: String { text.string }
}

public enum Effect: String, Sendable, Hashable {
    case permit, forbid
}

/// `@key("value")` or `@key`.
public struct Annotation: Sendable, Hashable {
    /// Any word, reserved ones too.
    public let key: String
    public let value: String?

    public init(key: String, value: String?) {
        self.key = key
        self.value = value
    }
}

/// A `when` or `unless` clause.
public struct Condition: Sendable, Hashable {
    public enum Kind: String, Sendable, Hashable {
        case when, unless
    }

    public let kind: Kind
    public let body: Expr

    public init(_ kind: Kind, _ body: Expr) {
        self.kind = kind
        self.body = body
    }
}
