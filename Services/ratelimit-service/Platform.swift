import Contracts
import Database
import EventBus
import Foundation
import Logging
import NIOPosix
import Redis
import ServiceKit

/// What everything else in the service stands on: the stores, the clocks.
struct Platform: Sendable {
    let configuration: RateLimitServiceConfiguration
    let database: any Database
    let redis: RedisClient
    /// Whether keys of different hash tags may lie on different servers.
    let isCluster: Bool
    let outbox: SQLOutbox
    /// Milliseconds since the epoch.
    let clock: @Sendable () -> Int64
    let logger: Logger

    /// Opens what needs no other process: files, and clients that connect when they are first used.
    /// - Throws: what is wrong, in words that name the setting.
    static func open(_ configuration: RateLimitServiceConfiguration, logger: Logger) async throws -> Platform {
        try FileManager.default.createDirectory(
            atPath: configuration.stateDirectory, withIntermediateDirectories: true,
            attributes: [.posixPermissions: 0o700])
        let redis = try redisConfiguration(configuration)
        var options = DatabaseOptions()
        options.applicationName = Outboxes.service
        let database: any Database
        do {
            database = try await DatabaseFactory.open(
                url: configuration.databaseURL.exposed, logger: logger, options: options)
        } catch { throw ConfigurationError(["DATABASE_URL: \(error)"]) }
        var isCluster = false
        if case .cluster = redis.topology { isCluster = true }
        return Platform(
            configuration: configuration, database: database,
            redis: RedisClient(redis, eventLoopGroup: MultiThreadedEventLoopGroup.singleton, logger: logger),
            isCluster: isCluster, outbox: SQLOutbox(name: Outboxes.sql), clock: { WallClock.milliseconds() },
            logger: logger)
    }

    private static func redisConfiguration(
        _ configuration: RateLimitServiceConfiguration
    ) throws(ConfigurationError) -> RedisConfiguration {
        var redis: RedisConfiguration
        do {
            redis = try RedisConfiguration(url: configuration.redisURL.exposed)
        } catch { throw ConfigurationError(["REDIS_URL: \(error)"]) }
        redis.caFile = configuration.redisCAFile
        redis.certificateFile = configuration.redisCertificateFile
        redis.keyFile = configuration.redisKeyFile
        redis.sentinelUsername = configuration.redisSentinelUsername
        redis.sentinelPassword = configuration.redisSentinelPassword?.exposed
        redis.clientName = Outboxes.service
        // A limit that is late is no use: whoever waits longer than this is answered without Redis.
        redis.timeout = .milliseconds(configuration.redisDeadline)
        redis.waitForConnection = .milliseconds(configuration.redisDeadline)
        redis.connectTimeout = .milliseconds(max(250, configuration.redisDeadline))
        return redis
    }

    func migrate() async throws {
        try await Migrator.run(SQLOutbox.migrations, component: "outbox", on: database)
    }
}
