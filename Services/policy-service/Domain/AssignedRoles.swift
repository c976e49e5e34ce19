import Cedar
import SecurityClient
import Synchronization

/// Who was assigned which role, as this replica knows it: kept current from SQL, so that a decision waits for nothing.
final class AssignedRoles: Sendable {
    private struct State {
        var sequence: Int64 = 0
        var catalogue: RoleCatalogue?
        var bySubject: [String: [AssignedRole]] = [:]
    }

    private let state = Mutex(State())
    /// Most platforms have few assignments, and many decisions are about none: these take no lock.
    private let isEmpty = Atomic(true)

    /// The number of the last change that is known here.
    var sequence: Int64 { state.withLock { $0.sequence } }

    /// Assignments that are neither ended nor marked as run out.
    var count: Int { state.withLock { $0.bySubject.values.reduce(0) { $0 + $1.count } } }

    /// People who were assigned anything.
    var subjects: [String] {
        isEmpty.load(ordering: .acquiring) ? [] : state.withLock { Array($0.bySubject.keys) }
    }

    /// Takes the whole, or a change of what is known here; others are left alone.
    func take(_ bundle: RolesBundle) {
        state.withLock { state in
            if let from = bundle.from {
                guard from == state.sequence, bundle.sequence > from else { return }
                for removed in bundle.removed {
                    state.bySubject[removed.subject]?.removeAll { $0.id == removed.id }
                    if state.bySubject[removed.subject]?.isEmpty == true { state.bySubject[removed.subject] = nil }
                }
            } else {
                guard bundle.sequence >= state.sequence else { return }
                state.bySubject = [:]
            }
            for assignment in bundle.assignments {
                state.bySubject[assignment.subject, default: []].removeAll { $0.id == assignment.assigned.id }
                state.bySubject[assignment.subject, default: []].append(assignment.assigned)
            }
            if let catalogue = bundle.catalogue { state.catalogue = catalogue }
            state.sequence = bundle.sequence
            isEmpty.store(state.bySubject.isEmpty, ordering: .releasing)
        }
    }

    /// What a person may use of it at a time: of roles that cannot be held together the older ones. The account's roles
    /// are not known here; tokens have them.
    /// - Parameter now: milliseconds since the epoch.
    func roles(of subject: String, now: Int64) -> EffectiveRoles? {
        guard !isEmpty.load(ordering: .acquiring) else { return nil }
        let found = state.withLock { state -> (RoleCatalogue, [AssignedRole])? in
            guard let catalogue = state.catalogue, let assigned = state.bySubject[subject] else { return nil }
            return (catalogue, assigned)
        }
        guard let (catalogue, assigned) = found else { return nil }
        let roles = catalogue.effective(
            account: [], assigned: assigned, selected: nil, hasSecondFactor: true, now: now)
        return roles.isEmpty ? nil : roles
    }

    /// Puts a person in the roles that she was assigned, for one decision: those for a part of the platform where the
    /// resource is in that part.
    /// - Parameter entities: what is known of entities for this decision, in the place of what is stored.
    func join(
        _ principal: EntityUID, for resource: EntityUID, in snapshot: PolicySnapshot, now: Int64,
        _ entities: inout [Entity]
    ) {
        guard !isEmpty.load(ordering: .acquiring), principal.type == AuthorizationSubject.Names.user,
            let held = roles(of: principal.id.string, now: now)
        else { return }
        let given = entities.firstIndex { $0.uid == principal }
        var entity = given.map { entities[$0] } ?? snapshot.store[principal] ?? Entity(uid: principal)
        entity.parents.formUnion(held.roles.map(AssignedRoles.uid))
        if !held.scoped.isEmpty {
            let places = AuthorizationSubject.places(of: resource, in: snapshot, with: entities)
            for scoped in held.scoped {
                let scopedRole = EntityUID(type: AuthorizationSubject.Names.scopedRole, id: CedarString(scoped.role))
                entity.parents.insert(scopedRole)
                guard let type = Name(scoped.type),
                    places.contains(EntityUID(type: type, id: CedarString(scoped.id)))
                else { continue }
                entity.parents.insert(AssignedRoles.uid(scoped.role))
            }
        }
        if let given { entities[given] = entity } else { entities.append(entity) }
    }

    private static func uid(_ role: String) -> EntityUID {
        EntityUID(type: AuthorizationSubject.Names.role, id: CedarString(role))
    }
}
