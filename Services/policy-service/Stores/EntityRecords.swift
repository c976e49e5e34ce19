import Cedar
import Contracts
import Database
import EventBus
import SecurityClient
import StrictJSON

/// Entities in SQL. Each change has a number, its signed delta is an event of the same transaction, and what has to hold
/// is checked before by whoever calls.
struct EntityRecords: Sendable {
    /// How many changes are kept for replicas that follow.
    static let keptChanges: Int64 = 10_000

    let database: any Database
    let outbox: SQLOutbox
    let keys: StatementKeys

    /// A change as it is committed.
    struct Change: Sendable {
        var put: [Entity]
        var removed: [EntityUID] = []
        /// What is put on record beside it.
        var event: SecurityEvent
    }

    /// Commits a change.
    /// - Parameter make: makes the change of the entities that it asks for, inside the transaction; nil changes nothing.
    /// - Returns: the number of the change, or nil.
    func change(
        _ make: @escaping @Sendable (Reader) throws -> Change?, at: Int64, by actor: String?
    ) async throws -> Int64? {
        try await database.change { connection in
            // The number is taken first: on PostgreSQL it makes changes wait for each other, so that each sees the last.
            let sequence = try Counters.next("entities", connection)
            guard let change = try make(Reader(connection: connection)) else {
                _ = try connection.execute(
                    "UPDATE counters SET value = ? WHERE name = 'entities'", [.int(sequence - 1)])
                return nil
            }
            for uid in change.removed {
                try connection.execute(
                    "DELETE FROM entities WHERE type = ? AND id = ?", [.text(uid.type.text), .text(uid.id.string)])
            }
            for entity in change.put {
                try connection.execute(
                    """
                    INSERT INTO entities (type, id, document, changed_sequence) VALUES (?, ?, ?, ?)
                    ON CONFLICT (type, id) DO UPDATE SET
                        document = excluded.document, changed_sequence = excluded.changed_sequence
                    """,
                    [
                        .text(entity.uid.type.text), .text(entity.uid.id.string),
                        .text(try entity.json.encodedString()), .int(sequence),
                    ])
            }
            let delta = EntityDelta(
                from: sequence - 1, sequence: sequence, put: change.put, removed: change.removed)
            let body = try delta.body
            let statement = try keys.delta(delta, digest: PolicyStatement.digest(of: body), at: at)
            let text = String(decoding: body, as: UTF8.self)
            try connection.execute(
                "INSERT INTO entity_changes (sequence, body, actor, at) VALUES (?, ?, ?, ?)",
                [.int(sequence), .text(text), actor.map(SQLValue.text) ?? .null, .int(at)])
            // Whoever is further behind reads the whole.
            try connection.execute(
                "DELETE FROM entity_changes WHERE sequence <= ?", [.int(sequence - EntityRecords.keptChanges)])
            try outbox.append(
                PolicyEvents.entitiesChanged(
                    sequence: sequence, statement: statement,
                    body: body.count <= EntityDelta.maximumBytes ? text : nil, at: at), connection)
            try outbox.append(change.event.outboxEvent(), connection)
            return sequence
        }
    }

    /// Reads within a transaction.
    struct Reader {
        let connection: any SQLConnection

        func entity(_ uid: EntityUID) throws -> Entity? {
            try connection.query(
                "SELECT document FROM entities WHERE type = ? AND id = ?",
                [.text(uid.type.text), .text(uid.id.string)]
            ).first.map(EntityRecords.entity)
        }
    }

    /// All entities and the number of the last change of them.
    func snapshot() async throws(DatabaseError) -> (sequence: Int64, entities: [Entity]) {
        try await database.read { connection in
            (
                try Counters.current("entities", connection),
                try connection.query("SELECT document FROM entities ORDER BY type, id").map(EntityRecords.entity)
            )
        }
    }

    /// What changed after a number, in order; nil when that is not kept any more.
    func changes(after sequence: Int64) async throws(DatabaseError) -> [EntityDelta]? {
        try await database.read { connection in
            let rows = try connection.query(
                "SELECT sequence, body FROM entity_changes WHERE sequence > ? ORDER BY sequence", [.int(sequence)])
            if let first = try rows.first?.int("sequence"), first != sequence + 1 { return nil }
            if rows.isEmpty, try Counters.current("entities", connection) != sequence { return nil }
            return try rows.map {
                try EntityDelta(body: Array(try $0.text("body").utf8), maximum: EntityBundle.maximumBytes)
            }
        }
    }

    /// A page of entities after a place.
    func page(
        type: String?, after place: (type: String, id: String)?, limit: Int
    ) async throws(DatabaseError) -> [Entity] {
        try await database.read { connection in
            var conditions = ["(type, id) > (?, ?)"]
            var arguments: [SQLValue] = [.text(place?.type ?? ""), .text(place?.id ?? "")]
            if let type {
                conditions.append("type = ?")
                arguments.append(.text(type))
            }
            return try connection.query(
                "SELECT document FROM entities WHERE \(conditions.joined(separator: " AND ")) ORDER BY type, id LIMIT ?",
                arguments + [.int(Int64(limit))]
            ).map(EntityRecords.entity)
        }
    }

    func entity(_ uid: EntityUID) async throws(DatabaseError) -> Entity? {
        try await database.read { try Reader(connection: $0).entity(uid) }
    }

    private static func entity(_ row: SQLRow) throws -> Entity {
        try Entity(
            json: try JSONValue(
                parsing: try row.text("document"), limits: JSONLimits(maxBytes: 1 << 20, maxDepth: 64)))
    }
}
