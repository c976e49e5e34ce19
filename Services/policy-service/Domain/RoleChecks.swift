import APISecurity
import SecurityClient

/// Why something about roles is not done.
enum RoleFault: Error, Sendable, Equatable {
    case unknownRole(String)
    case unknownSubject
    case invalidRole(String)
    case invalidConstraint(String)
    /// It can be had by elevation only.
    case notStanding(String)
    case scopeNotAllowed(role: String, type: String)
    case invalidPeriod(String)
    case ownAssignment
    case alreadyAssigned(Int64)
    case separationOfDuties(constraint: String)
    case ownRole(String)
    case roleInUse(String)
    /// The role cannot be had for a while.
    case noElevation(String)
    /// Milliseconds that are the most.
    case tooLong(Int64)
    case notEligible([String])
    case notApprover([String])
    case fourEyes
    case alreadyRequested(Int64)
    case alreadyDecided(Elevation.State)
    case notInEffect(Elevation.State)
}

/// What has to hold of roles. Functions of values.
enum RoleChecks {
    /// Whether an administrator may give somebody a role.
    /// - Parameters:
    ///   - account: the roles of the person's account.
    ///   - held: what she was assigned.
    static func assign(
        _ wanted: WantedRole, by actor: String?, account: [String], held: [RoleAssignment], _ catalogue: RoleCatalogue,
        now: Int64
    ) throws(RoleFault) {
        guard actor != wanted.subject else { throw .ownAssignment }
        let role = try role(wanted.role, scope: wanted.scope, catalogue)
        guard role.isStanding else { throw .notStanding(wanted.role) }
        let period = wanted.period
        if let end = period.endsAt {
            guard end > now else { throw .invalidPeriod("ends_at has passed") }
            guard end > period.startsAt ?? now else { throw .invalidPeriod("ends_at is not after starts_at") }
        }
        try fit(wanted, account: account, held: held, catalogue, now: now)
    }

    /// Whether somebody may ask for a role for a while.
    /// - Parameter duration: milliseconds.
    static func request(
        _ name: String, scope: RoleScope?, duration: Int64, by roles: HeldRoles, _ catalogue: RoleCatalogue
    ) throws(RoleFault) {
        let elevation = try elevation(name, scope: scope, catalogue)
        guard duration <= elevation.maximum else { throw .tooLong(elevation.maximum) }
        guard roles.contains(oneOf: elevation.eligible, for: scope) else { throw .notEligible(elevation.eligible) }
    }

    /// Whether somebody may decide about a request.
    static func decide(
        _ request: Elevation, by roles: HeldRoles, _ catalogue: RoleCatalogue
    ) throws(RoleFault) {
        let elevation = try elevation(request.role, scope: request.scope, catalogue)
        guard roles.contains(oneOf: elevation.approvers, for: request.scope) else {
            throw .notApprover(elevation.approvers)
        }
    }

    /// Whether what was asked for can still be given: the catalogue, or what the person holds, may have changed since.
    static func grant(
        _ request: Elevation, account: [String], held: [RoleAssignment], _ catalogue: RoleCatalogue, now: Int64
    ) throws(RoleFault) {
        let current = held.filter { $0.condition(at: now) == .active }
        let roles = HeldRoles(
            roles: account + current.filter { $0.scope == nil }.map(\.role),
            scoped: current.compactMap { assignment in
                assignment.scope.map { ScopedRole(role: assignment.role, type: $0.type, id: $0.id) }
            })
        try RoleChecks.request(
            request.role, scope: request.scope, duration: request.duration, by: roles, catalogue)
        let wanted = WantedRole(
            subject: request.subject, role: request.role, scope: request.scope,
            period: RolePeriod(startsAt: now, endsAt: now + request.duration), reason: request.reason)
        try fit(wanted, account: account, held: held, catalogue, now: now)
    }

    /// The first static constraint that would be broken if a role were held with others.
    static func conflict(of role: String, with held: Set<String>, _ catalogue: RoleCatalogue) -> String? {
        let all = held.union([role])
        return catalogue.constraints.first { constraint in
            constraint.kind == .static && constraint.roles.contains(role)
                && constraint.roles.count(where: all.contains) > constraint.maximum
        }?.name
    }

    /// Whether a change of a role lets whoever holds it do more, or get it more easily.
    static func widens(_ old: RoleCatalogue.Role, to new: RoleCatalogue.Role, _ catalogue: RoleCatalogue) -> Bool {
        if !Set(new.permissions).isSubset(of: old.permissions) { return true }
        if !Set(new.scopes).isSubset(of: old.scopes) { return true }
        if old.isPrivileged && !new.isPrivileged || !old.isStanding && new.isStanding { return true }
        let limits = (old.sessionLimit ?? catalogue.sessionLimit, new.sessionLimit ?? catalogue.sessionLimit)
        if limits.1.maximum > limits.0.maximum { return true }
        guard let after = new.elevation else { return false }
        guard let before = old.elevation else { return true }
        return after.maximum > before.maximum || !Set(after.eligible).isSubset(of: before.eligible)
            || !Set(after.approvers).isSubset(of: before.approvers)
    }

    /// Where a role stands in the catalogue beside its own place: it cannot go while it does.
    static func place(of role: String, in catalogue: RoleCatalogue) -> String? {
        if let constraint = catalogue.constraints.first(where: { $0.roles.contains(role) }) {
            return "the constraint \(constraint.name) names it"
        }
        let other = catalogue.roles.sorted { $0.key < $1.key }.first { name, value in
            name != role && (value.elevation.map { ($0.eligible + $0.approvers).contains(role) } ?? false)
        }
        return other.map { "the elevation to \($0.key) names it" }
    }

    private static func role(
        _ name: String, scope: RoleScope?, _ catalogue: RoleCatalogue
    ) throws(RoleFault) -> RoleCatalogue.Role {
        guard let role = catalogue.roles[name] else { throw .unknownRole(name) }
        if let scope, !role.scopes.contains(scope.type) { throw .scopeNotAllowed(role: name, type: scope.type) }
        return role
    }

    private static func elevation(
        _ name: String, scope: RoleScope?, _ catalogue: RoleCatalogue
    ) throws(RoleFault) -> RoleCatalogue.Elevation {
        guard let elevation = try role(name, scope: scope, catalogue).elevation else { throw .noElevation(name) }
        return elevation
    }

    /// Whether it goes together with what is held.
    private static func fit(
        _ wanted: WantedRole, account: [String], held: [RoleAssignment], _ catalogue: RoleCatalogue, now: Int64
    ) throws(RoleFault) {
        if let same = held.first(where: {
            $0.role == wanted.role && $0.scope == wanted.scope && $0.overlaps(wanted.period, now: now)
        }) {
            throw .alreadyAssigned(same.id)
        }
        let others = Set(account).union(held.filter { $0.isStanding(at: now) }.map(\.role))
        if let constraint = conflict(of: wanted.role, with: others, catalogue) {
            throw .separationOfDuties(constraint: constraint)
        }
    }
}

extension RoleCatalogue {
    /// The same with some of it replaced.
    func with(
        permissions: [String]? = nil, roles: [String: Role]? = nil, constraints: [Constraint]? = nil
    ) throws(RoleCatalogueFault) -> RoleCatalogue {
        try RoleCatalogue(
            permissions: permissions ?? self.permissions, sessionLimit: sessionLimit, roles: roles ?? self.roles,
            constraints: constraints ?? self.constraints)
    }
}
