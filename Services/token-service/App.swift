import APISecurity
import Foundation
import Logging
import ServiceKit

/// Who: sign-in, second factors, sessions, tokens and signing keys.
@main
struct App {
    static func main() async {
        ServiceProcess.runTasksOnEventLoops()
        let source = ConfigSource()
        ServiceProcess.prepare(metrics: .shared)
        let logger = ServiceLog.bootstrap(service: "token-service", source: source)
        do {
            let settings = HTTPServerSettings(source, defaultPort: 7001)
            let configuration = try TokenServiceConfiguration(source)
            var arguments = Array(CommandLine.arguments.dropFirst())
            if arguments.first == "sealing-keys" {
                arguments.removeFirst()
                return print(try await SealingKeysTool.run(arguments, configuration, logger: logger))
            }
            try await serve(configuration, settings, logger: logger)
        } catch { ServiceLog.fail(error) }
    }

    private static func serve(
        _ configuration: TokenServiceConfiguration, _ settings: HTTPServerSettings, logger: Logger
    ) async throws {
        let metrics = MetricsRegistry.shared
        let platform = try await Platform.open(configuration, logger: logger)
        let service = try Assembly(platform, settings: settings, metrics: metrics)
        let health = HealthChecks()
        health.register("database") { try await platform.database.ping() }
        health.register("redis") { try await platform.redis.ping() }
        try await Startup.waitForDependencies(health, logger: logger)
        try await service.prepare(platform)
        health.register("signing-key") { try service.requireSigningKey(now: platform.clock()) }
        health.register("revocations") { try service.follower.requireFresh(now: platform.clock()) }
        service.roles.register(on: health, clock: platform.clock)
        health.register("kafka", isRequired: false) { try service.publishing.check(now: platform.clock()) }

        service.router.registerOperations(
            health: health, metrics: metrics, servesMetrics: settings.adminListen == nil,
            openAPI: try configuration.openAPIFile.map { try OpenAPIDocument.load(path: $0) })
        let server = try HTTPServer(
            settings, responder: service.router.buildResponder(), health: health, metrics: metrics, logger: logger)
        try await ServiceProcess.run(
            service.background + [server], drainTimeout: settings.drainTimeout, logger: logger)
        await platform.database.shutdown()
    }
}
