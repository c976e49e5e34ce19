import Database
import StrictJSON

/// What SQL says of a user when a session is continued.
struct Account: Sendable {
    let isActive: Bool
    let email: String?
    let roles: [String]
    /// A password change or the enrolment of a second factor is due.
    let mustEnrol: Bool
    /// Tokens up to this instant (ms) are void.
    let voidBefore: Int64
    let sessionEpoch: Int64
    let sessionIsRevoked: Bool
}

/// Reads the one row on which every continuation of a session depends.
struct AccountReader: Sendable {
    let database: any Database

    func account(_ subject: String, session: String) async throws(DatabaseError) -> Account? {
        try await database.read { connection in
            let rows = try connection.query(
                """
                SELECT status, email, roles, must_enrol, must_change_password, tokens_void_before, session_epoch,
                    (SELECT COUNT(*) FROM revocations WHERE target = ? AND kind = 'session') AS revoked
                FROM users WHERE id = ?
                """, [.text(session), .text(subject)])
            guard let row = rows.first else { return nil }
            let roles = try JSONValue(parsing: try row.text("roles")).array ?? []
            return Account(
                isActive: try row.text("status") == "active", email: try row.optionalText("email"),
                roles: roles.compactMap(\.string),
                mustEnrol: try row.int("must_enrol") != 0 || row.int("must_change_password") != 0,
                voidBefore: try row.optionalInt("tokens_void_before") ?? 0,
                sessionEpoch: try row.int("session_epoch"), sessionIsRevoked: try row.int("revoked") != 0)
        }
    }

    /// Up to when the subject's tokens are void (ms); nil when she cannot be signed in any more on what was verified:
    /// her account is not active, or its session epoch is another by now.
    func voidBefore(_ subject: String, epoch: Int64) async throws(DatabaseError) -> Int64? {
        try await database.read { connection in
            let rows = try connection.query(
                "SELECT tokens_void_before FROM users WHERE id = ? AND session_epoch = ? AND status = 'active'",
                [.text(subject), .int(epoch)])
            return try rows.first.map { try $0.optionalInt("tokens_void_before") ?? 0 }
        }
    }
}
