import APISecurity
import Database
import Logging
import SecurityClient
import ServiceKit

/// Places, cancels and lists orders: a small trading service, and the model for others.
@main
struct App {
    static func main() async {
        ServiceProcess.runTasksOnEventLoops()
        do { try await serve() } catch { ServiceLog.fail(error) }
    }

    private static func serve() async throws {
        // Configuration: environment over YAML over defaults. A bad value ends the start with a line that names it.
        let source = ConfigSource()
        let metrics = MetricsRegistry.shared
        ServiceProcess.prepare(metrics: metrics)
        let logger = ServiceLog.bootstrap(service: OrderEvents.service, source: source)
        let settings = HTTPServerSettings(source, defaultPort: 7100)
        let configuration = OrderConfiguration(source)
        let security = SecurityClientConfiguration(source)
        try source.finish()

        // Security: tokens are verified here, by the issuer's keys and the feed of revocations.
        let client = try SecurityClient(security, metrics: metrics, logger: logger)

        // State: orders, and the events that tell of them, in one database.
        let database = try await DatabaseFactory.open(url: configuration.databaseURL.exposed, logger: logger)
        let health = HealthChecks()
        health.register("database") { try await database.ping() }
        try await Startup.waitForDependencies(health, logger: logger)
        try await OrderMigrations.run(on: database)
        let relay = OrderEvents.relay(
            on: database, kafka: configuration.kafka, retention: configuration.outboxRetention, logger: logger)
        OrderMetrics.register(in: metrics, database: database, relay: relay)

        // Routes: each states the permission that it needs; the client knows the caller.
        let router = SecureRouter(
            authenticator: client.authenticator,
            options: SecureRouter.Options(
                metrics: metrics, trustedProxies: settings.trustedProxies, strictTransport: settings.isTLS,
                problem: OrderProblems.problem))
        let orders = OrderStore(database: database, outbox: OrderEvents.outbox, nudge: relay.nudge)
        OrdersAPI(orders: orders).register(on: router)
        client.registerHealth(on: health)
        router.registerOperations(
            health: health, metrics: metrics, servesMetrics: settings.adminListen == nil,
            openAPI: try configuration.openAPI(logger))

        // Run until SIGTERM, then finish what was accepted.
        let server = try HTTPServer(
            settings, responder: router.buildResponder(), health: health, metrics: metrics, logger: logger)
        try await ServiceProcess.run(
            client.services + [relay, server], drainTimeout: settings.drainTimeout, logger: logger)
        await database.shutdown()
    }
}
