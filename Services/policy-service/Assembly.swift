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
    let rotation: StatementKeyRotation
    let roles: Roles
    private let platform: Platform

    /// - Parameter people: who is asked of whom roles are given to.
    init(
        _ platform: Platform, authenticator: any Authenticator, people: any PeopleDirectory,
        settings: HTTPServerSettings, metrics: MetricsRegistry
    ) async throws {
        self.platform = platform
        let publishing = Publishing(platform)
        let keys = try await StatementKeys.open(platform)
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
        let rotation = StatementKeyRotation(
            keys: keys, point: point, database: platform.database, outbox: platform.outbox, clock: platform.clock,
            nudge: publishing.main.nudge)
        StatementKeysAPI(rotation: rotation).register(on: router)
        PoliciesAPI(
            versions: versions, point: point, changes: changes,
            fourEyes: platform.configuration.fourEyes
        ).register(on: router)
        EntitiesAPI(entities: entities, point: point, changes: changes).register(on: router)
        KillSwitchesAPI(entities: entities, point: point, changes: changes).register(on: router)
        let shadow = ShadowEvaluation(point: point, clock: platform.clock)
        let shadows = ShadowAPI(
            versions: versions, changes: changes, shadow: shadow, reports: ShadowReports(database: platform.database),
            point: point, keys: keys, replica: platform.configuration.replica, clock: platform.clock)
        shadows.register(on: router)
        let decisions = DecisionRecord(
            sink: RefusalRecord(platform: platform, nudge: publishing.main.nudge), clock: platform.clock,
            logger: platform.logger)
        AccessAPI(
            point: point, shadow: shadow, publicURL: platform.configuration.publicURL, clock: platform.clock,
            record: decisions
        ).register(on: router)
        SearchAPI(
            point: point, tokens: SearchTokens(key: platform.sealer.derive(label: SearchTokens.label)),
            clock: platform.clock, record: decisions
        ).register(on: router)
        ForwardAuthAPI(
            routes: try Assembly.forwardAuthRoutes(platform),
            certificates: platform.configuration.forwardAuthCertificate,
            point: point, shadow: shadow, authenticator: authenticator, record: decisions
        ).register(on: router)
        ExplainAPI(point: point, clock: platform.clock).register(on: router)
        roles = Roles(
            platform, people: people, keys: keys, assigned: point.assigned, nudge: publishing.main.nudge)
        roles.register(on: router, metrics: metrics)
        ServiceMetrics.register(in: metrics, platform: platform, publishing: publishing, point: point)
        self.publishing = publishing
        self.follower = follower
        self.rotation = rotation
        background =
            [publishing.main, refusals] + decisions.services + roles.services + [
                PeriodicTask(name: "following policies", interval: .milliseconds(100), logger: platform.logger) {
                    try await follower.follow()
                },
                PeriodicTask(
                    name: "looking after statement keys", interval: .milliseconds(500), logger: platform.logger
                ) { try await rotation.maintain() },
                PeriodicTask(name: "evaluating the shadow set", interval: .milliseconds(25), logger: platform.logger) {
                    if shadow.hasWork { await OffLoop.run { shadow.drain(for: .milliseconds(25)) } }
                },
                PeriodicTask(name: "sharing what the shadow set found", interval: .seconds(2), logger: platform.logger)
                {
                    try await shadows.share()
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
        try await FirstRoles.ensure(platform, roles.store)
        try await roles.follower.follow()
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

    /// After an activation: clients that hear of it fetch the set, so that this replica should have it by then.
    func activated() async throws {
        defer { nudge() }
        try await follower.follow()
    }
}
