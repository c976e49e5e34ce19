import Contracts
import Database
import EventBus
import Sealing
import StrictJSON

/// Second factors in SQL: the confirmed one, one waiting for its first code, and recovery codes. Secrets are sealed to
/// their owner.
struct FactorStore: Sendable {
    let database: any Database
    let outbox: SQLOutbox
    let sealer: Sealer
    let users: UserStore

    struct Factor: Sendable {
        var totp: TOTP
        var confirmedAt: Int64
        var codesLeft: Int
    }

    struct Pending: Sendable {
        var id: String
        var totp: TOTP
        var expiresAt: Int64
    }

    /// What a sealed secret is bound to.
    @Sendable static func context(_ user: String) -> String { "totp:\(user)" }

    func factor(of user: String) async throws -> Factor? {
        let rows = try await database.query(
            """
            SELECT secret, algorithm, digits, confirmed_at,
                (SELECT COUNT(*) FROM recovery_codes c WHERE c.user_id = f.user_id AND c.used_at IS NULL) AS codes
            FROM totp_factors f WHERE user_id = ?
            """, [.text(user)])
        guard let row = rows.first, let totp = try totp(row, user) else { return nil }
        return Factor(totp: totp, confirmedAt: try row.int("confirmed_at"), codesLeft: Int(try row.int("codes")))
    }

    func pending(of user: String, at now: Int64) async throws -> Pending? {
        let rows = try await database.query(
            "SELECT id, secret, algorithm, digits, expires_at FROM totp_pending WHERE user_id = ? AND expires_at > ?",
            [.text(user), .int(now)])
        guard let row = rows.first, let totp = try totp(row, user) else { return nil }
        return Pending(id: try row.text("id"), totp: totp, expiresAt: try row.int("expires_at"))
    }

    /// Keeps a secret that counts for nothing until a code confirms it; replaces an earlier one that was not confirmed.
    func begin(_ user: String, _ pending: Pending) async throws {
        let sealed = try sealer.seal(pending.totp.secret, context: FactorStore.context(user))
        try await database.execute(
            """
            INSERT INTO totp_pending (user_id, id, secret, algorithm, digits, expires_at) VALUES (?, ?, ?, ?, ?, ?)
            ON CONFLICT (user_id) DO UPDATE SET id = excluded.id, secret = excluded.secret,
                algorithm = excluded.algorithm, digits = excluded.digits, expires_at = excluded.expires_at
            """,
            [
                .text(user), .text(pending.id), .blob(sealed), .text(pending.totp.algorithm.rawValue),
                .int(Int64(pending.totp.digits)), .int(pending.expiresAt),
            ])
    }

    /// Makes the pending secret the factor, the code that confirmed it used, and new recovery codes the only ones.
    func confirm(_ user: String, _ pending: Pending, step: Int64, codes: [[UInt8]], _ act: Act) async throws {
        try await database.change { connection in
            // Of two confirmations at once only one finds the pending secret.
            let moved = try connection.execute(
                """
                INSERT INTO totp_factors (user_id, secret, algorithm, digits, last_step, confirmed_at)
                SELECT user_id, secret, algorithm, digits, CAST(? AS INTEGER), CAST(? AS INTEGER)
                FROM totp_pending WHERE user_id = ? AND id = ?
                ON CONFLICT (user_id) DO UPDATE SET secret = excluded.secret, algorithm = excluded.algorithm,
                    digits = excluded.digits, last_step = excluded.last_step, confirmed_at = excluded.confirmed_at
                """.forDialect(connection.dialect), [.int(step), .int(act.at), .text(user), .text(pending.id)])
            guard moved == 1,
                try connection.execute(
                    "DELETE FROM totp_pending WHERE user_id = ? AND id = ?", [.text(user), .text(pending.id)]) == 1
            else { throw PeopleFault.noPendingFactor }
            try connection.execute("UPDATE users SET enrolment_forced = 0 WHERE id = ?", [.text(user)])
            try replaceCodes(user, codes, connection)
            try users.syncEnrolment(user, connection)
            let event = act.event(
                .mfaEnrolled, subject: user,
                fields: ["method": "totp", "algorithm": .string(pending.totp.algorithm.rawValue)])
            try outbox.append(event.outboxEvent(), connection)
        }
        users.revocations.nudge()
    }

