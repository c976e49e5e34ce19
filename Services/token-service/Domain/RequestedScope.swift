import APISecurity
import Contracts
import SecurityClient

/// What a client asks for (RFC 6749 section 3.3): `role:NAME` chooses among the roles, everything else among what they
/// permit.
struct RequestedScope: Sendable, Equatable {
    static let rolePrefix = "role:"

    /// nil: all roles.
    var roles: Set<String>?
    /// nil: all that the roles permit.
    var permissions: Set<String>?

    /// The values of a `scope`, which are separated by spaces.
    static func values(_ text: String) -> [String] { text.split(separator: " ").map(String.init) }

    init(_ values: [String]?) {
        guard let values else { return }
        let chosen = values.filter { $0.hasPrefix(RequestedScope.rolePrefix) }
        if !chosen.isEmpty { roles = Set(chosen.map { String($0.dropFirst(RequestedScope.rolePrefix.count)) }) }
        let others = values.filter { !$0.hasPrefix(RequestedScope.rolePrefix) }
        if !others.isEmpty || roles == nil { permissions = Set(others) }
    }
}

/// What a token says of what its holder may do.
struct GrantedAccess: Sendable, Equatable {
    var roles: [String] = []
    var scopedRoles: [ScopedRole] = []
    /// Sorted, each once.
    var permissions: [String]
    /// The first of the roles ends then, milliseconds since the epoch.
    var endsAt: Int64?
    var withheld: [EffectiveRoles.Withheld] = []

    /// A session that may only look after its own account.
    static let selfOnly = GrantedAccess(permissions: [Permission.ownAccount.rawValue])

    /// A role with less left (milliseconds) is not given any more: a token counts in whole seconds.
    static let least: Int64 = 1_000

    /// - Parameters:
    ///   - direct: permissions that are held beside the roles.
    ///   - now: milliseconds since the epoch.
    init(
        _ catalogue: RoleCatalogue, account: [String], assigned: [AssignedRole], direct: [String],
        selected: Set<String>?, hasSecondFactor: Bool, now: Int64
    ) {
        let lasting =
            assigned.isEmpty
            ? assigned
            : assigned.filter { role in role.endsAt.map { $0 - now >= GrantedAccess.least } ?? true }
        let effective = catalogue.effective(
            account: account, assigned: lasting, selected: selected, hasSecondFactor: hasSecondFactor, now: now)
        roles = effective.roles
        scopedRoles = effective.scoped
        endsAt = effective.endsAt
        withheld = effective.withheld
        permissions = catalogue.permissions(of: effective.scoped.isEmpty ? effective.roles : effective.names)
        if !direct.isEmpty { permissions = Set(permissions + direct).sorted() }
    }

    private init(permissions: [String]) { self.permissions = permissions }

    /// - Throws: `invalidScope` when nothing of what is asked for may be granted.
    func limited(to requested: RequestedScope) throws(OAuthError) -> GrantedAccess {
        var limited = self
        if requested.roles != nil {
            guard !roles.isEmpty || !scopedRoles.isEmpty else { throw .invalidScope }
        }
        if let wanted = requested.permissions {
            limited.permissions = permissions.filter(wanted.contains)
            guard !limited.permissions.isEmpty else { throw .invalidScope }
        }
        return limited
    }
}
