import APISecurity
import Logging
import SecurityClient
import ServiceKit

/// What: policies, roles and decisions.
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
        let settings = HTTPServerSettings(source, defaultPort: 7002)
        let configuration = PolicyServiceConfiguration(source)
        let security = SecurityClientConfiguration(source)
        try source.finish()

        let client = try SecurityClient(security, metrics: metrics, logger: logger)
        let platform = try await Platform.open(configuration, logger: logger)
        let health = HealthChecks()
        health.register("database") { try await platform.database.ping() }
        try await Startup.waitForDependencies(health, logger: logger)
        try await platform.migrate()
        let people = client.tokenService.map { TokenServicePeople(calls: $0, logger: logger) as any PeopleDirectory }
        let service = try await Assembly(
            platform, authenticator: client.authenticator, people: people ?? NoPeople(), settings: settings,
            metrics: metrics)
        try await service.prepare()

        client.registerHealth(on: health)
        health.register("policies") { try service.follower.requireFresh(now: platform.clock()) }
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
