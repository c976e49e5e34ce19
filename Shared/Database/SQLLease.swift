/// A lease that was granted: proof to show with every write made under it.
package struct LeaseGrant: Sendable, Hashable {
    package let name: String
    package let holder: String
    /// Grows with every change of hands, and never falls.
    package let fence: Int64
    /// Until when the lease surely holds by this machine's monotonic clock: counted from before it was asked for.
    package let validUntil: ContinuousClock.Instant

    package init(name: String, holder: String, fence: Int64, validUntil: ContinuousClock.Instant) {
        self.name = name
        self.holder = holder
        self.fence = fence
        self.validUntil = validUntil
    }

    package func isCurrent(at instant: ContinuousClock.Instant = .now) -> Bool { instant < validUntil }
}

/// Work that only one replica may do: a lease by the database's clock, with a fencing number.
///
/// The clock decides who may try, and the fencing number who may write: a holder that was stopped for longer than its
/// lease finds `check` refusing its transaction. `Migrator.run` creates the table.
package struct SQLLease: Sendable {
    package let database: any Database
    package let name: String
    package let holder: String
    package let ttl: Duration

    /// - Parameter holder: names this process, differently at each start.
    package init(database: any Database, name: String, holder: String, ttl: Duration) {
        self.database = database
        self.name = name
        self.holder = holder
        self.ttl = ttl
    }

    /// Takes the lease when it is free or lapsed, and prolongs it when this holder has it; nil when another has it.
    package func acquire() async throws(DatabaseError) -> LeaseGrant? {
        let asked = ContinuousClock.now
        let now = database.dialect.nowMilliseconds
        let (name, holder, ttl) = (name, holder, ttl)
        let fence = try await database.write { connection -> Int64? in
            try connection.query(
                """
                INSERT INTO leases (name, holder, fence, expires_at) VALUES (?, ?, 1, \(now) + ?)
                ON CONFLICT (name) DO UPDATE SET
                    fence = CASE WHEN leases.holder = excluded.holder AND leases.expires_at > \(now)
                        THEN leases.fence ELSE leases.fence + 1 END,
                    holder = excluded.holder,
                    expires_at = excluded.expires_at
                WHERE leases.expires_at <= \(now) OR leases.holder = excluded.holder
                RETURNING fence
                """, [.text(name), .text(holder), .int(ttl.inMilliseconds)]
            ).first?.int("fence")
        }
        return fence.map { LeaseGrant(name: name, holder: holder, fence: $0, validUntil: asked + ttl) }
    }

    /// Prolongs a lease that still holds; nil when it has lapsed or changed hands.
    package func renew(_ grant: LeaseGrant) async throws(DatabaseError) -> LeaseGrant? {
        let asked = ContinuousClock.now
        let now = database.dialect.nowMilliseconds
        let changed = try await database.execute(
            """
            UPDATE leases SET expires_at = \(now) + ?
            WHERE name = ? AND holder = ? AND fence = ? AND expires_at > \(now)
            """, [.int(ttl.inMilliseconds), .text(grant.name), .text(grant.holder), .int(grant.fence)])
        guard changed == 1 else { return nil }
        return LeaseGrant(name: grant.name, holder: grant.holder, fence: grant.fence, validUntil: asked + ttl)
    }

    /// Gives the lease back, so that another may have it at once. A lease that is already lost is left alone.
    package func release(_ grant: LeaseGrant) async throws(DatabaseError) {
        try await database.execute(
            "UPDATE leases SET expires_at = 0, holder = '' WHERE name = ? AND holder = ? AND fence = ?",
            [.text(grant.name), .text(grant.holder), .int(grant.fence)])
    }

    /// Throws `.fenced` unless the grant is still the latest, and keeps it so until the transaction ends.
    ///
    /// To be called in the transaction that writes. A lease that lapsed without anybody taking it over passes.
    package static func check(_ grant: LeaseGrant, _ connection: any SQLConnection) throws {
        let rows = try connection.query(
            "SELECT fence, holder FROM leases WHERE name = ?\(connection.dialect.forShare)", [.text(grant.name)])
        guard let row = rows.first, try row.int("fence") == grant.fence, try row.text("holder") == grant.holder else {
            throw DatabaseError.fenced("\(grant.name) is no longer held with number \(grant.fence)")
        }
    }

    package func check(_ grant: LeaseGrant, _ connection: any SQLConnection) throws {
        try SQLLease.check(grant, connection)
    }
}
