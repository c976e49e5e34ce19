/// Policies, templates and what was linked from them, each under an id of its own.
public struct PolicySet: Sendable {
    /// Static policies and instances of templates, in the order in which they came.
    public private(set) var policies: [Policy] = []
    public private(set) var templates: [Policy] = []
    public private(set) var links: [TemplateLink] = []
    private var ids: [PolicyID: Place] = [:]

    private enum Place: Sendable { case policy(Int), template(Int) }

    public init() {}

    /// - Throws: `PolicySetError.duplicateID`.
    public init(_ policies: some Sequence<Policy>) throws(PolicySetError) {
        for policy in policies { try add(policy) }
    }

    /// Adds a policy, or a template when it has slots.
    public mutating func add(_ policy: Policy) throws(PolicySetError) {
        guard ids[policy.id] == nil else { throw .duplicateID(policy.id) }
        if policy.isTemplate {
            ids[policy.id] = .template(templates.count)
            templates.append(policy)
        } else {
            ids[policy.id] = .policy(policies.count)
            policies.append(policy)
        }
    }

    /// Makes a policy of a template by filling exactly its slots.
    public mutating func link(_ link: TemplateLink) throws(PolicySetError) {
        guard ids[link.id] == nil else { throw .duplicateID(link.id) }
        guard let template = template(link.template) else { throw .noSuchTemplate(link.template) }
        guard Set(template.slots) == Set(link.values.keys) else {
            throw .wrongSlots(link.id, expected: template.slots)
        }
        var policy = template
        policy.id = link.id
        if let principal = link.values[.principal] { policy.principal = policy.principal.filled(with: principal) }
        if let resource = link.values[.resource] { policy.resource = policy.resource.filled(with: resource) }
        ids[link.id] = .policy(policies.count)
        policies.append(policy)
        links.append(link)
    }

    public func policy(_ id: PolicyID) -> Policy? {
        if case .policy(let index) = ids[id] { policies[index] } else { nil }
    }

    public func template(_ id: PolicyID) -> Policy? {
        if case .template(let index) = ids[id] { templates[index] } else { nil }
    }

    public var isEmpty: Bool { policies.isEmpty && templates.isEmpty }
}

/// A policy made of a template.
public struct TemplateLink: Sendable, Hashable {
    public let id: PolicyID
    public let template: PolicyID
    public let values: [Slot: EntityUID]

    public init(id: PolicyID, template: PolicyID, values: [Slot: EntityUID]) {
        self.id = id
        self.template = template
        self.values = values
    }
}

public enum PolicySetError: Error, Sendable, Hashable {
    case duplicateID(PolicyID)
    case noSuchTemplate(PolicyID)
    case wrongSlots(PolicyID, expected: [Slot])
}

extension PolicySetError: CustomStringConvertible {
    public var description: String {
        switch self {
        case .duplicateID(let id): return "there is a policy `\(id)` already"
        case .noSuchTemplate(let id): return "there is no template `\(id)`"
        case .wrongSlots(let id, let slots):
            let names = slots.map { "`?\($0.rawValue)`" }.joined(separator: " and ")
            return "`\(id)` does not fill exactly the slots of its template: \(names)"
        }
    }
}
