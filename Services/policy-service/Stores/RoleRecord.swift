import Contracts
import Database
import EventBus
import SecurityClient
import StrictJSON

/// What is told of a change of roles, in its transaction: the hint to those who follow, and the event for the record.
struct RoleRecord: Sendable {
    let outbox: SQLOutbox

    /// - Parameter sequence: the number that the change took.
    func announce(_ sequence: Int64, at: Int64, _ connection: any SQLConnection) throws {
        try outbox.append(PolicyEvents.rolesChanged(sequence: sequence, at: at), connection)
    }

    /// Of the catalogue: nobody else is concerned.
    func append(
        _ kind: SecurityEvent.Kind, _ act: Act, sequence: Int64, _ fields: JSONObject, _ connection: any SQLConnection
    ) throws {
        var fields = fields
        fields["sequence"] = .int(sequence)
        try outbox.append(
            SecurityEvent(
                kind, subject: act.subject, sessionID: act.sessionID, at: act.at, requestID: act.requestID,
                fields: fields
            ).outboxEvent(), connection)
    }

    func append(
        _ kind: SecurityEvent.Kind, _ assignment: RoleAssignment, _ act: Act, reason: String? = nil, stated: String?,
        _ connection: any SQLConnection
    ) throws {
        var fields = RoleRecord.fields(role: assignment.role, scope: assignment.scope, stated: stated)
        fields["assignment"] = .int(assignment.id)
        fields["sequence"] = .int(assignment.sequence)
        fields["starts_at"] = assignment.startsAt.map { .string(RFC3339.string(milliseconds: $0)) }
        fields["ends_at"] = assignment.endsAt.map { .string(RFC3339.string(milliseconds: $0)) }
        try append(kind, assignment.subject, act, reason: reason, fields, connection)
    }

    /// - Parameter sequence: the number that the change took; nil when nobody's roles changed by it.
    func append(
        _ kind: SecurityEvent.Kind, _ elevation: Elevation, _ act: Act, reason: String? = nil, stated: String?,
        sequence: Int64?, _ connection: any SQLConnection
    ) throws {
        var fields = RoleRecord.fields(role: elevation.role, scope: elevation.scope, stated: stated)
        fields["elevation"] = .int(elevation.id)
        fields["assignment"] = elevation.assignment.map { .int($0) }
        fields["sequence"] = sequence.map { .int($0) }
        fields["seconds"] = .int(elevation.duration / 1_000)
        fields["ends_at"] = elevation.endsAt.map { .string(RFC3339.string(milliseconds: $0)) }
        try append(kind, elevation.subject, act, reason: reason, fields, connection)
    }

    private func append(
        _ kind: SecurityEvent.Kind, _ subject: String, _ act: Act, reason: String?, _ fields: JSONObject,
        _ connection: any SQLConnection
    ) throws {
        try outbox.append(
            SecurityEvent(
                kind, subject: subject, actor: act.subject, sessionID: act.sessionID, reason: reason, at: act.at,
                requestID: act.requestID, fields: fields
            ).outboxEvent(), connection)
    }

    private static func fields(role: String, scope: RoleScope?, stated: String?) -> JSONObject {
        var fields: JSONObject = ["role": .string(role)]
        fields["scope"] = scope.map { ["type": .string($0.type), "id": .string($0.id)] }
        fields["stated_reason"] = stated.map { .string($0) }
        return fields
    }
}
