import APISecurity
import EventBus
import Logging
import ServiceKit
import ServiceLifecycle

/// Roles, put together: their routes and what runs beside them.
struct Roles: Sendable {
    let store: RoleStore
    let assignments: AssignmentStore
    let elevations: ElevationStore
    let upkeep: RoleUpkeep
    let follower: RoleFollower
    /// What decisions know of assignments.
    let assigned: AssignedRoles
    private let people: any PeopleDirectory
    private let keys: StatementKeys
    private let changes: RoleChanges
    private let clock: @Sendable () -> Int64
    private let logger: Logger

    init(
        _ platform: Platform, people: any PeopleDirectory, keys: StatementKeys, assigned: AssignedRoles,
        nudge: @escaping @Sendable () -> Void
    ) {
        let record = RoleRecord(outbox: platform.outbox)
        store = RoleStore(database: platform.database, record: record)
        assignments = AssignmentStore(database: platform.database, record: record)
        elevations = ElevationStore(database: platform.database, record: record)
        upkeep = RoleUpkeep(database: platform.database, record: record)
        self.assigned = assigned
        follower = RoleFollower(store: store, roles: assigned)
        changes = RoleChanges(follower: follower, nudge: nudge)
        self.people = people
        self.keys = keys
        clock = platform.clock
        logger = platform.logger
    }

    func register(on router: SecureRouter, metrics: MetricsRegistry) {
        RolesBundleAPI(roles: store, keys: keys, clock: clock).register(on: router)
        RolesAPI(roles: store, assignments: assignments, people: people, changes: changes).register(on: router)
        ConstraintsAPI(roles: store, changes: changes).register(on: router)
        AssignmentsAPI(assignments: assignments, people: people, changes: changes, clock: clock).register(on: router)
        ElevationsAPI(elevations: elevations, people: people, changes: changes, clock: clock).register(on: router)
        let assigned = assigned
        metrics.gauge("role_sequence", help: "The number of the last change of roles that is known here.") {
            Double(assigned.sequence)
        }
        metrics.gauge("role_assignments", help: "Assignments in effect or to come.") { Double(assigned.count) }
    }

    var services: [any Service] {
        let (follower, upkeep, clock, nudge) = (follower, upkeep, clock, changes.nudge)
        return [
            PeriodicTask(name: "following roles", interval: .milliseconds(200), logger: logger) {
                try await follower.follow()
            },
            PeriodicTask(name: "ending what ran out", interval: .seconds(1), logger: logger) {
                if try await upkeep.run(now: clock()) > 0 { nudge() }
            },
        ]
    }
}
