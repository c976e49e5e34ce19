import Contracts
import Database
import EventBus
import SecurityClient
import StrictJSON

/// Who asked for a role for a while, and what became of it, in SQL.
struct ElevationStore: Sendable {
    let database: any Database
    let record: RoleRecord

    /// What somebody asks for.
    struct Wanted: Sendable {
        let subject: String
        let role: String
        let scope: RoleScope?
        /// Milliseconds.
        let duration: Int64
        let reason: String
    }

    /// - Parameter roles: of whoever asks, by her token.
    func request(_ wanted: Wanted, by roles: HeldRoles, _ act: Act) async throws -> Elevation {
        try await database.change { connection in
            try RoleChecks.request(
                wanted.role, scope: wanted.scope, duration: wanted.duration, by: roles,
                try RoleRows.requireCatalogue(connection))
            let waiting = try connection.query(
                RoleRows.elevations + " WHERE subject = ? AND state = 'requested'", [.text(wanted.subject)]
            ).map(RoleRows.elevation)
            if let same = waiting.first(where: {
                $0.role == wanted.role && $0.scope == wanted.scope && $0.passing(to: act.at).state == .requested
            }) {
                throw RoleFault.alreadyRequested(same.id)
            }
            let rows = try connection.query(
                """
                INSERT INTO role_elevations
                    (subject, role, scope_type, scope_id, duration, reason, state, requested_at, lapses_at)
                VALUES (?, ?, ?, ?, ?, ?, 'requested', ?, ?) RETURNING id
                """,
                [
                    .text(wanted.subject), .text(wanted.role), .optional(wanted.scope?.type),
                    .optional(wanted.scope?.id), .int(wanted.duration), .text(wanted.reason), .int(act.at),
                    .int(act.at + Elevation.patience),
                ])
            guard let id = try rows.first?.int("id"), let elevation = try RoleRows.elevation(id, connection) else {
                throw DatabaseError.sql("the request is not there")
            }
            try record.append(
                .elevationRequested, elevation, act, stated: wanted.reason, sequence: nil, connection)
            return elevation
        }
    }

    /// Brings it into effect from now on.
    /// - Parameters:
    ///   - roles: of whoever decides, by her token.
    ///   - account: the roles of the account of the person who asked.
    /// - Returns: nil when there is no such request.
    func approve(
        _ id: Int64, reason: String?, by roles: HeldRoles, account: [String], _ act: Act
    ) async throws -> Elevation? {
        try await database.change { connection in
            let sequence = try RoleNumber.take(connection)
            guard let elevation = try ElevationStore.locked(id, connection) else {
                try RoleNumber.giveBack(sequence, connection)
                return nil
            }
            var approved = try elevation.approved(by: act.subject ?? "", reason: reason, at: act.at)
            let catalogue = try RoleRows.requireCatalogue(connection)
            try RoleChecks.decide(elevation, by: roles, catalogue)
            try RoleChecks.grant(
                elevation, account: account, held: try RoleRows.held(by: elevation.subject, connection), catalogue,
                now: act.at)
            let assignment = try AssignmentStore.insert(
                WantedRole(
                    subject: elevation.subject, role: elevation.role, scope: elevation.scope,
                    period: RolePeriod(startsAt: act.at, endsAt: approved.endsAt), reason: elevation.reason),
                elevation: id, sequence: sequence, by: act.subject, at: act.at, connection)
            approved.assignment = assignment.id
            try ElevationStore.update(approved, connection)
            try record.announce(sequence, at: act.at, connection)
            try record.append(.elevationApproved, approved, act, stated: reason, sequence: sequence, connection)
            return approved
        }
    }

    func reject(_ id: Int64, reason: String?, by roles: HeldRoles, _ act: Act) async throws -> Elevation? {
        try await database.change { connection in
            guard let elevation = try ElevationStore.locked(id, connection) else { return nil }
            let rejected = try elevation.rejected(by: act.subject ?? "", reason: reason, at: act.at)
            try RoleChecks.decide(elevation, by: roles, try RoleRows.requireCatalogue(connection))
            try ElevationStore.update(rejected, connection)
            try record.append(
                .elevationRejected, rejected, act, reason: "rejected", stated: reason, sequence: nil, connection)
            return rejected
        }
    }

    /// Ends what is in effect; takes back what waits for a decision.
    func end(_ id: Int64, reason: String?, _ act: Act) async throws -> Elevation? {
        try await database.change { connection in
            let number = try RoleNumber.take(connection)
            let elevation = try ElevationStore.locked(id, connection)
            let over = try elevation?.ended(by: act.subject ?? "", at: act.at)
            var sequence: Int64?
            if over?.state == .ended, let assignment = over?.assignment {
                try AssignmentStore.finish(
                    assignment, .ended, reason: reason, by: act.subject, at: act.at, sequence: number, connection)
                try record.announce(number, at: act.at, connection)
                sequence = number
            } else {
                try RoleNumber.giveBack(number, connection)
            }
            guard let over else { return nil }
            try ElevationStore.update(over, connection)
            try record.append(
                over.state == .ended ? .elevationEnded : .elevationRejected, over, act,
                reason: over.state.rawValue, stated: reason, sequence: sequence, connection)
            return over
        }
    }

    func elevation(_ id: Int64) async throws(DatabaseError) -> Elevation? {
        try await database.read { try RoleRows.elevation(id, $0) }
    }

    /// The newest first, below `before`.
    func page(
        subject: String?, state: Elevation.State?, before: Int64, limit: Int, now: Int64
    ) async throws(DatabaseError) -> [Elevation] {
        try await database.read { connection in
            var conditions = ["id < ?"]
            var arguments: [SQLValue] = [.int(before)]
            if let subject {
                conditions.append("subject = ?")
                arguments.append(.text(subject))
            }
            switch state {
            case nil: break
            case .requested?:
                conditions.append("state = 'requested' AND lapses_at > ?")
                arguments.append(.int(now))
            case .lapsed?:
                conditions.append("(state = 'lapsed' OR (state = 'requested' AND lapses_at <= ?))")
                arguments.append(.int(now))
            case .approved?:
                conditions.append("state = 'approved' AND ends_at > ?")
                arguments.append(.int(now))
            case .expired?:
                conditions.append("(state = 'expired' OR (state = 'approved' AND ends_at <= ?))")
                arguments.append(.int(now))
            case let other?:
                conditions.append("state = ?")
                arguments.append(.text(other.rawValue))
            }
            return try connection.query(
                RoleRows.elevations + " WHERE \(conditions.joined(separator: " AND ")) ORDER BY id DESC LIMIT ?",
                arguments + [.int(Int64(limit))]
            ).map(RoleRows.elevation)
        }
    }

    private static func locked(_ id: Int64, _ connection: any SQLConnection) throws -> Elevation? {
        try connection.query(
            RoleRows.elevations + " WHERE id = ?" + connection.dialect.forUpdate, [.int(id)]
        ).first.map(RoleRows.elevation)
    }

    static func update(_ elevation: Elevation, _ connection: any SQLConnection) throws {
        try connection.execute(
            """
            UPDATE role_elevations
            SET state = ?, decided_by = ?, decided_at = ?, decision_reason = ?, ends_at = ?, ended_by = ?, ended_at = ?,
                assignment = ?
            WHERE id = ?
            """,
            [
                .text(elevation.state.rawValue), .optional(elevation.decidedBy), .optional(elevation.decidedAt),
                .optional(elevation.decisionReason), .optional(elevation.endsAt), .optional(elevation.endedBy),
                .optional(elevation.endedAt), .optional(elevation.assignment), .int(elevation.id),
            ])
    }
}