    /// Takes a step's code; false when it, or a later one, was taken before. Decided by the database, whatever replica asks.
    func use(step: Int64, of user: String) async throws -> Bool {
        try await database.execute(
            "UPDATE totp_factors SET last_step = ? WHERE user_id = ? AND last_step < ?",
            [.int(step), .text(user), .int(step)]) == 1
    }

    /// Takes a recovery code; false when there is none such, or it was taken before.
    func use(code digest: [UInt8], of user: String, _ act: Act) async throws -> Bool {
        let used = try await database.change { connection in
            let used = try connection.execute(
                "UPDATE recovery_codes SET used_at = ? WHERE user_id = ? AND digest = ? AND used_at IS NULL",
                [.int(act.at), .text(user), .blob(digest)])
            guard used == 1 else { return false }
            try outbox.append(act.event(.recoveryCodeUsed, subject: user).outboxEvent(), connection)
            return true
        }
        if used { users.revocations.nudge() }
        return used
    }

    func issueCodes(_ user: String, _ digests: [[UInt8]], _ act: Act) async throws {
        try await database.change { connection in
            try replaceCodes(user, digests, connection)
            try outbox.append(act.event(.recoveryCodesIssued, subject: user).outboxEvent(), connection)
        }
        users.revocations.nudge()
    }

    /// Gives the factor up. With `force`, whatever the roles ask: the account then has to enrol again before all else.
    func remove(_ user: String, force: Bool, _ act: Act, _ connection: any SQLConnection) throws {
        let owner = try UserRows.require(user, connection, lock: true)
        if !force {
            guard owner.hasFactor else { throw PeopleFault.noFactor }
            let assigned = owner.assigned.filter { $0.isInEffect(at: act.at) }.map(\.role)
            guard !users.catalogue.isPrivileged(owner.roles + assigned), !owner.passwordIsShort else {
                throw PeopleFault.factorRequired
            }
        }
        for table in ["totp_factors", "totp_pending", "recovery_codes"] {
            try connection.execute("DELETE FROM \(table) WHERE user_id = ?", [.text(user)])
        }
        if force {
            try connection.execute("UPDATE users SET enrolment_forced = 1 WHERE id = ?", [.text(user)])
        }
        try users.syncEnrolment(user, connection)
        let event = act.event(.mfaRemoved, subject: user, reason: force ? "second_factor_reset" : nil)
        try outbox.append(event.outboxEvent(), connection)
    }

    func remove(_ user: String, _ act: Act) async throws {
        try await database.change { try remove(user, force: false, act, $0) }
        users.revocations.nudge()
    }

    private func replaceCodes(_ user: String, _ digests: [[UInt8]], _ connection: any SQLConnection) throws {
        try connection.execute("DELETE FROM recovery_codes WHERE user_id = ?", [.text(user)])
        for digest in digests {
            try connection.execute(
                "INSERT INTO recovery_codes (user_id, digest) VALUES (?, ?)", [.text(user), .blob(digest)])
        }
    }

    private func totp(_ row: SQLRow, _ user: String) throws -> TOTP? {
        let secret = try sealer.open(try row.blob("secret"), context: FactorStore.context(user))
        guard let algorithm = TOTP.Algorithm(rawValue: try row.text("algorithm")) else { return nil }
        return TOTP(secret: secret, algorithm: algorithm, digits: Int(try row.int("digits")))
    }
}

extension String {
    /// INTEGER has 64 bits in SQLite and 32 in PostgreSQL.
    fileprivate func forDialect(_ dialect: SQLDialect) -> String { dialect.expand(self) }
}
