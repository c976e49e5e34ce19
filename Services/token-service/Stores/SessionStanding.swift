import Redis

/// Whether a session is alive, and up to when its tokens are void.
struct SessionStanding: Sendable, Equatable {
    var isAlive: Bool
    /// Milliseconds since the epoch.
    var voidBefore: Int64?

    /// Asks for it.
    static func command(_ key: String) -> [RedisArgument] { ["HMGET", .string(key), "sub", "void"] }

    /// - Returns: nil for what is no reply to `command`.
    init?(_ reply: RESPValue) {
        guard case .array(let fields) = reply, fields.count == 2 else { return nil }
        isAlive = fields[0].bytes != nil
        voidBefore = fields[1].string.flatMap { Int64($0) }
    }

    /// Whether it stands behind a token of this age (milliseconds since the epoch).
    func vouches(forTokenOf issuedAt: Int64) -> Bool { isAlive && (voidBefore ?? 0) < issuedAt }
}

extension SessionStore {
    /// As `standing`, on the calling event loop and without a task.
    /// - Parameter completion: called there with the standing, or nil where it could not be had this way.
    /// - Returns: whether Redis was asked. Otherwise `completion` is not called.
    func standingAtOnce(_ id: SessionID, _ completion: @escaping (SessionStanding?) -> Void) -> Bool {
        let key = SessionKeys(tag: id.tag, outbox: outbox).session(id)
        return redis.sendAtOnce(SessionStanding.command(key), key: key) { result in
            completion((try? result.get()).flatMap { SessionStanding($0) })
        }
    }
}
