import Contracts
import Database
import EventBus
import Foundation
import Logging
import Sealing
import ServiceKit

/// What everything else in the service stands on: the database, the sealing key, the clock.
struct Platform: Sendable {
    let configuration: PolicyServiceConfiguration
    let database: any Database
    let sealer: Sealer
    let outbox: SQLOutbox
    /// Milliseconds since the epoch.
    let clock: @Sendable () -> Int64
    let logger: Logger

    /// Opens what needs no other process.
    /// - Throws: what is wrong, in words that name the setting.
    static func open(_ configuration: PolicyServiceConfiguration, logger: Logger) async throws -> Platform {
        try FileManager.default.createDirectory(
            atPath: configuration.stateDirectory, withIntermediateDirectories: true,
            attributes: [.posixPermissions: 0o700])
        var options = DatabaseOptions()
        options.applicationName = Outboxes.service
        let database: any Database
        do {
            database = try await DatabaseFactory.open(
                url: configuration.databaseURL.exposed, logger: logger, options: options)
        } catch { throw ConfigurationError(["DATABASE_URL: \(error)"]) }
        let keys: KeyEncryptionKeyRing
        do {
            keys = try KeyEncryptionKeyRing.load(fromFile: configuration.keyFile, createIfMissing: true)
        } catch { throw ConfigurationError(["SEALING_KEY_FILE: \(error)"]) }
        return Platform(
            configuration: configuration, database: database, sealer: Sealer(keys),
            outbox: SQLOutbox(name: Outboxes.sql), clock: { WallClock.milliseconds() }, logger: logger)
    }

    func migrate() async throws {
        try await Migrator.run(SQLOutbox.migrations, component: "outbox", on: database)
        try await Migrator.run(
            PolicyMigrations.all + RoleMigrations.all, component: Outboxes.service, on: database)
    }
}
