import SecurityClient

/// Keeps a replica's `AssignedRoles` at what SQL says.
actor RoleFollower {
    private let store: RoleStore
    nonisolated let roles: AssignedRoles

    init(store: RoleStore, roles: AssignedRoles) {
        self.store = store
        self.roles = roles
    }

    /// When it returns, all that was committed before it was called is known here.
    func follow() async throws {
        // Of calls that overlap one may read what the other has taken meanwhile, which then is not: it reads once more.
        while try await store.sequence() > roles.sequence {
            roles.take(try await store.bundle(after: roles.sequence))
        }
    }
}

/// What every change of roles does after it is committed.
struct RoleChanges: Sendable {
    let follower: RoleFollower
    let nudge: @Sendable () -> Void

    func committed() async throws {
        nudge()
        try await follower.follow()
    }
}
