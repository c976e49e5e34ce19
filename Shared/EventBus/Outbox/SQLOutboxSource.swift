import Contracts
import Database

/// The relay's side of an outbox in SQL.
///
/// A row is new (no number), waiting (a number, not published) or published. Numbers are given in a transaction of
/// their own before anything is sent, so that a relay that dies in between leaves them to its successor, who sends the
/// same numbers again.
package struct SQLOutboxSource: OutboxSource {
    package let name: String
    let database: any Database
    let retention: OutboxRetention
    let urgentTopics: [String]
    let patience: Duration

    // MARK: - Lease

    package func acquire(holder: String, ttl: Duration) async throws(OutboxError) -> OutboxLease? {
        do throws(DatabaseError) {
            return try await lease(holder, ttl).acquire().map(outboxLease)
        } catch {
            throw OutboxError(error)
        }
    }

    package func renew(_ lease: OutboxLease, ttl: Duration) async throws(OutboxError) -> OutboxLease? {
        do throws(DatabaseError) {
            return try await self.lease(lease.holder, ttl).renew(grant(lease)).map(outboxLease)
        } catch {
            throw OutboxError(error)
        }
    }

    package func release(_ lease: OutboxLease) async {
        // If this fails the lease runs out by itself.
        try? await self.lease(lease.holder, .seconds(2)).release(grant(lease))
    }

    private func lease(_ holder: String, _ ttl: Duration) -> SQLLease {
        SQLLease(database: database, name: "outbox:\(name)", holder: holder, ttl: ttl)
    }

    private func outboxLease(_ grant: LeaseGrant) -> OutboxLease {
        OutboxLease(outbox: name, holder: grant.holder, fence: grant.fence, validUntil: grant.validUntil)
    }

    private func grant(_ lease: OutboxLease) -> LeaseGrant {
        LeaseGrant(name: "outbox:\(name)", holder: lease.holder, fence: lease.fence, validUntil: lease.validUntil)
    }

    // MARK: - Reading

    package func open(_ lease: OutboxLease) async throws(OutboxError) -> OutboxState {
        let name = name
        return try await write(lease) { connection in
            // The time at which the outbox began is an epoch that a database begun anew does not repeat.
            try connection.execute(
                """
                INSERT INTO outbox_epochs (outbox, epoch) VALUES (?, \(connection.dialect.nowMilliseconds))
                ON CONFLICT (outbox) DO NOTHING
                """, [.text(name)])
            let epoch = try connection.query("SELECT epoch FROM outbox_epochs WHERE outbox = ?", [.text(name)])
            var state = OutboxState(epoch: try epoch.first?.int("epoch") ?? 0, lastSequences: [:])
            for row in try connection.query(
                "SELECT topic, last_seq FROM outbox_sequences WHERE outbox = ?", [.text(name)])
            {
                state.lastSequences[try row.text("topic")] = try row.int("last_seq")
            }
            return state
        }
    }

    package func clock() async throws(OutboxError) -> Int64 {
        // SQLite's clock is this machine's. Read before the snapshot of `take` is made, and in a statement of its own.
        if database.dialect == .sqlite { return WallClock.milliseconds() }
        let now = database.dialect.nowMilliseconds
        return try await read { try $0.query("SELECT \(now) AS now").first?.int("now") ?? 0 }
    }

    package func acknowledged() async throws(OutboxError) -> [AcknowledgedPosition] {
        let name = name
        return try await read { connection in
            try connection.query(
                "SELECT topic, partition, log_offset, event_id FROM outbox_positions WHERE outbox = ?", [.text(name)]
            ).map { row in
                let partition = TopicPartition(
                    topic: try row.text("topic"), partition: Int32(clamping: try row.int("partition")))
                return AcknowledgedPosition(
                    position: RecordPosition(partition: partition, offset: try row.int("log_offset")),
                    eventID: try row.text("event_id"))
            }
        }
    }

    package func backlog() async throws(OutboxError) -> Int {
        let name = name
        return try await read { connection in
            let rows = try connection.query(
                """
                SELECT (SELECT COUNT(*) FROM outbox_events WHERE outbox = ? AND seq IS NULL)
                    + (SELECT COUNT(*) FROM outbox_events
                       WHERE outbox = ? AND seq IS NOT NULL AND published_ms IS NULL) AS waiting
                """, [.text(name), .text(name)])
            return Int(try rows.first?.int("waiting") ?? 0)
        }
    }

    package func take(limit: Int, _ lease: OutboxLease) async throws(OutboxError) -> OutboxBatch {
        let plan = SQLOutboxBatch(outbox: name, urgentTopics: urgentTopics, patience: patience, limit: limit)
        // Most polls find nothing, and need not take the lock of a writer.
        guard try await read({ try plan.isAnythingThere($0) }) else { return OutboxBatch(records: []) }
        return try await write(lease) { try plan.take($0) }
    }

    // MARK: - Writing

    package func confirm(
        _ batch: OutboxBatch, _ positions: [AcknowledgedPosition], _ lease: OutboxLease
    ) async throws(OutboxError) {
        let name = name
        let ranges = Dictionary(grouping: batch.records, by: \.event.topic).mapValues { records in
            records.reduce(into: (low: Int64.max, high: Int64.min)) {
                $0 = (min($0.low, $1.sequence), max($0.high, $1.sequence))
            }
        }
        try await write(lease) { connection in
            for (topic, range) in ranges {
                // Whatever waits between the first and the last number was in the batch, which is in their order.
                try connection.execute(
                    """
                    UPDATE outbox_events SET published_ms = \(connection.dialect.nowMilliseconds)
                    WHERE outbox = ? AND topic = ? AND seq IS NOT NULL AND published_ms IS NULL
                        AND seq BETWEEN ? AND ?
                    """, [.text(name), .text(topic), .int(range.low), .int(range.high)])
            }
            for acknowledged in positions {
                let partition = acknowledged.position.partition
                try connection.execute(
                    """
                    INSERT INTO outbox_positions (outbox, topic, partition, log_offset, event_id)
                    VALUES (?, ?, ?, ?, ?)
                    ON CONFLICT (outbox, topic, partition) DO UPDATE SET
                        log_offset = excluded.log_offset, event_id = excluded.event_id
                    """,
                    [
                        .text(name), .text(partition.topic), .int(Int64(partition.partition)),
                        .int(acknowledged.position.offset), .text(acknowledged.eventID),
                    ])
            }
        }
    }

    package func republish(_ topics: Set<String>, _ lease: OutboxLease) async throws(OutboxError) {
        let name = name
        try await write(lease) { connection in
            for topic in topics {
                try connection.execute(
                    """
                    UPDATE outbox_events SET published_ms = NULL
                    WHERE outbox = ? AND topic = ? AND published_ms IS NOT NULL
                    """, [.text(name), .text(topic)])
                try connection.execute(
                    "DELETE FROM outbox_positions WHERE outbox = ? AND topic = ?", [.text(name), .text(topic)])
            }
        }
    }

    package func prune(_ lease: OutboxLease) async throws(OutboxError) {
        let (name, retention) = (name, retention)
        try await write(lease) { connection in
            let now = connection.dialect.nowMilliseconds
            let topics = try connection.query(
                "SELECT topic FROM outbox_sequences WHERE outbox = ?", [.text(name)]
            ).map { try $0.text("topic") }
            for topic in topics {
                let age = Int64((retention.byTopic[topic] ?? retention.standard).milliseconds64)
                try connection.execute(
                    """
                    DELETE FROM outbox_events
                    WHERE outbox = ? AND topic = ? AND published_ms IS NOT NULL AND published_ms < \(now) - ?
                    """, [.text(name), .text(topic), .int(age)])
            }
            // Topics with a time of their own keep it: revocations must not leave early because much else was told.
            let kept = retention.byTopic.keys.sorted().map { SQLValue.text($0) }
            let others =
                kept.isEmpty ? "" : "AND topic NOT IN (\(kept.map { _ in "?" }.joined(separator: ", ")))"
            try connection.execute(
                """
                DELETE FROM outbox_events WHERE published_ms IS NOT NULL AND outbox = ? \(others) AND id <= (
                    SELECT id FROM outbox_events WHERE outbox = ? AND published_ms IS NOT NULL \(others)
                    ORDER BY id DESC LIMIT 1 OFFSET ?)
                """, [.text(name)] + kept + [.text(name)] + kept + [.int(Int64(retention.maxEvents))])
        }
    }

    // MARK: - Helpers

    private func read<T: Sendable>(
        _ body: @escaping @Sendable (any SQLConnection) throws -> T
    ) async throws(OutboxError) -> T {
        do throws(DatabaseError) {
            return try await database.read(body)
        } catch {
            throw OutboxError(error)
        }
    }

    private func write<T: Sendable>(
        _ lease: OutboxLease, _ body: @escaping @Sendable (any SQLConnection) throws -> T
    ) async throws(OutboxError) -> T {
        let grant = grant(lease)
        do throws(DatabaseError) {
            return try await database.write { connection in
                try SQLLease.check(grant, connection)
                return try body(connection)
            }
        } catch {
            throw OutboxError(error)
        }
    }
}

extension OutboxError {
    init(_ error: DatabaseError) {
        if case .fenced = error { self = .leaseLost } else { self = .unavailable("\(error)") }
    }
}

extension Duration {
    var milliseconds64: Int64 {
        let (seconds, attoseconds) = components
        return seconds * 1_000 + attoseconds / 1_000_000_000_000_000
    }
}
