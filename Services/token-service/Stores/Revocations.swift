import Contracts
import Database
import EventBus
import Logging
import Redis
import SecurityClient
import ServiceKit

/// A revocation that stands in SQL with the caller's transaction and has yet to be told to the rest of the system.
struct PendingRevocation: Sendable {
    let revocation: Revocation
}

/// Takes tokens and sessions back.
///
/// The rows and the events are written in the caller's transaction: once it has committed, the revocation holds,
/// whatever happens to Redis or the broker afterwards. `announce` then makes it take effect at once here and in Redis.
struct Revocations: Sendable {
    let database: any Database
    let outbox: SQLOutbox
    let sessions: SessionStore
    /// What this process refuses without asking anybody.
    let local: RevocationSet
    /// Wakes the relay, so that the event is on its way in microseconds.
    let nudge: @Sendable () -> Void
    /// Milliseconds for which a revoked session could still be presented.
    let sessionLifetime: Int64
    /// Milliseconds for which a token may still be alive.
    let tokenLifetime: Int64
    let logger: Logger

    func revokeSession(
        _ id: String, subject: String, reason: String, by actor: String?, at: Int64, _ connection: any SQLConnection
    ) throws -> PendingRevocation {
        try write(
            Revocation(target: .session(id: id, subject: subject), reason: reason, at: at), actor: actor, connection)
    }

    /// Milliseconds by which tokens are voided beyond the instant of the decision: a replica that read the account just
    /// before the commit, by a clock that is ahead, stamps its token within this. Longer than a transaction may take
    /// and clocks may differ; costs nobody anything, as new tokens count as issued after it (`TokenIssuer.Grant`).
    static let margin: Int64 = 15_000

    /// Voids the tokens that `subject` was issued up to `at` and a margin; `.sessionsEnded` ends the sessions too.
    func revokeSubject(
        _ subject: String, kind: Revocation.SubjectEffect, reason: String, by actor: String?, at: Int64,
        _ connection: any SQLConnection
    ) throws -> PendingRevocation {
        let before = at + Revocations.margin
        try connection.execute(
            "UPDATE users SET tokens_void_before = ?, session_epoch = session_epoch + ? WHERE id = ?",
            [.int(before), .int(kind == .sessionsEnded ? 1 : 0), .text(subject)])
        try connection.execute(
            "UPDATE service_accounts SET tokens_void_before = ? WHERE client_id = ?", [.int(before), .text(subject)])
        return try write(
            Revocation(target: .subject(id: subject, before: before, effect: kind), reason: reason, at: at),
            actor: actor, connection)
    }

    /// The same for many, with few statements. A transaction that voids many takes longer, and the margin is wider by that.
    func revokeSubjects(
        _ subjects: [String], kind: Revocation.SubjectEffect, reason: String, by actor: String?, at: Int64,
        _ connection: any SQLConnection
    ) throws -> [PendingRevocation] {
        let before = at + Revocations.margin(voiding: subjects.count)
        for ids in subjects.batches(of: 500) {
            let list = Array(repeating: "?", count: ids.count).joined(separator: ", ")
            let names = ids.map { SQLValue.text($0) }
            try connection.execute(
                """
                UPDATE users SET tokens_void_before = ?, session_epoch = session_epoch + ? WHERE id IN (\(list))
                """, [.int(before), .int(kind == .sessionsEnded ? 1 : 0)] + names)
            try connection.execute(
                "UPDATE service_accounts SET tokens_void_before = ? WHERE client_id IN (\(list))",
                [.int(before)] + names)
        }
        return try write(
            subjects.map {
                Revocation(target: .subject(id: $0, before: before, effect: kind), reason: reason, at: at)
            }, actor: actor, connection)
    }

    /// Milliseconds. New tokens are dated after it, and verifiers take what is dated `RevocationSet.slack` ahead at most.
    static func margin(voiding count: Int) -> Int64 { margin + min(30_000, Int64(count)) }

    func revokeKey(
        _ keyID: String, reason: String, by actor: String?, at: Int64, _ connection: any SQLConnection
    ) throws -> PendingRevocation {
        try write(Revocation(target: .signingKey(id: keyID), reason: reason, at: at), actor: actor, connection)
    }

    /// Makes a committed revocation take effect here and in Redis. A failure of Redis costs nothing but time: refresh
    /// asks SQL, and introspection the set that is read from SQL.
    func announce(_ pending: PendingRevocation) async {
        local.apply(pending.revocation)
        nudge()
        do {
            try await tell(pending.revocation)
        } catch {
            logger.warning("revocation stands in SQL but Redis was not told", metadata: ["error": "\(error)"])
        }
    }

