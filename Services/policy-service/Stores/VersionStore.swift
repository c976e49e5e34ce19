import Contracts
import Database
import EventBus
import SecurityClient
import StrictJSON

/// Sets of policies in SQL. A change and the events that tell of it are one transaction.
struct VersionStore: Sendable {
    let database: any Database
    let outbox: SQLOutbox
    let keys: StatementKeys

    // MARK: Versions

    /// Stores a set that was checked.
    /// - Returns: its number; that of the newest version when that one is the same.
    func store(
        _ content: PolicyContent, base: Int64?, reason: String, _ act: Act
    ) async throws(DatabaseError) -> PolicyVersion {
        let digest = content.digest
        let text = content.json.encodedString()
        return try await database.write { connection in
            if let newest = try connection.query(
                VersionRows.list + " ORDER BY version DESC LIMIT 1"
            ).first.map(VersionRows.version), newest.digest == digest {
                return newest
            }
            let number = try Counters.next("version", connection)
            try connection.execute(
                """
                INSERT INTO policy_versions (version, digest, content, author, reason, created_at, base_version)
                VALUES (?, ?, ?, ?, ?, ?, ?)
                """,
                [
                    .int(number), .text(digest), .text(text), act.subject.map(SQLValue.text) ?? .null, .text(reason),
                    .int(act.at), base.map(SQLValue.int) ?? .null,
                ])
            try append(
                .policyVersionStored, act, reason: nil,
                ["version": .int(number), "digest": .string(digest)], connection)
            return PolicyVersion(
                number: number, digest: digest, author: act.subject, reason: reason, createdAt: act.at, base: base,
                content: content)
        }
    }

    /// The newest first, below `before`.
    func versions(before: Int64, limit: Int) async throws(DatabaseError) -> [PolicyVersion] {
        try await database.read { connection in
            try connection.query(
                VersionRows.list + " WHERE version < ? ORDER BY version DESC LIMIT ?",
                [.int(before), .int(Int64(limit))]
            ).map(VersionRows.version)
        }
    }

    func version(_ number: Int64) async throws(DatabaseError) -> PolicyVersion? {
        try await database.read { try VersionRows.whole(number, $0) }
    }

    // MARK: Activations

    func propose(
        _ version: Int64, kind: Activation.Kind, reason: String, _ act: Act
    ) async throws(DatabaseError) -> Activation {
        try await database.write { connection in
            let activation = try insert(version, kind, reason, act, connection)
            try append(
                .policyActivationProposed, act, reason: nil,
                ["version": .int(version), "activation": .int(activation.id), "kind": .string(kind.rawValue)],
                connection)
            return activation
        }
    }

    /// Brings a proposal into force.
    /// - Returns: nil when there is no such proposal.
    func approve(
        _ id: Int64, fourEyes: Bool, _ act: Act
    ) async throws -> Activation? {
        try await database.change { connection in
            guard let activation = try VersionRows.activation(id, connection, lock: true) else { return nil }
            try FourEyes.check(activation, by: act.subject ?? "", isRequired: fourEyes)
            return try activate(activation, act, connection)
        }
    }

    func reject(_ id: Int64, _ act: Act) async throws -> Activation? {
        try await database.change { connection in
            guard let activation = try VersionRows.activation(id, connection, lock: true) else { return nil }
            guard activation.state == .proposed else { throw FourEyes.Refusal.alreadyDecided }
            let state: Activation.State = activation.proposedBy == act.subject ? .withdrawn : .rejected
            try connection.execute(
                "UPDATE policy_activations SET state = ?, decided_by = ?, decided_at = ? WHERE id = ?",
                [.text(state.rawValue), act.subject.map(SQLValue.text) ?? .null, .int(act.at), .int(id)])
            try append(
                .policyActivationRejected, act, reason: state.rawValue,
                ["version": .int(activation.version), "activation": .int(id)], connection)
            return try VersionRows.activation(id, connection, lock: false)
        }
    }

    /// Proposes and activates in one step: the set of the first start, and a rollback to what was active before.
    func activateAtOnce(
        _ version: Int64, kind: Activation.Kind, reason: String, _ act: Act
    ) async throws(DatabaseError) -> Activation {
        try await database.write { connection in
            try activate(try insert(version, kind, reason, act, connection), act, connection)
        }
    }

    /// The newest first, below `before`.
    func activations(before: Int64, limit: Int) async throws(DatabaseError) -> [Activation] {
        try await database.read { connection in
            try connection.query(
                VersionRows.activations + " WHERE id < ? ORDER BY id DESC LIMIT ?",
                [.int(before), .int(Int64(limit))]
            ).map(VersionRows.activation)
        }
    }

    func activation(_ id: Int64) async throws(DatabaseError) -> Activation? {
        try await database.read { try VersionRows.activation(id, $0, lock: false) }
    }

    /// What is decided by, and what was before it; the newest first.
    func active(last count: Int = 1) async throws(DatabaseError) -> [Activation] {
        try await database.read { try VersionRows.active(last: count, $0) }
    }

    private func insert(
        _ version: Int64, _ kind: Activation.Kind, _ reason: String, _ act: Act, _ connection: any SQLConnection
    ) throws -> Activation {
        let rows = try connection.query(
            """
            INSERT INTO policy_activations (version, kind, state, proposed_by, reason, proposed_at)
            VALUES (?, ?, ?, ?, ?, ?) RETURNING id
            """,
            [
                .int(version), .text(kind.rawValue), .text(Activation.State.proposed.rawValue),
                act.subject.map(SQLValue.text) ?? .null, .text(reason), .int(act.at),
            ])
        guard let id = try rows.first?.int("id"),
            let activation = try VersionRows.activation(id, connection, lock: false)
        else { throw DatabaseError.sql("the proposal is not there") }
        return activation
    }

