import APISecurity

/// A role that somebody was given beside those of her account: for a part of the platform, or for a while.
package struct AssignedRole: Sendable, Hashable {
    package var id: Int64
    package var role: String
    /// For which entity it is held alone; nil: everywhere.
    package var scope: RoleScope?
    /// Milliseconds since the epoch; nil: from the beginning.
    package var startsAt: Int64?
    /// Milliseconds since the epoch; nil: for good.
    package var endsAt: Int64?

    package init(id: Int64, role: String, scope: RoleScope? = nil, startsAt: Int64? = nil, endsAt: Int64? = nil) {
        self.id = id
        self.role = role
        self.scope = scope
        self.startsAt = startsAt
        self.endsAt = endsAt
    }

    package func isInEffect(at now: Int64) -> Bool { startsAt ?? .min <= now && now < endsAt ?? .max }
}

/// The entity that a role is held for.
package struct RoleScope: Sendable, Hashable {
    package var type: String
    package var id: String

    package init(type: String, id: String) {
        self.type = type
        self.id = id
    }
}

/// The roles that a token speaks of.
package struct EffectiveRoles: Sendable, Equatable {
    package enum Reason: String, Sendable {
        /// Not asked for.
        case notSelected = "not-selected"
        /// It takes a second factor, and the session has none.
        case secondFactor = "second-factor"
        /// Others that are held keep it from being held.
        case separationOfDuties = "separation-of-duties"
    }

    package struct Withheld: Sendable, Hashable {
        package let role: String
        package let reason: Reason
    }

    package var roles: [String] = []
    package var scoped: [ScopedRole] = []
    /// When the first of them ends, milliseconds since the epoch: no token with them lives longer.
    package var endsAt: Int64?
    package var withheld: [Withheld] = []

    package var isEmpty: Bool { roles.isEmpty && scoped.isEmpty }
    /// Each once, those held for a part too.
    package var names: [String] { roles + Set(scoped.map(\.role)).subtracting(roles).sorted() }
}

extension RoleCatalogue {
    /// The roles that somebody may use now.
    ///
    /// Those of the account come first, and of those assigned the older ones: where not all can be held together the later
    /// ones are withheld. Where not all can be used together, the ones asked for are, or else those that their constraint
    /// names first.
    /// - Parameters:
    ///   - selected: the roles that are asked for; nil: all.
    ///   - hasSecondFactor: of the session. The account's own roles are not looked at for it: without the factor such a
    ///     session is good for nothing but enrolment anyway.
    ///   - now: milliseconds since the epoch.
    package func effective(
        account: [String], assigned: [AssignedRole], selected: Set<String>?, hasSecondFactor: Bool, now: Int64
    ) -> EffectiveRoles {
        // Nearly everybody: one role of the account, and nothing else.
        if assigned.isEmpty, selected == nil, account.count <= 1 || constraints.isEmpty {
            return EffectiveRoles(roles: account)
        }
        var result = EffectiveRoles()
        var held: [(role: String, assignment: AssignedRole?)] = []
        var names: Set<String> = []
        let candidates =
            account.map { ($0, AssignedRole?.none) }
            + assigned.filter { $0.isInEffect(at: now) && contains($0.role) }.sorted { $0.id < $1.id }
            .map { ($0.role, AssignedRole?.some($0)) }
        for (role, assignment) in candidates {
            if assignment != nil, !hasSecondFactor, isPrivileged([role]) {
                result.withheld.append(.init(role: role, reason: .secondFactor))
            } else if brokenConstraint(by: names.union([role])) != nil {
                result.withheld.append(.init(role: role, reason: .separationOfDuties))
            } else {
                names.insert(role)
                held.append((role, assignment))
            }
        }
        if let selected {
            for role in names.subtracting(selected).sorted() {
                result.withheld.append(.init(role: role, reason: .notSelected))
            }
            names.formIntersection(selected)
        }
        for constraint in constraints where constraint.kind == .dynamic {
            for role in constraint.roles.filter(names.contains).dropFirst(constraint.maximum) {
                names.remove(role)
                result.withheld.append(.init(role: role, reason: .separationOfDuties))
            }
        }
        for (role, assignment) in held where names.contains(role) {
            if let scope = assignment?.scope {
                let scoped = ScopedRole(role: role, type: scope.type, id: scope.id)
                if !result.scoped.contains(scoped) { result.scoped.append(scoped) }
            } else if !result.roles.contains(role) {
                result.roles.append(role)
            }
            if let end = assignment?.endsAt { result.endsAt = min(result.endsAt ?? end, end) }
        }
        // What is held everywhere is held in each part.
        result.scoped.removeAll { result.roles.contains($0.role) }
        return result
    }
}
