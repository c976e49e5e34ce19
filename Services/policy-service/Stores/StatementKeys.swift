import Foundation
import JOSE
import Logging
import SecurityClient
import Synchronization

/// The keys that sign what is said of policies, entities and roles, as this replica last read them: ES256, sealed in SQL, the
/// same for all replicas.
///
/// A key is published before it signs: by the time it is due, every replica has it in its JWKS and in its file
/// (`STATE_DIR/statement-keys.json`), which those on the machine pin (`POLICY_JWKS_FILE`).
final class StatementKeys: Sendable {
    struct Entry: Sendable {
        let times: StatementKeyTimes
        let key: SigningKey
        /// The state of which an event has told.
        let told: StatementKeyState
    }

    private struct Ring {
        var entries: [Entry] = []
        /// Those that are not revoked, the one that is due last first.
        var signers: [(activatesAt: Int64, key: SigningKey)] = []
        var published = JWKSet(keys: [])
        /// When the reading began that this came from.
        var readAt = Int64.min
    }

    /// What was taken last, and what stands in the file.
    private struct Taken {
        var reading: UInt64 = 0
        var document: [UInt8] = []
        /// Why the file is not as it should be.
        var fault: (any Error)?
    }

    let issuer: String
    let schedule: StatementKeySchedule
    let records: StatementKeyRecords
    private let file: String
    private let clock: @Sendable () -> Int64
    private let logger: Logger
    private let ring = Mutex(Ring())
    private let taken = Mutex(Taken())
    private let readings = Atomic<UInt64>(0)

    private init(_ platform: Platform) {
        issuer = platform.configuration.issuer
        schedule = StatementKeySchedule(lifetime: platform.configuration.statementKeyLifetime)
        records = StatementKeyRecords(database: platform.database, sealer: platform.sealer)
        file = platform.configuration.stateDirectory + "/statement-keys.json"
        clock = platform.clock
        logger = platform.logger
    }

    /// Reads and publishes the keys; makes the first one.
    static func open(_ platform: Platform) async throws -> StatementKeys {
        let keys = StatementKeys(platform)
        let now = platform.clock()
        let made = try keys.records.make()
        try await platform.database.write { connection in
            guard try StatementKeyRecords.all(connection).isEmpty else { return }
            let times = StatementKeyTimes(keyID: made.key.keyID, announcedAt: now, activatesAt: now)
            try StatementKeyRecords.insert(made, times, connection)
            let event = StatementKeyRotation.event(
                .signingKeyAnnounced, times.keyID, reason: "first", Act(at: now),
                fields: ["activates_at_ms": .int(now)])
            try platform.outbox.append(event.outboxEvent(), connection)
        }
        try await keys.follow()
        if let fault = keys.taken.withLock({ $0.fault }) { throw fault }
        return keys
    }

    // MARK: Following SQL

    /// Reads what SQL says. When it returns, all that was committed before it was called is published and signs.
    func follow() async throws {
        let now = clock()
        let reading = readings.add(1, ordering: .relaxed).newValue
        let known = Dictionary(
            ring.withLock { $0.entries }.map { ($0.times.keyID, $0.key) }, uniquingKeysWith: { first, _ in first })
        let entries = try await records.all().map { stored in
            Entry(
                times: stored.times, key: try known[stored.times.keyID] ?? records.open(stored), told: stored.told)
        }
        take(entries, reading: reading, now: now)
    }

    /// What was read before something newer is passed over: a key that was revoked in between must not come back.
    private func take(_ entries: [Entry], reading: UInt64, now: Int64) {
        taken.withLock { taken in
            guard reading > taken.reading else { return }
            taken.reading = reading
            let times = entries.map(\.times)
            let published = JWKSet(
                keys: entries.filter { StatementKeySchedule.state(of: $0.times, among: times, now: now).isPublished }
                    .map(\.key.publicJWK))
            let document = published.json().encoded()
            // Into the file first, so that whoever meets a new key finds it there. A key that is revoked does not sign any more
            // although the file could not be written; that is tried again.
            if document != taken.document { publish(document, &taken) }
            ring.withLock { ring in
                ring.entries = entries
                ring.signers = entries.filter { $0.times.revokedAt == nil }.reversed()
                    .map { (activatesAt: $0.times.activatesAt, key: $0.key) }
                ring.published = published
                ring.readAt = now
            }
        }
    }

    private func publish(_ document: [UInt8], _ taken: inout Taken) {
        do {
            try write(document)
            taken.document = document
            taken.fault = nil
            logger.info("statement keys are published", metadata: ["file": "\(file)"])
        } catch {
            if taken.fault == nil {
                logger.error("statement keys cannot be published", metadata: ["file": "\(file)", "error": "\(error)"])
            }
            taken.fault = error
        }
    }

    private func write(_ document: [UInt8]) throws {
        let beside = file + ".new"
        try Data(document).write(to: URL(fileURLWithPath: beside))
        guard rename(beside, file) == 0 else { throw CocoaError(.fileWriteUnknown) }
    }

    // MARK: Reading

    var entries: [Entry] { ring.withLock { $0.entries } }

    var publicKeys: JWKSet { ring.withLock { $0.published } }

    /// Whether SQL was read less than so many milliseconds ago.
    func isFresh(now: Int64, limit: Int64) -> Bool {
        let readAt = ring.withLock { $0.readAt }
        return readAt > now - limit
    }

    /// - Throws: `.unknownKey` while there is none.
    private func signer() throws(JOSEError) -> SigningKey {
        let now = clock()
        let key = ring.withLock { ring in
            // Where none is due, a replica whose clock is ahead of this one's has just made the first, or replaced a revoked one.
            (ring.signers.first { $0.activatesAt <= now } ?? ring.signers.last)?.key
        }
        guard let key else { throw .unknownKey }
        return key
    }

    // MARK: Signing

    func policies(sequence: Int64, version: Int64, digest: String, at: Int64) throws(JOSEError) -> String {
        try policies(sequence: sequence, version: version, digest: digest, at: at, with: try signer())
    }

    /// - Parameter key: one that is about to sign.
    func policies(
        sequence: Int64, version: Int64, digest: String, at: Int64, with key: SigningKey
    ) throws(JOSEError) -> String {
        try PolicyStatement(
            .policies, issuer: issuer, sequence: sequence, version: version, issuedAt: at / 1000, digest: digest
        ).signed(with: key)
    }

    func entities(sequence: Int64, digest: String, at: Int64) throws(JOSEError) -> String {
        try PolicyStatement(
            .entities, issuer: issuer, sequence: sequence, issuedAt: at / 1000, digest: digest
        ).signed(with: try signer())
    }

    func delta(_ delta: EntityDelta, digest: String, at: Int64) throws(JOSEError) -> String {
        try PolicyStatement(
            .delta, issuer: issuer, sequence: delta.sequence, from: delta.from, issuedAt: at / 1000, digest: digest
        ).signed(with: try signer())
    }

    /// - Parameter from: what the caller has; nil when the body is the whole.
    func roles(from: Int64?, sequence: Int64, digest: String, at: Int64) throws(JOSEError) -> String {
        try PolicyStatement(
            .roles, issuer: issuer, sequence: sequence, from: from, issuedAt: at / 1000, digest: digest
        ).signed(with: try signer())
    }

    func shadow(version: Int64, digest: String, at: Int64) throws(JOSEError) -> String {
        try PolicyStatement(
            .shadow, issuer: issuer, sequence: version, version: version, issuedAt: at / 1000, digest: digest
        ).signed(with: try signer())
    }
}
