/// A hole in a template, written `?principal` or `?resource`.
public enum Slot: String, Sendable, Hashable, CaseIterable {
    case principal, resource
}

/// An entity in a scope: named, or left open by a template.
public enum EntityReference: Sendable, Hashable {
    case entity(EntityUID)
    /// The slot of the same variable.
    case slot
}

/// What a scope asks of `principal` or `resource`.
public enum ScopeConstraint: Sendable, Hashable {
    case any
    case equal(EntityReference)
    case `in`(EntityReference)
    case isType(Name)
    case isTypeIn(Name, EntityReference)

    public var hasSlot: Bool {
        switch self {
        case .equal(.slot), .in(.slot), .isTypeIn(_, .slot): true
        default: false
        }
    }

    /// The same with the slot filled.
    public func filled(with entity: EntityUID) -> ScopeConstraint {
        switch self {
        case .equal(.slot): .equal(.entity(entity))
        case .in(.slot): .in(.entity(entity))
        case .isTypeIn(let type, .slot): .isTypeIn(type, .entity(entity))
        default: self
        }
    }
}

/// What a scope asks of `action`.
public enum ActionConstraint: Sendable, Hashable {
    case any
    case equal(EntityUID)
    case `in`(EntityUID)
    case inAny([EntityUID])
}
