import APISecurity
import Crypto
import EventBus
import JOSE
import Redis
import Sealing

/// Counts attempts at accounts in Redis. Everything of an account stands under one hash tag, beside its event stream.
struct AttemptStore: Sendable {
    enum Kind: String, Sendable {
        /// At a password; the account is named by what was typed, whether or not there is such a user.
        case password = "pw"
        /// At a second factor; the account is named by the user's id.
        case code = "mfa"

        var throttle: SignInThrottle { self == .password ? .passwords : .codes }
    }

    /// Who is tried from where.
    struct Target: Sendable {
        let kind: Kind
        /// A MAC: what was typed as a name, now and then a password, stands neither in Redis nor on record.
        let account: String
        let address: String
    }

    enum Admission: Sendable, Equatable {
        case go(isKnown: Bool)
        /// Milliseconds.
        case wait(Int64)
    }

    let redis: RedisClient
    let outbox: RedisOutbox
    private let key: SymmetricKey

    init(redis: RedisClient, outbox: RedisOutbox, sealer: Sealer) {
        self.redis = redis
        self.outbox = outbox
        key = sealer.derive(label: "sign-in-attempts")
    }

    func target(_ kind: Kind, account: String, address: String) -> Target {
        Target(
            kind: kind, account: mac("\(kind.rawValue):\(account)"),
            address: mac("address:\(AddressPrefix.of(address))"))
    }

    private func mac(_ text: String) -> String {
        Base64URL.encode(Array(HMAC<SHA256>.authenticationCode(for: Array(text.utf8), using: key)))
    }

    /// Where in the event of a refusal the number of refusals goes.
    static let countPlaceholder = "@N@"

    func begin(_ target: Target, refused: OutboxEvent) async throws(RedisError) -> Admission {
        let throttle = target.kind.throttle
        let reply = try await redis.run(
            AttemptScripts.begin, keys: keys(target),
            arguments: [
                .string(target.address), .table(throttle.pair), .table(throttle.knownPair), .table(throttle.account),
                .milliseconds(throttle.memory), .milliseconds(throttle.knownFor),
                target.kind == .code ? "gate" : "once", .string(refused.encoded()),
            ])
        return try AttemptStore.admission(reply)
    }

    func succeed(_ target: Target, remember: Bool, event: OutboxEvent?) async throws(RedisError) {
        _ = try await redis.run(
            AttemptScripts.succeed, keys: keys(target),
            arguments: [
                .string(target.address), remember ? "1" : "0", .milliseconds(target.kind.throttle.knownFor),
                .string(event?.encoded() ?? ""),
            ])
    }

    /// The attempt stays counted; only what happened is put on record.
    func record(_ event: OutboxEvent, for target: Target) async throws(RedisError) {
        let stream = outbox.key(tag: tag(target.account))
        _ = try await redis.send(["XADD", .string(stream), "*", "v", .string(event.encoded())], key: stream)
    }

    func undo(_ target: Target) async throws(RedisError) {
        _ = try await redis.run(AttemptScripts.undo, keys: Array(keys(target).prefix(2)), arguments: [])
    }

    func beginAddress(_ target: Target, refused: OutboxEvent) async throws(RedisError) -> Admission {
        let throttle = target.kind.throttle
        let tag = tag(target.address)
        let reply = try await redis.run(
            AttemptScripts.beginAddress, keys: [addressKey(target), outbox.key(tag: tag)],
            arguments: [.table(throttle.address), .milliseconds(throttle.memory), .string(refused.encoded())])
        return try AttemptStore.admission(reply)
    }

    func undoAddress(_ target: Target) async throws(RedisError) {
        _ = try await redis.run(AttemptScripts.undoAddress, keys: [addressKey(target)], arguments: [])
    }

    /// What an administrator's unlock does: old failures count no longer, from whatever address.
    func forgive(_ target: Target) async throws(RedisError) {
        _ = try await redis.run(
            AttemptScripts.forgive, keys: Array(keys(target).prefix(1)),
            arguments: [.milliseconds(target.kind.throttle.memory)], retry: .ifIdempotent)
    }

    private static func admission(_ reply: RESPValue) throws(RedisError) -> Admission {
        guard let parts = reply.array, let outcome = parts.first?.string else { throw .unexpectedReply("attempt") }
        if outcome == "go" { return .go(isKnown: parts.count > 1 && parts[1].int == 1) }
        guard parts.count == 2, let wait = parts[1].int else { throw .unexpectedReply("attempt") }
        return .wait(wait)
    }

    private func tag(_ digest: String) -> Int { Int(SessionID.tag(of: digest)) }

    private func keys(_ target: Target) -> [String] {
        let tag = tag(target.account)
        let prefix = "ts:{\(outbox.hashTag(tag))}:try:\(target.kind.rawValue):\(target.account)"
        return [prefix, "\(prefix):\(target.address)", "\(prefix):known", outbox.key(tag: tag)]
    }

    private func addressKey(_ target: Target) -> String {
        "ts:{\(outbox.hashTag(tag(target.address)))}:try:\(target.kind.rawValue):addr:\(target.address)"
    }
}

extension RedisArgument {
    fileprivate static func table(_ delays: [Int]) -> RedisArgument {
        .string(delays.map(String.init).joined(separator: ","))
    }

    static func milliseconds(_ value: Int64) -> RedisArgument { .string(String(value)) }
}
