import Contracts
import Database
import EventBus
import JOSE
import SecurityClient
import StrictJSON

/// Lets the keys that sign statements take over from each other.
///
/// Every replica may do it: what is to be done is decided anew in the transaction that does it, so that of several that see
/// the same one does it.
struct StatementKeyRotation: Sendable {
    let keys: StatementKeys
    let point: DecisionPoint
    let database: any Database
    let outbox: SQLOutbox
    let clock: @Sendable () -> Int64
    let nudge: @Sendable () -> Void

    enum Refusal: Error, Equatable {
        /// There is one already that will take over.
        case alreadyAnnounced
    }

    /// Announces a successor when one is due, tells of keys that took over or retired, and forgets those that nobody needs.
    func maintain() async throws {
        try await keys.follow()
        let now = clock()
        let work = Work(keys.entries.map { ($0.times, $0.told) }, keys.schedule, now: now)
        guard !work.isNone else { return }
        let made = try keys.records.make()
        let schedule = keys.schedule
        try await database.change { connection in
            let stored = try StatementKeyRecords.all(connection)
            let work = Work(stored.map { ($0.times, $0.told) }, schedule, now: now)
            for (keyID, state) in work.untold {
                try StatementKeyRecords.tell(state, of: keyID, connection)
                try append(
                    state == .active ? .signingKeyActivated : .signingKeyRetired, keyID, reason: "schedule",
                    Act(at: now), connection)
            }
            for keyID in work.dead { try StatementKeyRecords.delete(keyID, connection) }
            if work.needsSuccessor {
                try announce(
                    made, at: StatementKeySchedule.activation(stored.map(\.times), now: now), reason: "schedule",
                    Act(at: now), connection)
            }
        }
        nudge()
        try await keys.follow()
    }

    /// Announces a key on demand; it signs after its announcement.
    /// - Throws: `Refusal`.
    func rotate(_ act: Act) async throws -> StatementKeyTimes {
        let made = try keys.records.make()
        let times = try await database.change { connection in
            let times = try StatementKeyRecords.all(connection).map(\.times)
            guard !times.contains(where: { $0.revokedAt == nil && $0.activatesAt > act.at }) else {
                throw Refusal.alreadyAnnounced
            }
            return try announce(
                made, at: StatementKeySchedule.activation(times, now: act.at), reason: "demand", act, connection)
        }
        nudge()
        try await keys.follow()
        return times
    }

    /// Withdraws a key at once. A new one signs from this moment on, whichever was withdrawn: clients fetch the keys anew when
    /// they meet an id that they do not know, and so all learn what is gone. The active set is told of again, signed by it.
    /// - Returns: the new key; nil when there is no such key or it was revoked before.
    func revoke(_ keyID: String, _ act: Act) async throws -> StatementKeyTimes? {
        let made = try keys.records.make()
        let active = point.snapshotIfAny?.policies
        let digest = await OffLoop.run {
            active.map {
                PolicyStatement.digest(
                    of: PolicyBundle(sequence: $0.sequence, version: $0.version, content: $0.content).body)
            }
        }
        let times = try await database.change { connection -> StatementKeyTimes? in
            guard try StatementKeyRecords.revoke(keyID, at: act.at, connection) else { return nil }
            try append(.signingKeyRevoked, keyID, reason: "key_compromised", act, connection)
            let known = try StatementKeyRecords.all(connection).map(\.times)
            let times = try announce(
                made, at: StatementKeySchedule.immediateActivation(known, now: act.at), reason: "key_compromised", act,
                connection)
            if let active, let digest {
                let statement = try keys.policies(
                    sequence: active.sequence, version: active.version, digest: digest, at: act.at, with: made.key)
                try outbox.append(
                    PolicyEvents.activated(sequence: active.sequence, statement: statement, at: act.at), connection)
            }
            return times
        }
        guard times != nil else { return nil }
        // Before anybody is told, so that whoever comes finds the new key here.
        try await keys.follow()
        nudge()
        return times
    }

    @discardableResult
    private func announce(
        _ made: StatementKeyRecords.Made, at activation: Int64, reason: String, _ act: Act,
        _ connection: any SQLConnection
    ) throws -> StatementKeyTimes {
        let times = StatementKeyTimes(keyID: made.key.keyID, announcedAt: act.at, activatesAt: activation)
        try StatementKeyRecords.insert(made, times, connection)
        try append(
            .signingKeyAnnounced, times.keyID, reason: reason, act, fields: ["activates_at_ms": .int(activation)],
            connection)
        return times
    }

    private func append(
        _ kind: SecurityEvent.Kind, _ keyID: String, reason: String, _ act: Act, fields: JSONObject = [:],
        _ connection: any SQLConnection
    ) throws {
        try outbox.append(
            StatementKeyRotation.event(kind, keyID, reason: reason, act, fields: fields).outboxEvent(), connection)
    }

    static func event(
        _ kind: SecurityEvent.Kind, _ keyID: String, reason: String, _ act: Act, fields: JSONObject = [:]
    ) -> SecurityEvent {
        var fields = fields
        fields["kid"] = .string(keyID)
        // Tells them from the keys of access tokens.
        fields["use"] = "statements"
        return SecurityEvent(
            kind, subject: act.subject, sessionID: act.sessionID, reason: reason, at: act.at,
            requestID: act.requestID, fields: fields)
    }

    /// What is to be done.
    private struct Work {
        let needsSuccessor: Bool
        let untold: [(keyID: String, state: StatementKeyState)]
        let dead: [String]

        init(
            _ keys: [(times: StatementKeyTimes, told: StatementKeyState)], _ schedule: StatementKeySchedule, now: Int64
        ) {
            let times = keys.map(\.times)
            let states = keys.map { ($0, StatementKeySchedule.state(of: $0.times, among: times, now: now)) }
            needsSuccessor = schedule.needsSuccessor(times, now: now)
            untold = states.filter { key, state in key.told != state && (state == .active || state == .retired) }
                .map { ($0.times.keyID, $1) }
            dead = states.filter { key, state in
                switch state {
                case .removed: true
                case .revoked: (key.times.revokedAt ?? now) + StatementKeySchedule.retention < now
                case .announced, .active, .retired: false
                }
            }.map(\.0.times.keyID)
        }

        var isNone: Bool { !needsSuccessor && untold.isEmpty && dead.isEmpty }
    }
}
