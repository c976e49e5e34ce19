import APISecurity
import SecurityClient

/// A role that somebody was given beside those of her account.
struct RoleAssignment: Sendable, Equatable {
    /// What is kept of it; what it is at a time follows from that and from the time.
    enum State: String, Sendable { case active, ended, expired }

    /// What it is at a time.
    enum Condition: String, Sendable, CaseIterable {
        /// To come.
        case scheduled
        case active
        /// By somebody, before it ran out.
        case ended
        /// It ran out.
        case expired
    }

    let id: Int64
    let subject: String
    let role: String
    let scope: RoleScope?
    /// Milliseconds since the epoch, as are all times; nil: from when it was made.
    let startsAt: Int64?
    /// Nil: for good.
    let endsAt: Int64?
    var state: State
    /// What it comes from, if it was not made by an administrator.
    let elevation: Int64?
    let reason: String
    let createdBy: String?
    let createdAt: Int64
    var endedBy: String?
    var endedAt: Int64?
    var endReason: String?
    /// The number of its last change.
    var sequence: Int64

    func condition(at now: Int64) -> Condition {
        switch state {
        case .ended: .ended
        case .expired: .expired
        case .active:
            if now >= endsAt ?? .max { .expired } else if now < startsAt ?? .min { .scheduled } else { .active }
        }
    }

    /// In effect, or to come.
    func isStanding(at now: Int64) -> Bool { [.active, .scheduled].contains(condition(at: now)) }

    /// Whether it is held at some time of a period as well.
    func overlaps(_ period: RolePeriod, now: Int64) -> Bool {
        let (start, end) = (startsAt ?? .min, endsAt ?? .max)
        return isStanding(at: now) && start < period.endsAt ?? .max && period.startsAt ?? now < end
    }

    var assigned: AssignedRole {
        AssignedRole(id: id, role: role, scope: scope, startsAt: startsAt, endsAt: endsAt)
    }
}

/// From when until when.
struct RolePeriod: Sendable, Equatable {
    /// Nil: from now on.
    var startsAt: Int64?
    /// Nil: for good.
    var endsAt: Int64?
}

/// A role for a person, as somebody wants it to be.
struct WantedRole: Sendable, Equatable {
    let subject: String
    let role: String
    let scope: RoleScope?
    let period: RolePeriod
    let reason: String
}

/// The roles of whoever asks, as far as her token says.
struct HeldRoles: Sendable {
    let roles: [String]
    let scoped: [ScopedRole]

    /// Whether one of some roles is held: everywhere, or for this very part of the platform.
    func contains(oneOf wanted: [String], for scope: RoleScope?) -> Bool {
        roles.contains(where: wanted.contains)
            || scoped.contains { wanted.contains($0.role) && RoleScope(type: $0.type, id: $0.id) == scope }
    }

    /// Each name, held for a part or everywhere.
    var names: Set<String> { Set(roles).union(scoped.map(\.role)) }
}
