import APISecurity
import Logging
import SecurityClient
import ServiceKit

/// How often: limits, reservations, leases.
@main
struct App {
    static func main() async {
        ServiceProcess.runTasksOnEventLoops()
        do { try await serve() } catch { ServiceLog.fail(error) }
    }

    private static func serve() async throws {
        let source = ConfigSource()
        let metrics = MetricsRegistry.shared
        ServiceProcess.prepare(metrics: metrics)
        let logger = ServiceLog.bootstrap(service: Outboxes.service, source: source)
        let settings = HTTPServerSettings(source, defaultPort: 7003)
        let configuration = RateLimitServiceConfiguration(source)
        let security = SecurityClientConfiguration(source)
        try source.finish()

        let client = try SecurityClient(security, metrics: metrics, logger: logger)
        let platform = try await Platform.open(configuration, logger: logger)
        let health = HealthChecks()
        health.register("database") { try await platform.database.ping() }
        try await Startup.waitForDependencies(health, logger: logger)
        try await platform.migrate()
        let service = try Assembly(
            platform, authenticator: client.authenticator, settings: settings, metrics: metrics)
        await service.prepare()

        client.registerHealth(on: health)
        // Without Redis each limit does what it says for that case: the service goes on.
        health.register("redis", isRequired: false) { try service.limiter.gates.check() }
        health.register("kafka", isRequired: false) { try service.publishing.check(now: platform.clock()) }
        service.router.registerOperations(
            health: health, metrics: metrics, servesMetrics: settings.adminListen == nil,
            openAPI: try configuration.openAPIFile.map { try OpenAPIDocument.load(path: $0) })
        let server = try HTTPServer(
            settings, responder: service.router.buildResponder(), health: health, metrics: metrics, logger: logger)
        try await ServiceProcess.run(
            client.services + service.background + [server], drainTimeout: settings.drainTimeout, logger: logger)
        await platform.database.shutdown()
    }
}
