import Contracts

/// What roles mean: the permissions that each gives, who may hold which together, and which can be had for a while only.
///
/// It stands in policy-service, and in a file until policy-service has been heard.
package struct RoleCatalogue: Sendable, Equatable {
    /// How many sessions somebody may have, and what happens at one more.
    package struct SessionLimit: Sendable, Equatable {
        package enum WhenReached: String, Sendable { case oldestLeaves = "oldest-leaves", refuse }
        package var maximum: Int
        package var whenReached: WhenReached

        package init(maximum: Int, whenReached: WhenReached) {
            self.maximum = maximum
            self.whenReached = whenReached
        }
    }

    /// How a role is had for a while: who may ask for it, who may grant it, and for how long.
    package struct Elevation: Sendable, Equatable {
        /// Roles of which one makes somebody eligible.
        package var eligible: [String]
        /// Roles of which one lets somebody else approve.
        package var approvers: [String]
        /// Milliseconds.
        package var maximum: Int64

        package init(eligible: [String], approvers: [String], maximum: Int64) {
            self.eligible = eligible
            self.approvers = approvers
            self.maximum = maximum
        }
    }

    package struct Role: Sendable, Equatable {
        package var description: String?
        package var permissions: [String]
        /// Cannot be used without a second factor.
        package var isPrivileged = false
        package var sessionLimit: SessionLimit?
        /// The types of entities for which it can be held alone, such as `Desk`.
        package var scopes: [String] = []
        package var elevation: Elevation?
        /// Whether it can be held for good; otherwise only by elevation.
        package var isStanding = true

        package init(permissions: [String]) { self.permissions = permissions }
    }

    /// Separation of duties (ANSI INCITS 359-2012, sections 6.3 and 6.4): of these roles nobody has more than `maximum`.
    package struct Constraint: Sendable, Equatable {
        package enum Kind: String, Sendable {
            /// Nobody is given more of them.
            case `static`
            /// Nobody uses more of them at the same time: in one token.
            case dynamic
        }
        package var name: String
        package var kind: Kind
        /// In the order in which they are preferred where nobody says which are to be used.
        package var roles: [String]
        package var maximum: Int

        package init(name: String, kind: Kind, roles: [String], maximum: Int) {
            self.name = name
            self.kind = kind
            self.roles = roles
            self.maximum = maximum
        }
    }

    /// All permissions that there are.
    package var permissions: [String]
    package var sessionLimit = SessionLimit(maximum: 10, whenReached: .oldestLeaves)
    package private(set) var roles: [String: Role]
    package var constraints: [Constraint]
    /// Of each role, sorted and each once: most people have one role.
    private let sorted: [String: [String]]

    /// - Throws: what is wrong: a permission or a role that is not known, a constraint that cannot be broken.
    package init(
        permissions: [String], sessionLimit: SessionLimit? = nil, roles: [String: Role],
        constraints: [Constraint] = []
    ) throws(RoleCatalogueFault) {
        self.permissions = Set(permissions).sorted()
        if let sessionLimit { self.sessionLimit = sessionLimit }
        self.roles = roles
        self.constraints = constraints.sorted { $0.name < $1.name }
        sorted = roles.mapValues { Set($0.permissions).sorted() }
        try check()
    }

    package func contains(_ role: String) -> Bool { roles[role] != nil }

    package func knows(permission: String) -> Bool { permissions.contains(permission) }

    /// Sorted, each once; roles that are not known give nothing.
    package func permissions(of roles: [String]) -> [String] {
        if roles.count == 1 { return sorted[roles[0]] ?? [] }
        var all: Set<String> = []
        for role in roles { all.formUnion(sorted[role] ?? []) }
        return all.sorted()
    }

    /// Whether one of the roles cannot be used without a second factor.
    package func isPrivileged(_ roles: [String]) -> Bool { roles.contains { self.roles[$0]?.isPrivileged ?? false } }

    /// The strictest limit of the roles.
    package func sessionLimit(of roles: [String]) -> SessionLimit {
        roles.compactMap { self.roles[$0]?.sessionLimit }.min { left, right in
            // Of equal numbers the refusing one is stricter.
            (left.maximum, left.whenReached == .refuse ? 0 : 1) < (right.maximum, right.whenReached == .refuse ? 0 : 1)
        } ?? sessionLimit
    }

    /// Whoever may write users administers the others; the last such user stays.
    package func isAdministrator(_ roles: [String]) -> Bool {
        permissions(of: roles).contains(Permission.writeUsers.rawValue)
    }

    /// The first static constraint that somebody with all these roles would break.
    package func brokenConstraint(by roles: some Sequence<String>) -> Constraint? {
        let held = Set(roles)
        return constraints.first { constraint in
            constraint.kind == .static && constraint.roles.count(where: held.contains) > constraint.maximum
        }
    }

    private func check() throws(RoleCatalogueFault) {
        guard !permissions.isEmpty else { throw .init("permissions: a list of names is expected") }
        guard !roles.isEmpty else { throw .init("roles: a mapping is expected") }
        for (name, role) in roles.sorted(by: { $0.key < $1.key }) {
            if let stranger = role.permissions.first(where: { !permissions.contains($0) }) {
                throw .init("roles.\(name): \(stranger) is not among the permissions")
            }
            if let elevation = role.elevation {
                for other in elevation.eligible + elevation.approvers where roles[other] == nil {
                    throw .init("roles.\(name).elevation: there is no role \(other)")
                }
                guard !elevation.eligible.isEmpty, !elevation.approvers.isEmpty else {
                    throw .init("roles.\(name).elevation: eligible and approvers are expected")
                }
            } else if !role.isStanding {
                throw .init("roles.\(name): it is not standing, and there is no elevation to it")
            }
        }
        guard Set(constraints.map(\.name)).count == constraints.count else {
            throw .init("constraints: a name stands twice")
        }
        for constraint in constraints {
            if let stranger = constraint.roles.first(where: { roles[$0] == nil }) {
                throw .init("constraints.\(constraint.name): there is no role \(stranger)")
            }
            guard Set(constraint.roles).count == constraint.roles.count, constraint.maximum >= 1,
                constraint.maximum < constraint.roles.count
            else {
                throw .init("constraints.\(constraint.name): fewer than the roles, and at least one, are expected")
            }
        }
    }
}

/// What is wrong with a catalogue, with its place.
package struct RoleCatalogueFault: Error, Sendable, Equatable, CustomStringConvertible {
    package let description: String
    package init(_ description: String) { self.description = description }
}
