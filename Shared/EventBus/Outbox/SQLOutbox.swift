import Database

/// An outbox in SQL: events are written in the same transaction as the change they tell of.
package struct SQLOutbox: Sendable {
    package let name: String

    /// - Parameter name: unique within the database.
    package init(name: String) { self.name = name }

    /// To be run as a component of its own: `Migrator.run(SQLOutbox.migrations, component: "outbox", on: database)`.
    package static var migrations: [Migration] {
        [
            Migration(
                number: 1, name: "outbox",
                sql: [
                    """
                    CREATE TABLE outbox_events (
                        id {{ID}},
                        outbox TEXT NOT NULL,
                        topic TEXT NOT NULL,
                        payload TEXT NOT NULL,
                        created_ms INTEGER NOT NULL,
                        xid {{XID}},
                        seq INTEGER,
                        published_ms INTEGER
                    )
                    """,
                    "CREATE INDEX outbox_events_new ON outbox_events (outbox, topic, id) WHERE seq IS NULL",
                    """
                    CREATE UNIQUE INDEX outbox_events_waiting ON outbox_events (outbox, topic, seq)
                    WHERE seq IS NOT NULL AND published_ms IS NULL
                    """,
                    """
                    CREATE INDEX outbox_events_published ON outbox_events (outbox, topic, published_ms)
                    WHERE published_ms IS NOT NULL
                    """,
                    "CREATE TABLE outbox_epochs (outbox TEXT PRIMARY KEY, epoch INTEGER NOT NULL)",
                    """
                    CREATE TABLE outbox_sequences (
                        outbox TEXT NOT NULL,
                        topic TEXT NOT NULL,
                        last_seq INTEGER NOT NULL,
                        PRIMARY KEY (outbox, topic)
                    )
                    """,
                    """
                    CREATE TABLE outbox_positions (
                        outbox TEXT NOT NULL,
                        topic TEXT NOT NULL,
                        partition INTEGER NOT NULL,
                        log_offset INTEGER NOT NULL,
                        event_id TEXT NOT NULL,
                        PRIMARY KEY (outbox, topic, partition)
                    )
                    """,
                ])
        ]
    }

    /// Writes an event in the caller's transaction. After the commit call the relay's `nudge`.
    /// - Throws: `OutboxError.tooLarge`; whatever the database throws.
    package func append(_ event: OutboxEvent, _ connection: any SQLConnection) throws {
        let payload = event.encoded()
        guard payload.utf8.count <= OutboxEvent.maxBytes else {
            throw OutboxError.tooLarge(bytes: payload.utf8.count)
        }
        try connection.execute(
            """
            INSERT INTO outbox_events (outbox, topic, payload, created_ms)
            VALUES (?, ?, ?, \(connection.dialect.nowMilliseconds))
            """, [.text(name), .text(event.topic), .text(payload)])
    }

    /// The same for many events, with few statements.
    package func append(_ events: [OutboxEvent], _ connection: any SQLConnection) throws {
        let batch = 500
        for start in stride(from: 0, to: events.count, by: batch) {
            let some = events[start..<min(start + batch, events.count)]
            var values: [SQLValue] = []
            for event in some {
                let payload = event.encoded()
                guard payload.utf8.count <= OutboxEvent.maxBytes else {
                    throw OutboxError.tooLarge(bytes: payload.utf8.count)
                }
                values += [.text(name), .text(event.topic), .text(payload)]
            }
            let row = "(?, ?, ?, \(connection.dialect.nowMilliseconds))"
            try connection.execute(
                "INSERT INTO outbox_events (outbox, topic, payload, created_ms) VALUES "
                    + Array(repeating: row, count: some.count).joined(separator: ", "), values)
        }
    }

    /// What a relay reads this outbox through.
    /// - Parameters:
    ///   - urgentTopics: published before all others, in this order.
    ///   - patience: on PostgreSQL a transaction left open anywhere holds newer events back, so that they are told in
    ///     the order of their transactions; but no longer than this.
    package func source(
        on database: any Database, retention: OutboxRetention = OutboxRetention(), urgentTopics: [String] = [],
        patience: Duration = .seconds(1)
    ) -> SQLOutboxSource {
        SQLOutboxSource(
            name: name, database: database, retention: retention, urgentTopics: urgentTopics, patience: patience)
    }
}
