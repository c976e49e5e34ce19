/// What an act does to the platform's exposure when it goes through wrongly.
///
/// Decides what happens when a verifier cannot tell whether a token was revoked: acts that increase risk fail
/// closed, acts that reduce it stay possible (DESIGN, "Identity between services").
public enum RiskClass: String, Sendable, Hashable {
    /// Adds exposure: refused when freshness is lost.
    case increasing
    /// Takes exposure away: allowed on a valid token up to 15 minutes of staleness.
    case reducing
    /// Neither: reads and administration. Refused when freshness is lost, as there is no harm in waiting.
    case neutral
}

/// The name of a permission, `resource:act`.
public struct Permission: Sendable, Hashable, RawRepresentable, ExpressibleByStringLiteral, CustomStringConvertible {
    public let rawValue: String

    public init(rawValue: String) { self.rawValue = rawValue }
    public init(_ name: String) { self.rawValue = name }
    public init(stringLiteral value: String) { self.rawValue = value }

    public var description: String { rawValue }

    /// How the act weighs when freshness is lost. A permission nobody classified is treated as neutral: it is refused.
    public var risk: RiskClass { Permission.classified[rawValue] ?? .neutral }

    private static let classified: [String: RiskClass] = [
        "orders:place": .increasing,
        "orders:modify": .increasing,
        "strategies:modify": .increasing,
        "risk:override": .increasing,
        "orders:cancel": .reducing,
        "positions:flatten": .reducing,
        "killswitch:use": .reducing,
        "sessions:revoke": .reducing,
        "users:disable": .reducing,
        "service-accounts:disable": .reducing,
        "assignments:end": .reducing,
        "elevations:end": .reducing,
    ]
}

extension Permission {
    public static let viewPositions: Permission = "positions:view"
    public static let viewOrders: Permission = "orders:view"
    public static let placeOrders: Permission = "orders:place"
    public static let cancelOrders: Permission = "orders:cancel"
    public static let modifyOrders: Permission = "orders:modify"
    public static let flattenPositions: Permission = "positions:flatten"
    public static let modifyStrategies: Permission = "strategies:modify"
    public static let overrideRisk: Permission = "risk:override"
    public static let useKillSwitch: Permission = "killswitch:use"
    public static let readUsers: Permission = "users:read"
    public static let writeUsers: Permission = "users:write"
    /// Disabling and locking; giving access back takes `users:write`.
    public static let disableUsers: Permission = "users:disable"
    public static let readServiceAccounts: Permission = "service-accounts:read"
    public static let writeServiceAccounts: Permission = "service-accounts:write"
    public static let disableServiceAccounts: Permission = "service-accounts:disable"
    public static let readSessions: Permission = "sessions:read"
    public static let revokeSessions: Permission = "sessions:revoke"
    public static let readKeys: Permission = "keys:read"
    public static let writeKeys: Permission = "keys:write"
    /// What a session may do whose password or second factor has yet to be set: look after its own account.
    public static let ownAccount: Permission = "account:self"
    public static let introspectTokens: Permission = "tokens:introspect"
    public static let readPolicies: Permission = "policies:read"
    public static let writePolicies: Permission = "policies:write"
    public static let activatePolicies: Permission = "policies:activate"
    /// Rotating and revoking the keys that sign statements.
    public static let writeStatementKeys: Permission = "statement-keys:write"
    public static let readEntities: Permission = "entities:read"
    public static let writeEntities: Permission = "entities:write"
    public static let readRoles: Permission = "roles:read"
    /// What roles mean, and who may hold which together.
    public static let writeRoles: Permission = "roles:write"
    public static let writeAssignments: Permission = "assignments:write"
    /// Taking away what was assigned.
    public static let endAssignments: Permission = "assignments:end"
    public static let requestElevations: Permission = "elevations:request"
    public static let approveElevations: Permission = "elevations:approve"
    public static let endElevations: Permission = "elevations:end"
    /// What a service needs that decides for itself.
    public static let readBundles: Permission = "bundles:read"
    public static let evaluateDecisions: Permission = "decisions:evaluate"
    /// Asking whether a request is within its limits, and charging it.
    public static let checkLimits: Permission = "limits:check"
    public static let readLimits: Permission = "limits:read"
    public static let writeLimits: Permission = "limits:write"
    public static let activateLimits: Permission = "limits:activate"
    public static let readBans: Permission = "bans:read"
    public static let writeBans: Permission = "bans:write"
}
