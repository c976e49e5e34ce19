/// How strictly policies are checked.
public enum ValidationMode: String, Sendable, Hashable, CaseIterable {
    /// What a policy set should pass before it is used: operands that are compared have one type, sets are not empty
    /// and hold one type, values of extension types are written as literals.
    case strict
    /// Only what would fail when it is evaluated.
    case permissive
}

/// What is wrong with a policy, an entity or a request, judged by a schema.
public struct ValidationIssue: Error, Sendable, Hashable {
    public var code: Code
    public var message: String
    /// What to do about it.
    public var help: String?
    /// Where it stands in the text of the policy.
    public var range: SourceRange?
    /// The policy it was found in.
    public var policy: PolicyID?
    /// The entity it was found in.
    public var entity: EntityUID?

    public init(
        _ code: Code, _ message: String, help: String? = nil, at range: SourceRange? = nil, policy: PolicyID? = nil,
        entity: EntityUID? = nil
    ) {
        self.code = code
        self.message = message
        self.help = help
        self.range = range
        self.policy = policy
        self.entity = entity
    }
}

extension ValidationIssue: CustomStringConvertible {
    public var description: String {
        var text = ""
        if let policy { text += "policy `\(policy)`: " }
        if let entity { text += "entity `\(entity)`: " }
        text += message
        if let help { text += " (\(help))" }
        return text
    }
}

extension ValidationIssue {
    /// What kind of issue it is, for programs. The raw values are stable.
    public enum Code: String, Sendable, Hashable, CaseIterable {
        // Names that the schema does not have.
        case unknownEntityType, unknownAction, unknownEnumeratedID
        /// No action of the schema fits the scope.
        case inapplicableScope
        // Types of expressions.
        case unexpectedType, incompatibleTypes, emptySet
        case noSuchAttribute, unsafeOptionalAttribute, noSuchTag, unsafeTag
        case wrongArgumentCount, invalidExtensionArgument, nonLiteralExtensionArgument
        /// What partial evaluation left unknown stands in the policy.
        case unknownValue
        case tooDeep
        // Dereferences of entities, when their number is bounded.
        case tooManyDereferences, dereferencedLiteral
        // Entities and requests.
        case missingAttribute, unexpectedAttribute, wrongValueType, unexpectedTag, forbiddenParent
        case differentAction, wrongPrincipalType, wrongResourceType, wrongContext
        // Warnings.
        case impossiblePolicy, bidirectionalText, mixedScripts, confusableCharacter
    }
}

/// What validation found in policies.
public struct ValidationReport: Sendable, Hashable {
    /// By policy, in the order of the set, then by place. A policy with none of these cannot fail when it is evaluated
    /// with entities and requests that are valid themselves, except for overflow, missing entities and nesting.
    public var errors: [ValidationIssue]
    /// What is allowed but hardly meant.
    public var warnings: [ValidationIssue]

    public init(errors: [ValidationIssue] = [], warnings: [ValidationIssue] = []) {
        self.errors = errors
        self.warnings = warnings
    }

    public var isValid: Bool { errors.isEmpty }
    public func errors(of policy: PolicyID) -> [ValidationIssue] { errors.filter { $0.policy == policy } }
    public func warnings(of policy: PolicyID) -> [ValidationIssue] { warnings.filter { $0.policy == policy } }
}
