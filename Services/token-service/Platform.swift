import Contracts
import Database
import EventBus
import Foundation
import Logging
import NIOPosix
import Redis
import Sealing
import ServiceKit

/// What everything else in the service stands on: the stores, the keys, the clock.
struct Platform: Sendable {
    let configuration: TokenServiceConfiguration
    let database: any Database
    let redis: RedisClient
    let sealer: Sealer
    let catalogue: any RoleCatalogue
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
        var redis = try RedisConfiguration(url: configuration.redisURL.exposed)
        redis.caFile = configuration.redisCAFile
        redis.clientName = "token-service"
        var options = DatabaseOptions()
        options.applicationName = "token-service"
        return Platform(
            configuration: configuration,
            database: try await DatabaseFactory.open(
                url: configuration.databaseURL.exposed, logger: logger, options: options),
            redis: RedisClient(redis, eventLoopGroup: MultiThreadedEventLoopGroup.singleton, logger: logger),
            sealer: Sealer(try KeyEncryptionKeyRing.load(fromFile: configuration.keyFile, createIfMissing: true)),
            catalogue: try FileRoleCatalogue(contentsOf: configuration.rolesFile),
            outbox: SQLOutbox(name: Outboxes.sql), redisOutbox: RedisOutbox(name: Outboxes.redis),
            clock: { WallClock.milliseconds() }, logger: logger)
    }

    func migrate() async throws {
        try await Migrator.run(SQLOutbox.migrations, component: "outbox", on: database)
        try await Migrator.run(PeopleMigrations.all + SigningMigrations.all, component: "token-service", on: database)
    }
}
