import Redis

/// An outbox in Redis: the script that changes something also adds the event to the stream of its hash tag.
///
///     redis.call('XADD', KEYS[n], '*', 'v', ARGV[m])      -- KEYS[n] = key(tag:), ARGV[m] = event.encoded()
///
/// What Redis loses of its streams is lost (with `appendfsync everysec`: what was written in its last second and not
/// yet relayed, which the relay does within a fraction of a second).
package struct RedisOutbox: Sendable {
    package let name: String
    package let tags: Int

    /// - Parameters:
    ///   - name: unique within the Redis.
    ///   - tags: number of streams that together are the outbox.
    package init(name: String, tags: Int = 64) {
        self.name = name
        self.tags = tags
    }

    /// What stands between the braces of the keys that go with a tag.
    package func hashTag(_ tag: Int) -> String { "\(name)-\(tag)" }

    /// The stream of a tag.
    package func key(tag: Int) -> String { "\(name):out:{\(hashTag(tag))}" }

    /// The Lua statement that adds an event.
    package static func luaAppend(key: String, event: String) -> String {
        "redis.call('XADD', \(key), '*', 'v', \(event))"
    }

    /// Adds an event that goes with no change.
    package func append(_ event: OutboxEvent, tag: Int, on redis: RedisClient) async throws(RedisError) {
        _ = try await redis.send(
            ["XADD", .string(key(tag: tag)), "*", "v", .string(event.encoded())], key: key(tag: tag))
    }

    /// Adds events that go with no change, all of them or none, in their order. At most some hundred at a time: Redis
    /// does nothing else meanwhile.
    package func append(_ events: [OutboxEvent], tag: Int, on redis: RedisClient) async throws(RedisError) {
        guard !events.isEmpty else { return }
        _ = try await redis.run(
            RedisOutbox.appendAll, keys: [key(tag: tag)], arguments: events.map { .string($0.encoded()) })
    }

    private static let appendAll = RedisScript(
        "for _, event in ipairs(ARGV) do \(luaAppend(key: "KEYS[1]", event: "event")) end return #ARGV")

    /// What a relay reads this outbox through.
    package func source(on redis: RedisClient, retention: OutboxRetention = .redis) -> RedisOutboxSource {
        RedisOutboxSource(outbox: self, redis: redis, retention: retention)
    }
}

extension OutboxRetention {
    /// Redis keeps it in memory.
    package static let redis = OutboxRetention(standard: .seconds(3_600), maxEvents: 50_000)
}
