import Database
import SecurityClient
import StrictJSON

/// What SQL says of a user when a session is begun or continued.
struct Account: Sendable {
    let isActive: Bool
    let email: String?
    let roles: [String]
    /// Beside those of the account, by policy-service.
    let assigned: [AssignedRole]
    /// A password change or the enrolment of a second factor is due.
    let mustEnrol: Bool
    /// Tokens up to this instant (ms) are void.
    let voidBefore: Int64
    let sessionEpoch: Int64
    let sessionIsRevoked: Bool
}

/// Reads the one row on which every beginning and continuation of a session depends. What is issued on it is issued by a
/// catalogue at least as new as the row.
struct AccountReader: Sendable {
    let database: any Database
    let catalogue: RoleBook

    private static let columns = """
        status, email, roles, assigned_roles, must_enrol, must_change_password, tokens_void_before, session_epoch,
        \(RoleFollow.catalogueSequence) AS catalogue_sequence
        """

    func account(_ subject: String, session: String) async throws(DatabaseError) -> Account? {
        try await read(
            """
            SELECT \(AccountReader.columns),
                (SELECT COUNT(*) FROM revocations WHERE target = ? AND kind = 'session') AS revoked
            FROM users WHERE id = ?
            """, [.text(session), .text(subject)])
    }

    /// nil when she cannot be signed in any more on what was verified: her account is not active, or its session epoch is
    /// another by now.
    func account(_ subject: String, epoch: Int64) async throws(DatabaseError) -> Account? {
        try await read(
            """
            SELECT \(AccountReader.columns), 0 AS revoked FROM users
            WHERE id = ? AND session_epoch = ? AND status = 'active'
            """, [.text(subject), .int(epoch)])
    }

    private func read(_ sql: String, _ arguments: [SQLValue]) async throws(DatabaseError) -> Account? {
        let found = try await database.read { connection -> (account: Account, catalogue: Int64)? in
            guard let row = try connection.query(sql, arguments).first else { return nil }
            return (try Account(row), try row.int("catalogue_sequence"))
        }
        guard let found else { return nil }
        try await catalogue.catchUp(to: found.catalogue, on: database)
        return found.account
    }
}

extension Account {
    fileprivate init(_ row: SQLRow) throws {
        let roles = try JSONValue(parsing: try row.text("roles")).array ?? []
        self.init(
            isActive: try row.text("status") == "active", email: try row.optionalText("email"),
            roles: roles.compactMap(\.string), assigned: try row.assignedRoles(),
            mustEnrol: try row.int("must_enrol") != 0 || row.int("must_change_password") != 0,
            voidBefore: try row.optionalInt("tokens_void_before") ?? 0,
            sessionEpoch: try row.int("session_epoch"), sessionIsRevoked: try row.int("revoked") != 0)
    }
}
