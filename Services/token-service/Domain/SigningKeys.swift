import Contracts
import Database
import EventBus
import JOSE
import Logging
import NIOPosix

/// Keeps the ring in step with the store and lets keys take over from each other.
///
/// Any replica may announce a key, one at a time: by lease, and fenced in the transaction that writes it.
struct SigningKeys: Sendable {
    let store: KeyStore
    let ring: KeyRing
    let lease: SQLLease
    let outbox: SQLOutbox
    let revocations: Revocations
    let algorithm: JWSAlgorithm
    let clock: @Sendable () -> Int64
    let logger: Logger

    /// Reads the store; a key that cannot be opened stops the start rather than being left out.
    func reload() async throws {
        let reading = ring.beginReading()
        let known = Dictionary(uniqueKeysWithValues: ring.entries.map { ($0.times.keyID, $0.key) })
        let entries = try await store.all().map { stored in
            KeyRing.Entry(
                times: stored.times, key: try known[stored.times.keyID] ?? store.open(stored),
                publicJWK: stored.publicJWK, told: stored.told)
        }
        if ring.replace(entries, reading: reading, now: clock()) {
            logger.info("published keys changed", metadata: ["keys": "\(ring.document.keys.count)"])
        }
    }

    /// Announces a successor when one is due, tells of keys that took over or retired, and forgets keys of which no
    /// token is alive. All of it under the lease, and only when there is something to do.
    func maintain() async throws {
        try await reload()
        let now = clock()
        let entries = ring.entries
        let times = entries.map(\.times)
        let states = entries.map { ($0, ring.schedule.state(of: $0.times, among: times, now: now)) }
        let dead = states.filter { entry, state in
            switch state {
            case .gone: true
            case .revoked: (entry.times.revokedAt ?? now) + ring.schedule.tokenLifetime < now
            default: false
            }
        }.map(\.0.times.keyID)
        let untold = states.filter { entry, state in
            entry.told != state && (state == .active || state == .retired)
        }
        let isDue = ring.schedule.needsSuccessor(times, now: now)
        guard isDue || !dead.isEmpty || !untold.isEmpty else { return }
        guard let grant = try await lease.acquire() else { return }
        if isDue {
            try await announce(by: nil, reason: "schedule", fence: grant) { schedule, times in
                schedule.needsSuccessor(times, now: now)
            }
        }
        for (entry, state) in untold { try await tell(state, of: entry.times.keyID, now: now, fence: grant) }
        for keyID in dead {
            try await store.database.write { connection in
                try lease.check(grant, connection)
                try store.delete(keyID, connection)
            }
        }
        try await reload()
    }

    private func tell(_ state: KeyState, of keyID: String, now: Int64, fence: LeaseGrant) async throws {
        let event = SecurityEvent(
            state == .active ? .signingKeyActivated : .signingKeyRetired, reason: "schedule", at: now,
            fields: ["kid": .string(keyID)])
        try await store.database.write { connection in
            try lease.check(fence, connection)
            if try store.tell(state, of: keyID, connection) { try outbox.append(event.outboxEvent(), connection) }
        }
        revocations.nudge()
    }

    /// Announces a new key on demand; it signs after its announcement. Returns the key's id and when it takes over.
    func rotate(by actor: String?) async throws -> KeyTimes? {
        let times = try await announce(by: actor, reason: "demand", fence: nil) { _, _ in true }
        try await reload()
        return times
    }

    /// Withdraws a key at once. When it was the active one, a new key signs from this moment on, and no older one again:
    /// verifiers fetch the new one as they see its id for the first time.
    func revoke(_ keyID: String, reason: String, by actor: String?) async throws -> Bool {
        let now = clock()
        try await reload()
        let isActive = ring.schedule.signingKey(ring.entries.map(\.times), now: now)?.keyID == keyID
        let replacement = isActive ? try await generate() : nil
        let pending = try await store.database.write { connection -> PendingRevocation? in
            guard try store.revoke(keyID, at: now, connection) else { return nil }
            if let replacement {
                let times = KeyTimes(keyID: replacement.keyID, announcedAt: now, activatesAt: now)
                try insert(replacement, times, by: actor, reason: reason, connection)
            }
            let event = SecurityEvent(
                .signingKeyRevoked, actor: actor, reason: reason, at: now, fields: ["kid": .string(keyID)])
            try outbox.append(event.outboxEvent(), connection)
            return try revocations.revokeKey(keyID, reason: reason, by: actor, at: now, connection)
        }
        guard let pending else { return false }
        await revocations.announce(pending)
        try await reload()
        return true
    }

    @discardableResult
    private func announce(
        by actor: String?, reason: String, fence: LeaseGrant?,
        when isNeeded: @escaping @Sendable (KeySchedule, [KeyTimes]) -> Bool
    ) async throws -> KeyTimes? {
        let key = try await generate()
        let now = clock()
        let schedule = ring.schedule
        let times = try await store.database.write { connection -> KeyTimes? in
            if let fence { try lease.check(fence, connection) }
            let existing = try KeyStore.all(connection).map(\.times)
            guard isNeeded(schedule, existing) else { return nil }
            let times = KeyTimes(
                keyID: key.keyID, announcedAt: now, activatesAt: schedule.activation(existing, now: now))
            try insert(key, times, by: actor, reason: reason, connection)
            return times
        }
        if let times {
            logger.info(
                "signing key announced",
                metadata: ["kid": "\(times.keyID)", "activates_in_ms": "\(times.activatesAt - now)"])
            revocations.nudge()
        }
        return times
    }

    /// Writes a new key, with the events that tell of it.
    private func insert(
        _ key: SigningKey, _ times: KeyTimes, by actor: String?, reason: String, _ connection: any SQLConnection
    ) throws {
        try store.insert(key, times, connection)
        let event = SecurityEvent(
            .signingKeyAnnounced, actor: actor, reason: reason, at: times.announcedAt,
            fields: ["kid": .string(key.keyID), "activates_at_ms": .int(times.activatesAt)])
        try outbox.append(event.outboxEvent(), connection)
        try outbox.append(
            OutboxEvent(
                topic: Topic.keyRotated.rawValue, key: key.keyID, type: "org.jts.security.key-rotated",
                subject: key.keyID, time: times.announcedAt,
                data: [
                    "kid": .string(key.keyID), "alg": .string(key.algorithm.rawValue),
                    "announced_at_ms": .int(times.announcedAt), "activates_at_ms": .int(times.activatesAt),
                ]), connection)
    }

    /// Making an RSA key takes some hundred milliseconds of a core: on a thread of its own.
    private func generate() async throws -> SigningKey {
        let algorithm = algorithm
        return try await NIOThreadPool.singleton.runIfActive { try SigningKey.generate(algorithm) }
    }
}
