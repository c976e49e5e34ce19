import APISecurity
import Logging
import ServiceKit

/// Who: sign-in, second factors, sessions, tokens and signing keys.
@main
struct App {
    static func main() async throws {
        let source = ConfigSource()
        let metrics = MetricsRegistry.shared
        ServiceProcess.prepare(metrics: metrics)
        let logger = ServiceLog.bootstrap(service: "token-service", source: source)
        let configuration: TokenServiceConfiguration
        let settings = HTTPServerSettings(source, defaultPort: 7001)
        do {
            configuration = try TokenServiceConfiguration(source)
        } catch { ServiceLog.fail(error) }

        let platform = try await Platform.open(configuration, logger: logger)
        let service = try Assembly(platform, settings: settings, metrics: metrics)
        let health = HealthChecks()
        health.register("database") { try await platform.database.ping() }
        health.register("redis") { try await platform.redis.ping() }
        try await Startup.waitForDependencies(health, logger: logger)
        try await service.prepare(platform)
        health.register("signing-key") { try service.requireSigningKey(now: platform.clock()) }

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
