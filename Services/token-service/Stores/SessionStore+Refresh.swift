import Contracts
import EventBus
import Redis

extension SessionStore {
    /// What a session knows of its owner when one of its refresh tokens is used.
    struct Continued: Sendable, Equatable {
        let subject: String
        let authTime: Int64
        let amr: [String]
        let acr: String
        let deviceID: String?
        let epoch: Int64
        let selfOnly: Bool
        /// The generation of the token that comes next.
        let successor: UInt32
        /// The answer to a repeated request: nothing changed.
        let isRepeat: Bool
    }

    enum Refreshing: Sendable, Equatable {
        case continued(Continued)
        /// No such session: ended, expired, or lost with Redis' state.
        case gone
        /// Another client, or one that did not prove the session's key.
        case mismatch
        /// The token had been used before: the session is over.
        case reused(subject: String)
    }

    struct RefreshRequest: Sendable {
        var token: RefreshToken
        var clientID: String
        var binding: KeyBinding?
        /// Same value, same request: what a client repeats after a lost answer.
        var fingerprint: String
        /// Milliseconds within which a repeated request gets the same answer.
        var grace: Int64
        /// Milliseconds.
        var sliding: Int64
    }

    /// Events that tell of a refusal: made only when there is one.
    struct Refusals: Sendable {
        var reused: SecurityEvent
        /// With `AttemptStore.countPlaceholder` for how many refusals it tells of.
        var mismatched: SecurityEvent
    }

    /// Uses a refresh token and records what comes of it, in one step.
    func refresh(
        _ request: RefreshRequest, refreshed: SecurityEvent, refusals: @Sendable () -> Refusals
    ) async throws(RedisError) -> Refreshing {
        if let outcome = try await use(request, [refreshed]) { return outcome }
        // A refusal. Whatever happened meanwhile, the same script decides again from the beginning, now able to tell.
        let events = refusals()
        guard let outcome = try await use(request, [refreshed, events.reused, events.mismatched]) else {
            throw .unexpectedReply("refresh")
        }
        return outcome
    }

    /// nil when the script needs the events that tell of a refusal.
    private func use(
        _ request: RefreshRequest, _ events: [SecurityEvent]
    ) async throws(RedisError) -> Refreshing? {
        let id = request.token.session
        let keys = keys(id.tag)
        var arguments: [RedisArgument] = [
            .string(id.description), .int(Int(request.token.generation)), .string(request.clientID),
            .string(request.binding?.stored ?? ""), .string(request.fingerprint), .int(Int(request.grace)),
            .int(Int(request.sliding)), .string(keys.indexPrefix),
        ]
        for event in events { arguments.append(.bytes(event.encodedForOutbox())) }
        let reply = try await redis.run(
            SessionScripts.refresh, keys: [keys.session(id), keys.pending, keys.stream], arguments: arguments,
            // A repetition finds the generation advanced by the same fingerprint and gets the same successor.
            retry: .ifIdempotent)
        guard let parts = reply.array, let outcome = parts.first?.string else { throw .unexpectedReply("refresh") }
        switch outcome {
        case "tell": return nil
        case "gone": return .gone
        case "mismatch": return .mismatch
        case "reused":
            guard parts.count == 2, let subject = parts[1].string else { throw .unexpectedReply("refresh") }
            return .reused(subject: subject)
        default:
            guard parts.count >= 9, let successor = parts[1].int.flatMap({ UInt32(exactly: $0) }),
                let subject = parts[2].string, let authTime = parts[3].string.flatMap({ Int64($0) }),
                let amr = parts[4].string, let acr = parts[5].string,
                let epoch = parts[7].string.flatMap({ Int64($0) })
            else { throw .unexpectedReply("refresh") }
            return .continued(
                Continued(
                    subject: subject, authTime: authTime, amr: amr.split(separator: " ").map(String.init), acr: acr,
                    deviceID: parts[6].string, epoch: epoch, selfOnly: parts[8].string == "1",
                    successor: successor, isRepeat: outcome == "repeat"))
        }
    }

    /// A session as its owner sees it.
    struct Listed: Sendable {
        let id: SessionID
        /// Milliseconds since the epoch.
        let createdAt: Int64
        let lastUsedAt: Int64
        let endsAt: Int64
        let clientID: String
        let deviceID: String?
        let address: String
        let userAgent: String?
        let binding: KeyBinding?
    }

    /// The sessions of `subject`, newest first.
    func list(of subject: String) async throws(RedisError) -> [Listed] {
        let keys = keys(SessionID.tag(of: subject))
        let reply = try await redis.run(
            SessionScripts.list, keys: [keys.index(subject)], arguments: [.string(keys.sessionPrefix)],
            retry: .ifIdempotent)
        return (reply.array ?? []).compactMap { entry in
            guard let parts = entry.array, parts.count >= 9, let id = parts[0].string.flatMap(SessionID.init),
                let created = parts[1].string.flatMap({ Int64($0) })
            else { return nil }
            return Listed(
                id: id, createdAt: created, lastUsedAt: parts[2].string.flatMap { Int64($0) } ?? created,
                endsAt: parts[8].string.flatMap { Int64($0) } ?? 0, clientID: parts[3].string ?? "",
                deviceID: parts[4].string, address: parts[5].string ?? "", userAgent: parts[6].string,
                binding: parts[7].string.flatMap(KeyBinding.init(stored:)))
        }
    }

    /// Sessions that a script ended longer ago than `age` milliseconds and whose revocation did not reach SQL: what a
    /// replica leaves behind that dies between the two.
    func overdueRevocations(
        tag: UInt8, olderThan age: Int64, now: Int64
    ) async throws(RedisError) -> [(session: String, subject: String, reason: String)] {
        let keys = keys(tag)
        let reply = try await redis.send(
            ["ZRANGEBYSCORE", .string(keys.pending), "-inf", .string(String(now - age)), "LIMIT", "0", "100"],
            key: keys.pending, retry: .ifIdempotent)
        return (reply.array ?? []).compactMap { member in
            let parts = member.string?.split(separator: " ").map(String.init) ?? []
            return parts.count == 3 ? (parts[0], parts[1], parts[2]) : nil
        }
    }

    /// The revocation stands in SQL.
    func settleRevocation(_ id: SessionID, subject: String, reason: String) async throws(RedisError) {
        let keys = keys(id.tag)
        _ = try await redis.send(
            ["ZREM", .string(keys.pending), .string("\(id) \(subject) \(reason)")], key: keys.pending,
            retry: .ifIdempotent)
    }
}
