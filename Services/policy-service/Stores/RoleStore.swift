import Contracts
import Database
import EventBus
import SecurityClient
import StrictJSON

/// The catalogue of roles in SQL, and what those fetch who go by roles. A change, its number and the events that tell of it
/// are one transaction.
struct RoleStore: Sendable {
    let database: any Database
    let record: RoleRecord

    /// A change of the catalogue as it is committed.
    struct Change: Sendable {
        var catalogue: RoleCatalogue
        var kind: SecurityEvent.Kind
        var fields: JSONObject
    }

    /// - Parameter make: makes the change inside the transaction; nil changes nothing.
    /// - Returns: the number of the change, or nil.
    func change(
        _ act: Act, _ make: @escaping @Sendable (RoleCatalogue, any SQLConnection) throws -> Change?
    ) async throws -> Int64? {
        try await database.change { connection in
            let sequence = try RoleNumber.take(connection)
            guard let change = try make(try RoleRows.requireCatalogue(connection), connection) else {
                try RoleNumber.giveBack(sequence, connection)
                return nil
            }
            try connection.execute(
                """
                UPDATE role_catalogue SET document = ?, changed_sequence = ?, changed_by = ?, changed_at = ? WHERE id = 1
                """,
                [
                    .text(change.catalogue.json.encodedString()), .int(sequence), .optional(act.subject),
                    .int(act.at),
                ])
            try record.announce(sequence, at: act.at, connection)
            try record.append(change.kind, act, sequence: sequence, change.fields, connection)
            return sequence
        }
    }

    /// The catalogue of the first start; does nothing when there is one. Permissions that it does not know yet are taken
    /// from `file`, so that a newer program finds its own; which roles have them is for people to say.
    func bootstrap(_ file: RoleCatalogue, at: Int64) async throws {
        try await database.change { connection in
            let act = Act(subject: nil, at: at)
            let current = try RoleRows.catalogue(connection)?.value
            var catalogue = current ?? file
            if let current {
                let new = Set(file.permissions).subtracting(current.permissions)
                guard !new.isEmpty else { return }
                catalogue = try current.with(permissions: current.permissions + new)
            }
            let sequence = try RoleNumber.take(connection)
            try connection.execute(
                """
                INSERT INTO role_catalogue (id, document, changed_sequence, changed_at) VALUES (1, ?, ?, ?)
                ON CONFLICT (id) DO UPDATE SET
                    document = excluded.document, changed_sequence = excluded.changed_sequence,
                    changed_at = excluded.changed_at
                """, [.text(catalogue.json.encodedString()), .int(sequence), .int(at)])
            try record.announce(sequence, at: at, connection)
            try record.append(
                .roleChanged, act, sequence: sequence,
                ["stated_reason": .string(current == nil ? "first start" : "new permissions")], connection)
        }
    }

    func catalogue() async throws(DatabaseError) -> RoleCatalogue {
        try await database.read { try RoleRows.requireCatalogue($0) }
    }

    /// The number of the last change.
    func sequence() async throws(DatabaseError) -> Int64 { try await database.read { try RoleNumber.current($0) } }

    /// How many people were assigned each role.
    func holders() async throws(DatabaseError) -> [String: Int64] {
        try await database.read { connection in
            var holders: [String: Int64] = [:]
            for row in try connection.query(
                """
                SELECT role, COUNT(DISTINCT subject) AS holders FROM role_assignments WHERE state = 'active' GROUP BY role
                """)
            { holders[try row.text("role")] = try row.int("holders") }
            return holders
        }
    }

    /// Whether a role is assigned, or asked for.
    static func isInUse(_ role: String, _ connection: any SQLConnection) throws -> Bool {
        try !connection.query(
            "SELECT 1 FROM role_assignments WHERE role = ? AND state = 'active' LIMIT 1", [.text(role)]
        ).isEmpty
            || !connection.query(
                "SELECT 1 FROM role_elevations WHERE role = ? AND state = 'requested' LIMIT 1", [.text(role)]
            ).isEmpty
    }

    /// Whether somebody was given it by an administrator.
    static func isHeldForGood(_ role: String, _ connection: any SQLConnection) throws -> Bool {
        try !connection.query(
            "SELECT 1 FROM role_assignments WHERE role = ? AND state = 'active' AND elevation IS NULL LIMIT 1",
            [.text(role)]
        ).isEmpty
    }

    // MARK: Bundles

    /// Assignments in one change. Whoever is further behind reads the whole, in which what is over is not.
    static let changes: Int64 = 20_000

    /// All of it, or what changed after a number. Assignments that ran out and are not marked yet are among them: they
    /// name their end.
    /// - Parameter number: nil, and one that was never given out, ask for the whole.
    func bundle(after number: Int64?) async throws(DatabaseError) -> RolesBundle {
        try await database.read { connection in
            let sequence = try RoleNumber.current(connection)
            guard let (catalogue, changed) = try RoleRows.catalogue(connection) else {
                throw DatabaseError.unavailable("no roles yet")
            }
            if let number, (1...sequence).contains(number) {
                let rows = try connection.query(
                    RoleRows.assignments + " WHERE changed_sequence > ? ORDER BY id LIMIT ?",
                    [.int(number), .int(RoleStore.changes + 1)]
                ).map(RoleRows.assignment)
                if rows.count <= RoleStore.changes {
                    return RolesBundle(
                        from: number, sequence: sequence, catalogue: changed > number ? catalogue : nil,
                        assignments: rows.filter { $0.state == .active }.map { .init($0) },
                        removed: rows.filter { $0.state != .active }.map { .init(id: $0.id, subject: $0.subject) })
                }
            }
            let rows = try connection.query(RoleRows.assignments + " WHERE state = 'active' ORDER BY id")
            return RolesBundle(
                from: nil, sequence: sequence, catalogue: catalogue,
                assignments: try rows.map { .init(try RoleRows.assignment($0)) })
        }
    }
}

extension RolesBundle.Assignment {
    init(_ assignment: RoleAssignment) { self.init(subject: assignment.subject, assigned: assignment.assigned) }
}
