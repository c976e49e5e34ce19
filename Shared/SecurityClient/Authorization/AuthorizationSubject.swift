import APISecurity
import Cedar
import Contracts

/// Who asks, as policies see it. Everything here comes from the token, the connection and the clock: nothing that the
/// caller merely says.
public struct AuthorizationSubject: Sendable {
    public let principal: EntityUID
    /// What the principal is in by its token, beside what the entity store says.
    public let roles: [EntityUID]
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
        package static let action: Name = "Action"
    }

    /// The principal with its roles: what is stored of it, in the roles of the token and in none that are stored.
    package func entity(in snapshot: PolicySnapshot) -> Entity {
        let stored = snapshot.store[principal]
        let parents = (stored?.parents ?? []).filter { $0.type != Names.role }
        return Entity(
            uid: principal, attributes: stored?.attributes ?? .empty, parents: parents.union(roles),
            tags: stored?.tags ?? .empty)
    }
}
