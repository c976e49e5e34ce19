import Contracts
import Database
import EventBus
import StrictJSON

/// Recovery of an account by two administrators: one asks, another approves.
struct RecoveryStore: Sendable {
    let database: any Database
    let outbox: SQLOutbox
    let users: UserStore
    let factors: FactorStore

    enum Kind: String, Sendable, CaseIterable {
        case passwordReset = "password_reset"
        case secondFactorReset = "second_factor_reset"
    }

    enum Status: String, Sendable { case pending, approved, rejected, expired }

    struct Request: Sendable, Equatable {
        var id: String
        var user: String
        var kind: Kind
        var status: Status
        var requestedBy: String
        var requestedAt: Int64
        var expiresAt: Int64
        var decidedBy: String?
        var decidedAt: Int64?
    }

    /// A request can be approved for a day.
    static let life: Int64 = 86_400_000
    /// A temporary password is good for a day.
    static let passwordLife: Int64 = 86_400_000

    func request(_ user: String, _ kind: Kind, by actor: String, _ act: Act) async throws -> Request {
        let request = try await database.change { connection in
            _ = try UserRows.require(user, connection, lock: true)
            guard user != actor else { throw PeopleFault.ownRecovery }
            let open = try connection.query(
                "SELECT 1 AS one FROM recovery_requests WHERE user_id = ? AND kind = ? AND status = 'pending' AND expires_at > ?",
                [.text(user), .text(kind.rawValue), .int(act.at)])
            guard open.isEmpty else { throw PeopleFault.recoveryPending }
            let request = Request(
                id: "rec_" + RandomID.make(bytes: 16), user: user, kind: kind, status: .pending, requestedBy: actor,
                requestedAt: act.at, expiresAt: act.at + RecoveryStore.life)
            try connection.execute(
                """
                INSERT INTO recovery_requests (id, user_id, kind, status, requested_by, requested_at, expires_at)
                VALUES (?, ?, ?, 'pending', ?, ?, ?)
                """,
                [
                    .text(request.id), .text(user), .text(kind.rawValue), .text(actor), .int(act.at),
                    .int(request.expiresAt),
                ])
            let event = act.event(.recoveryRequested, subject: user, fields: fields(request))
            try outbox.append(event.outboxEvent(), connection)
            return request
        }
        users.revocations.nudge()
        return request
    }

    /// Carries a request out. `password` is the hash of the temporary password for a reset of the password.
    func approve(_ id: String, by actor: String, password: PasswordHash, _ act: Act) async throws -> Request {
        let (request, pending) = try await database.change { connection -> (Request, PendingRevocation) in
            var request = try open(id, at: act.at, connection)
            guard actor != request.requestedBy, actor != request.user else { throw PeopleFault.ownRecovery }
            try decide(&request, .approved, by: actor, act, connection)
            switch request.kind {
            case .passwordReset:
                try connection.execute(
                    """
                    UPDATE users SET password_hash = ?, password_short = 0, must_change_password = 1,
                        password_expires_at = ?, updated_at = ? WHERE id = ?
                    """,
                    [
                        .text(password.text), .int(act.at + RecoveryStore.passwordLife), .int(act.at),
                        .text(request.user),
                    ])
                try users.syncEnrolment(request.user, connection)
            case .secondFactorReset:
                try factors.remove(request.user, force: true, act, connection)
            }
            let event = act.event(.recoveryApproved, subject: request.user, fields: fields(request))
            try outbox.append(event.outboxEvent(), connection)
            let pending = try users.revocations.revokeSubject(
                request.user, kind: .sessionsEnded, reason: request.kind.rawValue, by: actor, at: act.at, connection)
            return (request, pending)
        }
        await users.revocations.announce(pending)
        return request
    }

    func reject(_ id: String, by actor: String, _ act: Act) async throws -> Request {
        let request = try await database.change { connection in
            var request = try open(id, at: act.at, connection)
            try decide(&request, .rejected, by: actor, act, connection)
            let event = act.event(.recoveryRejected, subject: request.user, fields: fields(request))
            try outbox.append(event.outboxEvent(), connection)
            return request
        }
        users.revocations.nudge()
        return request
    }

    /// The kind of a request that still waits for its decision.
    func kind(of id: String, at now: Int64) async throws -> Kind {
        try await database.inspect { try open(id, at: now, $0).kind }
    }

    /// Newest first, before `cursor` (the instant and id of the last one seen).
    func list(before cursor: (at: Int64, id: String)?, limit: Int, at now: Int64) async throws -> [Request] {
        let cursor = cursor ?? (Int64.max, "~")
        return try await database.query(
            """
            SELECT * FROM recovery_requests WHERE requested_at < ? OR (requested_at = ? AND id < ?)
            ORDER BY requested_at DESC, id DESC LIMIT ?
            """, [.int(cursor.at), .int(cursor.at), .text(cursor.id), .int(Int64(limit))]
        ).map { try RecoveryStore.request($0, at: now) }
    }

    private func open(_ id: String, at now: Int64, _ connection: any SQLConnection) throws -> Request {
        guard let row = try connection.query("SELECT * FROM recovery_requests WHERE id = ?", [.text(id)]).first else {
            throw PeopleFault.notFound
        }
        let request = try RecoveryStore.request(row, at: now)
        guard request.status == .pending else { throw PeopleFault.recoveryDecided }
        return request
    }

    private func decide(
        _ request: inout Request, _ status: Status, by actor: String, _ act: Act, _ connection: any SQLConnection
    ) throws {
        let changed = try connection.execute(
            "UPDATE recovery_requests SET status = ?, decided_by = ?, decided_at = ? WHERE id = ? AND status = 'pending'",
            [.text(status.rawValue), .text(actor), .int(act.at), .text(request.id)])
        guard changed == 1 else { throw PeopleFault.recoveryDecided }
        request.status = status
        request.decidedBy = actor
        request.decidedAt = act.at
    }

    private func fields(_ request: Request) -> JSONObject {
        [
            "request": .string(request.id), "kind": .string(request.kind.rawValue),
            "requested_by": .string(request.requestedBy),
        ]
    }

    private static func request(_ row: SQLRow, at now: Int64) throws -> Request {
        let stored = Status(rawValue: try row.text("status")) ?? .expired
        let expiresAt = try row.int("expires_at")
        return Request(
            id: try row.text("id"), user: try row.text("user_id"),
            kind: Kind(rawValue: try row.text("kind")) ?? .passwordReset,
            status: stored == .pending && expiresAt <= now ? .expired : stored,
            requestedBy: try row.text("requested_by"), requestedAt: try row.int("requested_at"), expiresAt: expiresAt,
            decidedBy: try row.optionalText("decided_by"), decidedAt: try row.optionalInt("decided_at"))
    }
}
