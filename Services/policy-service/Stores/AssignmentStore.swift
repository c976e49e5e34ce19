import Contracts
import Database
import EventBus
import SecurityClient
import StrictJSON

/// Who was given which role, in SQL.
struct AssignmentStore: Sendable {
    let database: any Database
    let record: RoleRecord

    /// - Parameter account: the roles of the person's account.
    /// - Throws: `RoleFault`.
    func assign(_ wanted: WantedRole, account: [String], _ act: Act) async throws -> RoleAssignment {
        try await database.change { connection in
            let sequence = try RoleNumber.take(connection)
            try RoleChecks.assign(
                wanted, by: act.subject, account: account, held: try RoleRows.held(by: wanted.subject, connection),
                try RoleRows.requireCatalogue(connection), now: act.at)
            let assignment = try AssignmentStore.insert(
                wanted, elevation: nil, sequence: sequence, by: act.subject, at: act.at, connection)
            try record.announce(sequence, at: act.at, connection)
            try record.append(.roleAssigned, assignment, act, stated: wanted.reason, connection)
            return assignment
        }
    }

    /// Ends it, and the elevation that it comes from. What is over already stays as it is.
    /// - Returns: nil when there is none.
    func end(_ id: Int64, reason: String?, _ act: Act) async throws -> RoleAssignment? {
        try await database.change { connection in
            let sequence = try RoleNumber.take(connection)
            guard let assignment = try RoleRows.assignment(id, connection), assignment.isStanding(at: act.at) else {
                try RoleNumber.giveBack(sequence, connection)
                return try RoleRows.assignment(id, connection)
            }
            try AssignmentStore.finish(
                id, .ended, reason: reason, by: act.subject, at: act.at, sequence: sequence, connection)
            try record.announce(sequence, at: act.at, connection)
            guard let ended = try RoleRows.assignment(id, connection) else { return nil }
            if let number = assignment.elevation, let elevation = try RoleRows.elevation(number, connection) {
                let over = try elevation.ended(by: act.subject ?? "", at: act.at)
                try ElevationStore.update(over, connection)
                try record.append(
                    .elevationEnded, over, act, reason: over.state.rawValue, stated: reason, sequence: sequence,
                    connection)
            } else {
                try record.append(.roleAssignmentEnded, ended, act, stated: reason, connection)
            }
            return ended
        }
    }

    func assignment(_ id: Int64) async throws(DatabaseError) -> RoleAssignment? {
        try await database.read { try RoleRows.assignment(id, $0) }
    }

    /// The roles that somebody was assigned and that are in effect or to come.
    func roles(of subject: String, now: Int64) async throws(DatabaseError) -> Set<String> {
        try await database.read { connection in
            Set(try RoleRows.held(by: subject, connection).filter { $0.isStanding(at: now) }.map(\.role))
        }
    }

    /// Which assignments are listed.
    struct Filter: Sendable {
        var subject: String?
        var role: String?
        var condition: RoleAssignment.Condition?
    }

    /// The newest first, below `before`.
    func page(
        _ filter: Filter, before: Int64, limit: Int, now: Int64
    ) async throws(DatabaseError) -> [RoleAssignment] {
        try await database.read { connection in
            var conditions = ["id < ?"]
            var arguments: [SQLValue] = [.int(before)]
            for (column, value) in [("subject", filter.subject), ("role", filter.role)] {
                guard let value else { continue }
                conditions.append("\(column) = ?")
                arguments.append(.text(value))
            }
            switch filter.condition {
            case nil: break
            case .ended?: conditions.append("state = 'ended'")
            case .expired?:
                conditions.append("(state = 'expired' OR (state = 'active' AND ends_at <= ?))")
                arguments.append(.int(now))
            case .active?:
                conditions.append(
                    """
                    state = 'active' AND (starts_at IS NULL OR starts_at <= ?) AND (ends_at IS NULL OR ends_at > ?)
                    """)
                arguments += [.int(now), .int(now)]
            case .scheduled?:
                conditions.append("state = 'active' AND starts_at > ? AND (ends_at IS NULL OR ends_at > ?)")
                arguments += [.int(now), .int(now)]
            }
            return try connection.query(
                RoleRows.assignments + " WHERE \(conditions.joined(separator: " AND ")) ORDER BY id DESC LIMIT ?",
                arguments + [.int(Int64(limit))]
            ).map(RoleRows.assignment)
        }
    }

    static func insert(
        _ wanted: WantedRole, elevation: Int64?, sequence: Int64, by actor: String?, at: Int64,
        _ connection: any SQLConnection
    ) throws -> RoleAssignment {
        let rows = try connection.query(
            """
            INSERT INTO role_assignments
                (subject, role, scope_type, scope_id, starts_at, ends_at, state, elevation, reason, created_by,
                created_at, changed_sequence)
            VALUES (?, ?, ?, ?, ?, ?, 'active', ?, ?, ?, ?, ?) RETURNING id
            """,
            [
                .text(wanted.subject), .text(wanted.role), .optional(wanted.scope?.type), .optional(wanted.scope?.id),
                .optional(wanted.period.startsAt), .optional(wanted.period.endsAt), .optional(elevation),
                .text(wanted.reason), .optional(actor), .int(at), .int(sequence),
            ])
        guard let id = try rows.first?.int("id"), let assignment = try RoleRows.assignment(id, connection) else {
            throw DatabaseError.sql("the assignment is not there")
        }
        return assignment
    }

    static func finish(
        _ id: Int64, _ state: RoleAssignment.State, reason: String?, by actor: String?, at: Int64, sequence: Int64,
        _ connection: any SQLConnection
    ) throws {
        try connection.execute(
            """
            UPDATE role_assignments
            SET state = ?, ended_by = ?, ended_at = ?, end_reason = ?, changed_sequence = ?
            WHERE id = ?
            """,
            [
                .text(state.rawValue), .optional(actor), .int(at), .optional(reason), .int(sequence), .int(id),
            ])
    }
}
