import Contracts
import Database

/// How the next batch is put together, in one transaction.
struct SQLOutboxBatch: Sendable {
    let outbox: String
    let urgentTopics: [String]
    let patience: Duration
    let limit: Int

    func isAnythingThere(_ connection: any SQLConnection) throws -> Bool {
        try !connection.query(
            """
            SELECT 1 AS found WHERE EXISTS (SELECT 1 FROM outbox_events WHERE outbox = ? AND seq IS NULL)
                OR EXISTS (
                    SELECT 1 FROM outbox_events WHERE outbox = ? AND seq IS NOT NULL AND published_ms IS NULL)
            """, [.text(outbox), .text(outbox)]
        ).isEmpty
    }

    func take(_ connection: any SQLConnection) throws -> OutboxBatch {
        var numbered: [String: Int64] = [:]
        for topic in urgentTopics {
            try number(connection, "AND topic = ?", [.text(topic)], &numbered)
        }
        let others = urgentTopics.isEmpty ? "" : "AND topic NOT IN (\(marks(urgentTopics.count)))"
        try number(connection, others, urgentTopics.map(SQLValue.text), &numbered)
        for (topic, last) in numbered {
            try connection.execute(
                """
                INSERT INTO outbox_sequences (outbox, topic, last_seq) VALUES (?, ?, ?)
                ON CONFLICT (outbox, topic) DO UPDATE SET last_seq = excluded.last_seq
                """, [.text(outbox), .text(topic), .int(last)])
        }
        return try waiting(connection)
    }

    /// Gives the next numbers of their topics to new rows, in the order of their ids. Rows are marked one by one and not
    /// passed over by a cursor, so that one which commits late is found whenever it comes.
    private func number(
        _ connection: any SQLConnection, _ condition: String, _ arguments: [SQLValue],
        _ numbered: inout [String: Int64]
    ) throws {
        let rows = try connection.query(
            """
            UPDATE outbox_events SET seq = picked.place + COALESCE((
                SELECT last_seq FROM outbox_sequences
                WHERE outbox_sequences.outbox = outbox_events.outbox
                    AND outbox_sequences.topic = outbox_events.topic), 0)
            FROM (
                SELECT id AS picked_id, ROW_NUMBER() OVER (PARTITION BY topic ORDER BY id) AS place
                FROM (
                    SELECT id, topic FROM outbox_events
                    WHERE outbox = ? AND seq IS NULL AND \(ready(connection.dialect)) \(condition)
                    ORDER BY topic, id LIMIT ?
                ) AS candidates
            ) AS picked
            WHERE outbox_events.id = picked.picked_id
            RETURNING topic, seq
            """, [.text(outbox)] + arguments + [.int(Int64(limit))])
        for row in rows {
            let topic = try row.text("topic")
            numbered[topic] = max(numbered[topic] ?? 0, try row.int("seq"))
        }
    }

    /// On PostgreSQL ids are not commit order: only what stands below the oldest open transaction is complete.
    private func ready(_ dialect: SQLDialect) -> String {
        guard dialect == .postgres else { return "1 = 1" }
        return """
            (xid < \(dialect.oldestOpenTransactionID)
                OR created_ms < \(dialect.nowMilliseconds) - \(patience.milliseconds64))
            """
    }

    private func waiting(_ connection: any SQLConnection) throws -> OutboxBatch {
        var records: [OutboxRecord] = []
        let epochs = try connection.query("SELECT epoch FROM outbox_epochs WHERE outbox = ?", [.text(outbox)])
        let epoch = try epochs.first?.int("epoch") ?? 0
        func read(_ condition: String, _ arguments: [SQLValue]) throws {
            guard records.count < limit else { return }
            let rows = try connection.query(
                """
                SELECT topic, seq, payload FROM outbox_events
                WHERE outbox = ? AND seq IS NOT NULL AND published_ms IS NULL \(condition)
                ORDER BY topic, seq LIMIT ?
                """, [.text(outbox)] + arguments + [.int(Int64(limit - records.count))])
            for row in rows {
                let payload = try row.text("payload")
                let topic = try row.text("topic")
                let event = OutboxEvent(encoded: payload.utf8) ?? .unreadable(topic: topic, bytes: payload.utf8.count)
                records.append(OutboxRecord(event: event, epoch: epoch, sequence: try row.int("seq")))
            }
        }
        for topic in urgentTopics { try read("AND topic = ?", [.text(topic)]) }
        let others = urgentTopics.isEmpty ? "" : "AND topic NOT IN (\(marks(urgentTopics.count)))"
        try read(others, urgentTopics.map(SQLValue.text))

        let left = try connection.query(
            "SELECT MIN(created_ms) AS oldest FROM outbox_events WHERE outbox = ? AND seq IS NULL", [.text(outbox)])
        return OutboxBatch(
            records: records, hasMore: records.count >= limit, heldBackSince: try left.first?.optionalInt("oldest"))
    }

    private func marks(_ count: Int) -> String { Array(repeating: "?", count: count).joined(separator: ", ") }
}

extension OutboxEvent {
    /// Stands in for what an outbox holds that nobody can read: it keeps its number, so that no gap appears, and says
    /// that something is missing.
    static func unreadable(topic: String, bytes: Int) -> OutboxEvent {
        OutboxEvent(
            topic: topic, key: "unreadable", type: "org.jts.outbox.unreadable", time: WallClock.milliseconds(),
            data: ["bytes": .int(Int64(bytes))])
    }
}
