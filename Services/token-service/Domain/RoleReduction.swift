import SecurityClient

/// What one catalogue gives less than another: whoever holds something of it has tokens that say too much.
struct RoleReduction: Sendable, Equatable {
    /// Roles that permit less, are gone, or take a second factor now.
    let roles: Set<String>
    /// Constraints that are new or otherwise.
    let constraints: [RoleCatalogue.Constraint]

    init(from old: RoleCatalogue, to new: RoleCatalogue) {
        var roles: Set<String> = []
        for (name, before) in old.roles {
            guard let after = new.roles[name] else {
                roles.insert(name)
                continue
            }
            if !Set(before.permissions).isSubset(of: after.permissions) || (after.isPrivileged && !before.isPrivileged)
            {
                roles.insert(name)
            }
        }
        self.roles = roles
        constraints = new.constraints.filter { !old.constraints.contains($0) }
    }

    var isEmpty: Bool { roles.isEmpty && constraints.isEmpty }

    /// Whether somebody with these roles may have less than before.
    func concerns(_ held: some Sequence<String>) -> Bool {
        let held = Set(held)
        return !held.isDisjoint(with: roles)
            || constraints.contains { constraint in constraint.roles.count(where: held.contains) > constraint.maximum }
    }
}

extension [AssignedRole] {
    /// Whether something that is in effect is not there any more in `later`, is held for less, or ends earlier. What runs
    /// out by itself is not taken away: no token outlives it.
    /// - Parameters:
    ///   - account: roles that are held beside them, everywhere and for good.
    ///   - now: milliseconds since the epoch.
    func loses(to later: [AssignedRole], account: [String], at now: Int64) -> Bool {
        contains { old in
            guard old.isInEffect(at: now), !account.contains(old.role) else { return false }
            return !later.contains { new in
                new.role == old.role && (new.scope == nil || new.scope == old.scope) && new.isInEffect(at: now)
                    && new.endsAt ?? .max >= old.endsAt ?? .max
            }
        }
    }
}

extension AssignedRole {
    /// Whether it has run out, at a time in milliseconds since the epoch.
    func isOver(at now: Int64) -> Bool { endsAt ?? .max <= now }
}

extension RoleCatalogue {
    /// Checks the roles that an account is to have. Only what is added can break anything: taking away is never refused.
    /// - Parameter assigned: what is held beside them, now or later.
    func checkAccount(_ roles: [String], added: [String], assigned: [AssignedRole]) throws(PeopleFault) {
        if let stranger = roles.first(where: { !contains($0) }) { throw .unknownRole(stranger) }
        if let role = added.first(where: { self.roles[$0]?.isStanding == false }) { throw .roleNotStanding(role) }
        if !added.isEmpty, let constraint = brokenConstraint(by: roles + assigned.map(\.role)) {
            throw .separationOfDuties(constraint.name)
        }
    }
}
