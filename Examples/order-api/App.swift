import APISecurity
import Contracts
import Database
import Logging
import SecurityClient
import ServiceKit
import StrictJSON

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

        // Routes: each states the permission that it needs; the client knows the caller. Refusals go on record.
        let refusals = AccessRefusals(
            sink: RefusalRecord(database: database, nudge: relay.nudge), capacity: RefusalRecord.capacity,
            logger: logger)
        var options = SecureRouter.Options(
            metrics: metrics, trustedProxies: settings.trustedProxies, strictTransport: settings.isTLS,
            problem: OrderProblems.problem)
        options.refusals = refusals
        let router = SecureRouter(authenticator: client.authenticator, options: options)
        let orders = OrderStore(database: database, outbox: OrderEvents.outbox, nudge: relay.nudge)
        // Decisions by policy are made here as well; denials go on record.
        let decisions = DecisionRecord(
            sink: RefusalRecord(database: database, nudge: relay.nudge), logger: logger)
        let policy = OrderPolicy(
            authorizer: client.authorizer(decisions), referencePrice: configuration.referencePrice)
        OrdersAPI(orders: orders, policy: policy).register(on: router)
        // So do policies that were not taken: signed by nobody known, older than what is here, or broken.
        let untaken = UntakenPolicies.reporter(
            RefusalRecord(database: database, nudge: relay.nudge), of: client.policies, logger: logger)
        client.registerHealth(on: health)
        router.registerOperations(
            health: health, metrics: metrics, servesMetrics: settings.adminListen == nil,
            openAPI: try configuration.openAPI(logger))

        // Run until SIGTERM, then finish what was accepted.
        let server = try HTTPServer(
            settings, responder: router.buildResponder(), health: health, metrics: metrics, logger: logger)
        try await ServiceProcess.run(
            client.services + [relay, refusals, untaken] + decisions.services + [server],
            drainTimeout: settings.drainTimeout,
            logger: logger)
        await database.shutdown()
    }
}

/// Puts policies that were not taken on record, identical refusals counted.
private enum UntakenPolicies {
    struct Key: Hashable, Sendable {
        let kind: PolicyStatement.Kind
        let code: String
    }

    static func reporter(
        _ sink: any RefusalSink, of policies: PolicyClient?, logger: Logger
    ) -> RefusalReporter<Key, JSONObject> {
        let reporter = RefusalReporter<Key, JSONObject>(
            kind: .policyBundleRefused, sink: sink, logger: logger
        ) { tally in
            var fields = tally.detail
            fields["bundle"] = .string(tally.key.kind.rawValue)
            fields["refusals"] = .int(Int64(tally.count))
            return SecurityEvent(
                .policyBundleRefused, outcome: .refused, reason: tally.key.code, at: tally.first, fields: fields)
        }
        policies?.onRefusal { kind, refusal in
            var detail: JSONObject = [:]
            if case .rollback(let sequence, let have) = refusal {
                detail = ["sequence": .int(sequence), "have": .int(have)]
            }
            reporter.note(Key(kind: kind, code: refusal.code), detail)
        }
        return reporter
    }
}
