import APISecurity
import Cedar
import Contracts

/// Who asks, as policies see it. Everything here comes from the token, the connection and the clock: nothing that the
/// caller merely says.
public struct AuthorizationSubject: Sendable {
    public let principal: EntityUID
    /// What the principal is in by its token, beside what the entity store says.
    public let roles: [EntityUID]
    /// What it is in where the resource is in a part of the platform.
    let scopedRoles: [(role: EntityUID, scope: EntityUID)]
    public let context: Record
    package let subject: String
    package let sessionID: String?

    /// - Parameters:
    ///   - certificate: whether the caller showed a client certificate.
    ///   - address: the caller's, as text.
    ///   - now: milliseconds since the epoch.
    public init(_ identity: Identity, certificate: Bool = false, address: String? = nil, now: Int64) {
        let type = identity.isService ? Names.service : Names.user
        principal = EntityUID(type: type, id: CedarString(identity.subject))
        roles = identity.roles.map { EntityUID(type: Names.role, id: CedarString($0)) }
        scopedRoles = identity.scopedRoles.compactMap { scoped in
            guard let type = Name(scoped.type) else { return nil }
            return (
                EntityUID(type: Names.role, id: CedarString(scoped.role)),
                EntityUID(type: type, id: CedarString(scoped.id))
            )
        }
        subject = identity.subject
        sessionID = identity.sessionID
        var fields: [(CedarString, Value)] = [
            ("amr", .set(ValueSet(identity.amr.map { .string(CedarString($0)) }))),
            ("client_certificate", .bool(certificate)),
            ("now", .extension(.datetime(.init(milliseconds: now)))),
        ]
        if let at = identity.authTime { fields.append(("authenticated_at_age", .int(max(0, now / 1000 - at)))) }
        if let address = address.flatMap({ ExtensionValue.IPAddress(parsing: $0) }) {
            fields.append(("address", .extension(.ip(address))))
        }
        context = Record(fields)
    }

    package enum Names {
        package static let user: Name = "User"
        package static let service: Name = "Service"
        package static let role: Name = "Role"
        /// A role that is held for some part of the platform, whichever that is.
        package static let scopedRole: Name = "ScopedRole"
        package static let action: Name = "Action"
    }

    /// The principal with its roles: what is stored of it, in the roles of the token and in none that are stored.
    /// - Parameters:
    ///   - resource: roles that are held for a part of the platform count when it is in that part.
    ///   - entities: what is known of entities for this request, in the place of what is stored.
    package func entity(in snapshot: PolicySnapshot, for resource: EntityUID, with entities: [Entity]) -> Entity {
        let stored = snapshot.store[principal]
        var parents = (stored?.parents ?? []).filter { $0.type != Names.role && $0.type != Names.scopedRole }
        parents.formUnion(roles)
        if !scopedRoles.isEmpty {
            let places = AuthorizationSubject.places(of: resource, in: snapshot, with: entities)
            for (role, scope) in scopedRoles {
                parents.insert(EntityUID(type: Names.scopedRole, id: role.id))
                if places.contains(scope) { parents.insert(role) }
            }
        }
        return Entity(
            uid: principal, attributes: stored?.attributes ?? .empty, parents: parents,
            tags: stored?.tags ?? .empty)
    }

    /// The resource, and all that it is in.
    package static func places(
        of resource: EntityUID, in snapshot: PolicySnapshot, with entities: [Entity]
    ) -> Set<EntityUID> {
        var found: Set<EntityUID> = [resource]
        var waiting = [resource]
        while let uid = waiting.popLast() {
            let entity = entities.first { $0.uid == uid } ?? snapshot.store[uid]
            for parent in entity?.parents ?? [] where found.insert(parent).inserted { waiting.append(parent) }
        }
        return found
    }
}
