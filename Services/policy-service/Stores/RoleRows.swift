import Database
import SecurityClient
import StrictJSON

/// How rows become values, and the few statements that more than one of the stores of roles needs.
enum RoleRows {
    static let assignments = """
        SELECT id, subject, role, scope_type, scope_id, starts_at, ends_at, state, elevation, reason, created_by,
            created_at, ended_by, ended_at, end_reason, changed_sequence
        FROM role_assignments
        """
    static let elevations = """
        SELECT id, subject, role, scope_type, scope_id, duration, reason, state, requested_at, lapses_at, decided_by,
            decided_at, decision_reason, ends_at, ended_by, ended_at, assignment
        FROM role_elevations
        """

    static func assignment(_ row: SQLRow) throws -> RoleAssignment {
        guard let state = RoleAssignment.State(rawValue: try row.text("state")) else {
            throw DatabaseError.sql("an assignment of an unknown state")
        }
        return RoleAssignment(
            id: try row.int("id"), subject: try row.text("subject"), role: try row.text("role"),
            scope: try scope(row), startsAt: try row.optionalInt("starts_at"), endsAt: try row.optionalInt("ends_at"),
            state: state, elevation: try row.optionalInt("elevation"), reason: try row.text("reason"),
            createdBy: try row.optionalText("created_by"), createdAt: try row.int("created_at"),
            endedBy: try row.optionalText("ended_by"), endedAt: try row.optionalInt("ended_at"),
            endReason: try row.optionalText("end_reason"), sequence: try row.int("changed_sequence"))
    }

    static func elevation(_ row: SQLRow) throws -> Elevation {
        guard let state = Elevation.State(rawValue: try row.text("state")) else {
            throw DatabaseError.sql("an elevation of an unknown state")
        }
        return Elevation(
            id: try row.int("id"), subject: try row.text("subject"), role: try row.text("role"),
            scope: try scope(row), duration: try row.int("duration"), reason: try row.text("reason"), state: state,
            requestedAt: try row.int("requested_at"), lapsesAt: try row.int("lapses_at"),
            decidedBy: try row.optionalText("decided_by"), decidedAt: try row.optionalInt("decided_at"),
            decisionReason: try row.optionalText("decision_reason"), endsAt: try row.optionalInt("ends_at"),
            endedBy: try row.optionalText("ended_by"), endedAt: try row.optionalInt("ended_at"),
            assignment: try row.optionalInt("assignment"))
    }

    private static func scope(_ row: SQLRow) throws -> RoleScope? {
        guard let type = try row.optionalText("scope_type"), let id = try row.optionalText("scope_id") else {
            return nil
        }
        return RoleScope(type: type, id: id)
    }

    /// The catalogue, and the number of its last change; nil before the first start has ended.
    static func catalogue(_ connection: any SQLConnection) throws -> (value: RoleCatalogue, sequence: Int64)? {
        try connection.query("SELECT document, changed_sequence FROM role_catalogue WHERE id = 1").first.map { row in
            let json = try JSONValue(
                parsing: try row.text("document"), limits: JSONLimits(maxBytes: 16 << 20, maxMembers: 1_000_000))
            return (try RoleCatalogue(json: json), try row.int("changed_sequence"))
        }
    }

    static func requireCatalogue(_ connection: any SQLConnection) throws -> RoleCatalogue {
        guard let catalogue = try catalogue(connection) else { throw DatabaseError.unavailable("no roles yet") }
        return catalogue.value
    }

    static func assignment(_ id: Int64, _ connection: any SQLConnection) throws -> RoleAssignment? {
        try connection.query(assignments + " WHERE id = ?", [.int(id)]).first.map(assignment)
    }

    static func elevation(_ id: Int64, _ connection: any SQLConnection) throws -> Elevation? {
        try connection.query(elevations + " WHERE id = ?", [.int(id)]).first.map(elevation)
    }

    /// What somebody was assigned and neither ended nor was marked as run out.
    static func held(by subject: String, _ connection: any SQLConnection) throws -> [RoleAssignment] {
        try connection.query(
            assignments + " WHERE subject = ? AND state = 'active' ORDER BY id", [.text(subject)]
        ).map(assignment)
    }
}

/// The number of a change of roles.
enum RoleNumber {
    /// Takes the next one. To be called first in a transaction: on PostgreSQL it makes changes wait for each other, so that
    /// each sees the last.
    static func take(_ connection: any SQLConnection) throws -> Int64 { try Counters.next("roles", connection) }

    /// Nothing changed after all.
    static func giveBack(_ number: Int64, _ connection: any SQLConnection) throws {
        try connection.execute("UPDATE counters SET value = ? WHERE name = 'roles'", [.int(number - 1)])
    }

    static func current(_ connection: any SQLConnection) throws -> Int64 {
        try Counters.current("roles", connection)
    }
}

extension SQLValue {
    static func optional(_ text: String?) -> SQLValue { text.map { .text($0) } ?? .null }
    static func optional(_ number: Int64?) -> SQLValue { number.map { .int($0) } ?? .null }
}