    /// The same for many at once.
    func announce(_ pending: [PendingRevocation]) async {
        for one in pending { local.apply(one.revocation) }
        nudge()
        do {
            for some in pending.batches(of: 100) {
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for one in some { group.addTask { try await tell(one.revocation) } }
                    try await group.waitForAll()
                }
            }
        } catch {
            logger.warning("revocations stand in SQL but Redis was not told", metadata: ["error": "\(error)"])
        }
    }

    private func tell(_ revocation: Revocation) async throws(RedisError) {
        switch revocation.target {
        case .session(let id, _):
            if let id = SessionID(id) { try await sessions.end([id]) }
        case .subject(let subject, _, .sessionsEnded): try await sessions.endAll(of: subject)
        case .subject(let subject, let before, .claimsChanged):
            try await sessions.voidTokens(of: subject, issuedUpTo: before)
        case .signingKey: break
        }
    }

    /// Stands for the owner of a session of which Redis knows nothing any more.
    static let unknownSubject = "unknown"

    /// Revokes one session on its own: SQL first, then everywhere. What is revoked already is not put on record again.
    func revokeSession(_ id: String, subject: String, reason: String, by actor: String?, at: Int64) async throws {
        let pending = try await database.write { connection in
            let known = try connection.query(
                "SELECT 1 AS one FROM revocations WHERE target = ? AND kind = 'session'", [.text(id)])
            guard known.isEmpty else {
                return PendingRevocation(
                    revocation: Revocation(target: .session(id: id, subject: subject), reason: reason, at: at))
            }
            let pending = try revokeSession(id, subject: subject, reason: reason, by: actor, at: at, connection)
            let event = SecurityEvent(
                .sessionRevoked, subject: subject, actor: actor, sessionID: id, reason: reason, at: at)
            try outbox.append(event.outboxEvent(), connection)
            return pending
        }
        await announce(pending)
    }

    private func write(
        _ revocation: Revocation, actor: String?, _ connection: any SQLConnection
    ) throws -> PendingRevocation {
        _ = try write([revocation], actor: actor, connection)
        return PendingRevocation(revocation: revocation)
    }

    private func write(
        _ revocations: [Revocation], actor: String?, _ connection: any SQLConnection
    ) throws -> [PendingRevocation] {
        for some in revocations.batches(of: 500) {
            try connection.execute(
                """
                INSERT INTO revocations (kind, target, subject, effect, void_before, reason, actor, at, expires_at)
                VALUES \(Array(repeating: "(?, ?, ?, ?, ?, ?, ?, ?, ?)", count: some.count).joined(separator: ", "))
                """, some.flatMap { row(of: $0, actor: actor) })
        }
        try outbox.append(revocations.map { $0.outboxEvent() }, connection)
        return revocations.map { PendingRevocation(revocation: $0) }
    }

    private func row(of revocation: Revocation, actor: String?) -> [SQLValue] {
        let columns: (kind: String, target: String, subject: String?, effect: String?, before: Int64?)
        switch revocation.target {
        case .session(let id, let subject): columns = ("session", id, subject, nil, nil)
        case .subject(let id, let before, let effect): columns = ("subject", id, id, effect.rawValue, before)
        case .signingKey(let id): columns = ("key", id, nil, nil, nil)
        }
        let life = columns.kind == "session" ? sessionLifetime : tokenLifetime
        return [
            .text(columns.kind), .text(columns.target), .optional(columns.subject), .optional(columns.effect),
            .optional(columns.before), .text(revocation.reason), .optional(actor), .int(revocation.at),
            .int(revocation.at + life + 60_000),
        ]
    }
}

extension Revocations {
    /// Reads the revocations decided since `since` (milliseconds), by any replica, into the local set.
    func catchUp(since: Int64) async throws(DatabaseError) {
        let revocations = try await database.read { connection in
            try connection.query(
                "SELECT kind, target, subject, effect, void_before, reason, at FROM revocations WHERE at >= ?",
                [.int(since)]
            ).compactMap { try Revocation(row: $0) }
        }
        for revocation in revocations { local.apply(revocation) }
    }

    /// Forgets the revocations of what has expired by itself.
    func purge(now: Int64) async throws {
        _ = try await database.write { connection in
            try connection.execute("DELETE FROM revocations WHERE expires_at < ?", [.int(now)])
        }
    }
}

extension Revocation {
    fileprivate init?(row: SQLRow) throws {
        let target: Target
        let id = try row.text("target")
        switch try row.text("kind") {
        case "session": target = .session(id: id, subject: try row.optionalText("subject") ?? "")
        case "subject":
            guard let before = try row.optionalInt("void_before"),
                let effect = try row.optionalText("effect").flatMap(SubjectEffect.init(rawValue:))
            else { return nil }
            target = .subject(id: id, before: before, effect: effect)
        case "key": target = .signingKey(id: id)
        default: return nil
        }
        self.init(target: target, reason: try row.text("reason"), at: try row.int("at"))
    }
}

extension SQLValue {
    static func optional(_ text: String?) -> SQLValue { text.map(SQLValue.text) ?? .null }
    static func optional(_ number: Int64?) -> SQLValue { number.map(SQLValue.int) ?? .null }
}
