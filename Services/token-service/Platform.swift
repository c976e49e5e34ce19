import Contracts
import Database
import EventBus
import Foundation
import Logging
import NIOPosix
import Redis
import Sealing
import SecurityClient
import ServiceKit

/// What everything else in the service stands on: the stores, the keys, the clock.
struct Platform: Sendable {
    let configuration: TokenServiceConfiguration
    let database: any Database
    let redis: RedisClient
    let sealer: Sealer
    let catalogue: RoleBook
    let outbox: SQLOutbox
    let redisOutbox: RedisOutbox
    /// Milliseconds since the epoch.
    let clock: @Sendable () -> Int64
    let logger: Logger

    /// Opens what needs no other process: files, and clients that connect when they are first used.
    /// - Throws: what is wrong, in words that name the setting.
    static func open(_ configuration: TokenServiceConfiguration, logger: Logger) async throws -> Platform {
        try FileManager.default.createDirectory(
            atPath: configuration.stateDirectory, withIntermediateDirectories: true,
            attributes: [.posixPermissions: 0o700])
        var redis = try naming("REDIS_URL") { try RedisConfiguration(url: configuration.redisURL.exposed) }
        redis.caFile = configuration.redisCAFile
        redis.certificateFile = configuration.redisCertificateFile
        redis.keyFile = configuration.redisKeyFile
        redis.sentinelUsername = configuration.redisSentinelUsername
        redis.sentinelPassword = configuration.redisSentinelPassword?.exposed
        redis.clientName = "token-service"
        var options = DatabaseOptions()
        options.applicationName = "token-service"
        let database: any Database
        do {
            database = try await DatabaseFactory.open(
                url: configuration.databaseURL.exposed, logger: logger, options: options)
        } catch { throw ConfigurationError(["DATABASE_URL: \(error)"]) }
        return Platform(
            configuration: configuration,
            database: database,
            redis: RedisClient(redis, eventLoopGroup: MultiThreadedEventLoopGroup.singleton, logger: logger),
            sealer: Sealer(
                try naming("SEALING_KEY_FILE") {
                    try KeyEncryptionKeyRing.load(fromFile: configuration.keyFile, createIfMissing: true)
                }),
            catalogue: RoleBook(
                try naming("ROLES_FILE") { try RoleCatalogue(contentsOf: configuration.rolesFile) }),
            outbox: SQLOutbox(name: Outboxes.sql), redisOutbox: RedisOutbox(name: Outboxes.redis),
            clock: { WallClock.milliseconds() }, logger: logger)
    }

    /// Says which setting an error is about.
    private static func naming<T>(_ name: String, _ body: () throws -> T) throws(ConfigurationError) -> T {
        do {
            return try body()
        } catch { throw ConfigurationError(["\(name): \(error)"]) }
    }

    func migrate() async throws {
        try await Migrator.run(SQLOutbox.migrations, component: "outbox", on: database)
        try await Migrator.run(
            PeopleMigrations.all + SigningMigrations.all + RoleMigrations.all, component: "token-service", on: database)
    }
}