    private func activate(_ activation: Activation, _ act: Act, _ connection: any SQLConnection) throws -> Activation {
        guard let version = try VersionRows.whole(activation.version, connection), let content = version.content else {
            throw DatabaseError.sql("version \(activation.version) is not there")
        }
        let sequence = try Counters.next("activation", connection)
        try connection.execute(
            "UPDATE policy_activations SET state = ?, sequence = ?, decided_by = ?, decided_at = ? WHERE id = ?",
            [
                .text(Activation.State.active.rawValue), .int(sequence), act.subject.map(SQLValue.text) ?? .null,
                .int(act.at), .int(activation.id),
            ])
        let body = PolicyBundle(sequence: sequence, version: version.number, content: content).body
        let statement = try keys.policies(
            sequence: sequence, version: version.number, digest: PolicyStatement.digest(of: body), at: act.at)
        try outbox.append(PolicyEvents.activated(sequence: sequence, statement: statement, at: act.at), connection)
        try append(
            .policyActivated, act, reason: activation.kind.rawValue,
            [
                "version": .int(version.number), "sequence": .int(sequence), "activation": .int(activation.id),
                "digest": .string(version.digest),
            ], connection)
        guard let active = try VersionRows.activation(activation.id, connection, lock: false) else {
            throw DatabaseError.sql("the activation is not there")
        }
        return active
    }

    // MARK: Shadow

    /// Sets which version is evaluated beside the active one; nil ends it.
    func setShadow(_ version: Int64?, reason: String? = nil, _ act: Act) async throws(DatabaseError) {
        try await database.write { connection in
            try connection.execute("DELETE FROM policy_shadow")
            if let version {
                try connection.execute(
                    "INSERT INTO policy_shadow (id, version, actor, at) VALUES (1, ?, ?, ?)",
                    [.int(version), act.subject.map(SQLValue.text) ?? .null, .int(act.at)])
            }
            var fields: JSONObject = [:]
            fields["version"] = version.map { .int($0) }
            fields["stated_reason"] = reason.map { .string($0) }
            try append(
                .policyShadowChanged, act, reason: version == nil ? "ended" : "started", fields, connection)
        }
    }

    func shadow() async throws(DatabaseError) -> Int64? {
        try await database.read { connection in
            try connection.query("SELECT version FROM policy_shadow").first.map { try $0.int("version") }
        }
    }

    private func append(
        _ kind: SecurityEvent.Kind, _ act: Act, reason: String?, _ fields: JSONObject, _ connection: any SQLConnection
    ) throws {
        try outbox.append(
            SecurityEvent(
                kind, subject: act.subject, sessionID: act.sessionID, reason: reason, at: act.at,
                requestID: act.requestID, fields: fields
            ).outboxEvent(), connection)
    }
}

/// How rows become values.
enum VersionRows {
    static let list = "SELECT version, digest, author, reason, created_at, base_version FROM policy_versions"
    static let activations = """
        SELECT id, version, kind, state, sequence, proposed_by, decided_by, reason, proposed_at, decided_at
        FROM policy_activations
        """

    static func version(_ row: SQLRow) throws -> PolicyVersion {
        PolicyVersion(
            number: try row.int("version"), digest: try row.text("digest"), author: try row.optionalText("author"),
            reason: try row.text("reason"), createdAt: try row.int("created_at"),
            base: try row.optionalInt("base_version"), content: nil)
    }

    static func whole(_ number: Int64, _ connection: any SQLConnection) throws -> PolicyVersion? {
        guard
            let row = try connection.query(
                """
                SELECT version, digest, author, reason, created_at, base_version, content
                FROM policy_versions WHERE version = ?
                """, [.int(number)]
            ).first
        else { return nil }
        var version = try version(row)
        let limits = JSONLimits(maxBytes: 2 * PolicyContent.maximumBytes, maxMembers: PolicyContent.maximumFiles)
        version.content = try PolicyContent(json: try JSONValue(parsing: try row.text("content"), limits: limits))
        return version
    }

    static func activation(_ id: Int64, _ connection: any SQLConnection, lock: Bool) throws -> Activation? {
        try connection.query(
            activations + " WHERE id = ?" + (lock ? connection.dialect.forUpdate : ""), [.int(id)]
        ).first.map(activation)
    }

    static func active(last count: Int, _ connection: any SQLConnection) throws -> [Activation] {
        try connection.query(
            activations + " WHERE sequence IS NOT NULL ORDER BY sequence DESC LIMIT ?", [.int(Int64(count))]
        ).map(activation)
    }

    static func activation(_ row: SQLRow) throws -> Activation {
        guard let kind = Activation.Kind(rawValue: try row.text("kind")),
            let state = Activation.State(rawValue: try row.text("state"))
        else { throw DatabaseError.sql("an activation of an unknown kind or state") }
        return Activation(
            id: try row.int("id"), version: try row.int("version"), kind: kind, state: state,
            sequence: try row.optionalInt("sequence"), proposedBy: try row.optionalText("proposed_by"),
            decidedBy: try row.optionalText("decided_by"), reason: try row.text("reason"),
            proposedAt: try row.int("proposed_at"), decidedAt: try row.optionalInt("decided_at"))
    }
}
