import EventBus
import Redis

/// Sessions in Redis: one hash each, an index by subject, all of a subject's keys under one of 64 hash tags.
struct SessionStore: Sendable {
    let redis: RedisClient
    let outbox: RedisOutbox
    /// Of each hash tag.
    private let keysByTag: [SessionKeys]

    init(redis: RedisClient, outbox: RedisOutbox) {
        self.redis = redis
        self.outbox = outbox
        keysByTag = (0..<UInt8(SessionID.tagCount)).map { SessionKeys(tag: $0, outbox: outbox) }
    }

    func keys(_ tag: UInt8) -> SessionKeys { keysByTag[Int(tag)] }

    /// What a session records when it starts.
    struct New: Sendable {
        var id: SessionID
        var subject: String
        var client: ClientInfo
        var authTime: Int64
        var amr: [String]
        var acr: String
        /// The subject's session epoch, see `Authentication.sessionEpoch`.
        var epoch: Int64
        /// The session may only look after its own account.
        var selfOnly: Bool
    }

    struct Limits: Sendable {
        /// At most this many sessions of one subject; nil for no limit.
        var maximum: Int?
        var oldestLeaves: Bool
        /// Milliseconds after the last refresh.
        var sliding: Int64
        /// Milliseconds after the start.
        var absolute: Int64
    }

    enum Creation: Sendable, Equatable {
        /// With the sessions that had to leave.
        case created(evicted: [SessionID])
        case refused
    }

    func create(
        _ session: New, limits: Limits, created: OutboxEvent, refused: OutboxEvent
    ) async throws(RedisError) -> Creation {
        let keys = keys(session.id.tag)
        var fields: [RedisArgument] = [
            "gen", "0", "sub", .string(session.subject), "cid", .string(session.client.clientID),
            "auth", .string(String(session.authTime)), "amr", .string(session.amr.joined(separator: " ")),
            "acr", .string(session.acr), "epoch", .string(String(session.epoch)),
            "addr", .string(session.client.address),
        ]
        if session.selfOnly { fields += ["self", "1"] }
        if let device = session.client.deviceID { fields += ["dev", .string(device)] }
        if let agent = session.client.userAgent { fields += ["agent", .string(String(agent.prefix(256)))] }
        if let binding = session.client.binding { fields += ["bind", .string(binding.stored)] }
        let reply = try await redis.run(
            SessionScripts.create,
            keys: [keys.session(session.id), keys.index(session.subject), keys.pending, keys.stream],
            arguments: [
                .string(session.id.description), .string(session.subject), .string(String(limits.maximum ?? 0)),
                limits.oldestLeaves ? "oldest" : "refuse", .string(String(limits.sliding)),
                .string(String(limits.absolute)), .string(keys.sessionPrefix), .string(created.encoded()),
                .string(refused.encoded()),
            ] + fields)
        guard let parts = reply.array, let outcome = parts.first?.string else {
            throw .unexpectedReply("session creation")
        }
        if outcome == "refused" { return .refused }
        return .created(evicted: parts.dropFirst().compactMap { $0.string.flatMap(SessionID.init) })
    }

    /// Whether a session is alive and up to when its tokens are void, milliseconds since the epoch: one round trip.
    func standing(_ id: SessionID) async throws(RedisError) -> SessionStanding {
        let key = keys(id.tag).session(id)
        let reply = try await redis.send(SessionStanding.command(key), key: key, retry: .ifIdempotent)
        guard let standing = SessionStanding(reply) else { throw .unexpectedReply("session") }
        return standing
    }

    /// Whether the session is alive and the token has not been used up.
    func isCurrent(_ token: RefreshToken) async throws(RedisError) -> Bool {
        let key = keys(token.session.tag).session(token.session)
        let generation = try await redis.send(["HGET", .string(key), "gen"], key: key, retry: .ifIdempotent).string
        return generation.flatMap { UInt32($0) }.map { token.generation >= $0 } ?? false
    }

    /// How strongly a session was begun; nil when there is none.
    func strength(of id: SessionID) async throws(RedisError) -> (acr: String, selfOnly: Bool)? {
        let key = keys(id.tag).session(id)
        let reply = try await redis.send(["HMGET", .string(key), "acr", "self"], key: key, retry: .ifIdempotent)
        guard let parts = reply.array, parts.count == 2 else { throw .unexpectedReply("session") }
        return parts[0].string.map { ($0, parts[1].string == "1") }
    }

    /// Whose session it is; nil when there is none.
    func owner(of id: SessionID) async throws(RedisError) -> String? {
        let key = keys(id.tag).session(id)
        return try await redis.send(["HGET", .string(key), "sub"], key: key, retry: .ifIdempotent).string
    }

    func end(_ ids: [SessionID]) async throws(RedisError) {
        guard let first = ids.first else { return }
        let keys = keys(first.tag)
        _ = try await redis.run(
            SessionScripts.end, keys: [keys.session(first)],
            arguments: [.string(keys.sessionPrefix), .string(keys.indexPrefix)]
                + ids.map { RedisArgument.string($0.description) },
            retry: .ifIdempotent)
    }

    func endAll(of subject: String) async throws(RedisError) {
        let keys = keys(SessionID.tag(of: subject))
        _ = try await redis.run(
            SessionScripts.endAll, keys: [keys.index(subject)], arguments: [.string(keys.sessionPrefix)],
            retry: .ifIdempotent)
    }

    func voidTokens(of subject: String, issuedUpTo instant: Int64) async throws(RedisError) {
        let keys = keys(SessionID.tag(of: subject))
        _ = try await redis.run(
            SessionScripts.voidTokens, keys: [keys.index(subject)],
            arguments: [.string(keys.sessionPrefix), .string(String(instant))], retry: .ifIdempotent)
    }
}

/// The names of the keys under one hash tag.
struct SessionKeys: Sendable {
    let sessionPrefix: String
    let indexPrefix: String
    /// Sessions that a script ended and whose revocation has yet to reach SQL: members `id subject reason`.
    let pending: String
    /// The outbox stream of the tag.
    let stream: String

    init(tag: UInt8, outbox: RedisOutbox) {
        let hashTag = outbox.hashTag(Int(tag))
        sessionPrefix = "ts:{\(hashTag)}:s:"
        indexPrefix = "ts:{\(hashTag)}:u:"
        pending = "ts:{\(hashTag)}:pending"
        stream = outbox.key(tag: Int(tag))
    }

    func session(_ id: SessionID) -> String { sessionPrefix + id.description }
    func index(_ subject: String) -> String { indexPrefix + subject }
}
