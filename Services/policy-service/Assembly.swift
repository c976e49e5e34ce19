import APISecurity
import Database
import EventBus
import Logging
import SecurityClient
import ServiceKit
import ServiceLifecycle

/// The service, put together: its routes and what runs beside them.
struct Assembly: Sendable {
    let router: SecureRouter
    /// In the order of their start; to be stopped the other way round.
    let background: [any Service]
    let publishing: Publishing
    let follower: PolicyFollower
    let versions: VersionStore
    let point: DecisionPoint
    private let platform: Platform

    init(
        _ platform: Platform, authenticator: any Authenticator, settings: HTTPServerSettings, metrics: MetricsRegistry
    ) async throws {
        self.platform = platform
        let publishing = Publishing(platform)
        let keys = try await StatementKeys.open(platform)
        try keys.publish(to: platform.configuration.stateDirectory + "/statement-keys.json")
        versions = VersionStore(database: platform.database, outbox: platform.outbox, keys: keys)
        let entities = EntityRecords(database: platform.database, outbox: platform.outbox, keys: keys)
        point = DecisionPoint()
        let follower = PolicyFollower(
            versions: versions, entities: entities, point: point, clock: platform.clock, logger: platform.logger)
        let refusals = AccessRefusals(
            sink: RefusalRecord(platform: platform, nudge: publishing.main.nudge), clock: platform.clock,
            logger: platform.logger)
        var options = SecureRouter.Options(
            metrics: metrics, clock: platform.clock, trustedProxies: settings.trustedProxies,
            strictTransport: settings.isTLS, problem: PolicyProblems.problem)
        options.refusals = refusals
        router = SecureRouter(authenticator: authenticator, options: options)
        let changes = Changes(follower: follower, nudge: publishing.main.nudge)
        BundlesAPI(follower: follower, point: point, keys: keys, clock: platform.clock).register(on: router)
        PoliciesAPI(
            versions: versions, point: point, changes: changes,
            fourEyes: platform.configuration.fourEyes
        ).register(on: router)
        EntitiesAPI(entities: entities, point: point, changes: changes).register(on: router)
        KillSwitchesAPI(entities: entities, point: point, changes: changes).register(on: router)
        let shadow = ShadowEvaluation(point: point, clock: platform.clock)
        AccessAPI(
            point: point, shadow: shadow, publicURL: platform.configuration.publicURL, clock: platform.clock
        ).register(on: router)
        ShadowAPI(
            versions: versions, changes: changes, shadow: shadow, replica: platform.configuration.replica
        ).register(on: router)
        let decisions = DecisionRecord(
            sink: RefusalRecord(platform: platform, nudge: publishing.main.nudge), clock: platform.clock,
            logger: platform.logger)
        ForwardAuthAPI(
            routes: try Assembly.forwardAuthRoutes(platform),
            certificates: platform.configuration.forwardAuthCertificate,
            point: point, shadow: shadow, authenticator: authenticator, record: decisions
        ).register(on: router)
        ExplainAPI(point: point, clock: platform.clock).register(on: router)
        ServiceMetrics.register(in: metrics, platform: platform, publishing: publishing, point: point)
        self.publishing = publishing
        self.follower = follower
        background =
            [publishing.main, refusals] + decisions.services + [
                PeriodicTask(name: "following policies", interval: .milliseconds(100), logger: platform.logger) {
                    try await follower.follow()
                },
                PeriodicTask(name: "evaluating the shadow set", interval: .milliseconds(25), logger: platform.logger) {
                    if shadow.hasWork { await OffLoop.run { shadow.drain(for: .milliseconds(25)) } }
                },
            ]
    }

    private static func forwardAuthRoutes(_ platform: Platform) throws -> ForwardAuthRoutes {
        guard let file = platform.configuration.forwardAuthRoutesFile else {
            platform.logger.notice("forward-auth lets nothing through: there is no FORWARD_AUTH_ROUTES_FILE")
            return ForwardAuthRoutes()
        }
        do {
            return try ForwardAuthRoutes.load(file)
        } catch { throw ConfigurationError(["FORWARD_AUTH_ROUTES_FILE: \(file): \(error)"]) }
    }

    /// What must have happened before the first request: a set of policies is active here.
    func prepare() async throws {
        try await FirstPolicies.ensure(platform, versions)
        try await follower.follow()
    }
}

/// What every change does after it is committed: this replica decides by it, and others are told.
struct Changes: Sendable {
    let follower: PolicyFollower
    let nudge: @Sendable () -> Void

    func committed() async throws {
        nudge()
        try await follower.follow()
    }
}
