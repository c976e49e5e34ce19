import EventBus
import JOSE
import Redis

/// What stands between a right password and a second factor: five minutes, five tries, one use.
///
/// The token is `jmt_`, two hex digits of its hash tag and 256 random bits; Redis holds its digest alone.
struct MFATokenStore: Sendable {
    static let prefix = "jmt_"
    /// Milliseconds.
    static let life: Int64 = 300_000
    static let tries = 5

    let redis: RedisClient
    let outbox: RedisOutbox

    /// The sign-in that waits.
    struct Waiting: Sendable, Equatable {
        var user: String
        /// What was typed, canonical: to remember the address with the account when the sign-in is complete.
        var usernameKey: String
        var sessionEpoch: Int64
        var clientID: String
        var deviceID: String?
        var binding: KeyBinding?
    }

    func create(_ waiting: Waiting, event: OutboxEvent) async throws(RedisError) -> String {
        let tag = SessionID.tag(of: waiting.user)
        let token = MFATokenStore.prefix + (tag < 16 ? "0" : "") + String(tag, radix: 16) + RandomID.make(bytes: 32)
        var fields: [RedisArgument] = [
            "user", .string(waiting.user), "name", .string(waiting.usernameKey),
            "epoch", .string(String(waiting.sessionEpoch)), "cid", .string(waiting.clientID),
        ]
        if let device = waiting.deviceID { fields += ["dev", .string(device)] }
        if let binding = waiting.binding { fields += ["bind", .string(binding.stored)] }
        _ = try await redis.run(
            MFATokenStore.create, keys: [key(tag, token), outbox.key(tag: Int(tag))],
            arguments: [.milliseconds(MFATokenStore.life), .string(event.encoded())] + fields)
        return token
    }

    /// Counts a try; nil when the token is unknown, used, expired or has no tries left.
    func attempt(_ token: String) async throws(RedisError) -> Waiting? {
        guard let tag = MFATokenStore.tag(token) else { return nil }
        let reply = try await redis.run(
            MFATokenStore.attempt, keys: [key(tag, token)], arguments: [.int(MFATokenStore.tries)])
        guard let parts = reply.array, parts.count == 6 else { return nil }
        guard let user = parts[0].string, let name = parts[1].string, let epoch = parts[2].int,
            let client = parts[3].string
        else { throw .unexpectedReply("mfa token") }
        return Waiting(
            user: user, usernameKey: name, sessionEpoch: epoch, clientID: client, deviceID: parts[4].string,
            binding: parts[5].string.flatMap(KeyBinding.init(stored:)))
    }

    /// Uses the token up: true for exactly one caller.
    func consume(_ token: String) async throws(RedisError) -> Bool {
        guard let tag = MFATokenStore.tag(token) else { return false }
        let key = key(tag, token)
        return try await redis.send(["DEL", .string(key)], key: key).int == 1
    }

    private func key(_ tag: UInt8, _ token: String) -> String {
        "ts:{\(outbox.hashTag(Int(tag)))}:mfa:\(RandomID.digest(token))"
    }

    private static func tag(_ token: String) -> UInt8? {
        guard token.utf8.count == prefix.utf8.count + 2 + 43, token.hasPrefix(prefix) else { return nil }
        let digits = token.dropFirst(prefix.count).prefix(2)
        guard digits.allSatisfy({ $0.isHexDigit && !$0.isUppercase }), let tag = UInt8(digits, radix: 16),
            Int(tag) < SessionID.tagCount
        else { return nil }
        return tag
    }

    private static let create = RedisScript(
        """
        redis.call('HSET', KEYS[1], 'tries', 0, unpack(ARGV, 3))
        redis.call('PEXPIRE', KEYS[1], ARGV[1])
        redis.call('XADD', KEYS[2], '*', 'v', ARGV[2])
        return 1
        """)

    private static let attempt = RedisScript(
        """
        if redis.call('EXISTS', KEYS[1]) == 0 then return {} end
        if redis.call('HINCRBY', KEYS[1], 'tries', 1) > tonumber(ARGV[1]) then
          redis.call('DEL', KEYS[1])
          return {}
        end
        return redis.call('HMGET', KEYS[1], 'user', 'name', 'epoch', 'cid', 'dev', 'bind')
        """)
}
