import APISecurity
import EventBus
import Foundation
import Logging
import RateLimits
import SecurityClient
import ServiceKit
import ServiceLifecycle

/// The service, put together: its routes and what runs beside them.
struct Assembly: Sendable {
    let router: SecureRouter
    /// In the order of their start; to be stopped the other way round.
    let background: [any Service]
    let publishing: Publishing
    let limiter: Limiter
    let recovery: Recovery
    let outages: OutageWatch
    private let platform: Platform

    init(
        _ platform: Platform, authenticator: any Authenticator, settings: HTTPServerSettings, metrics: MetricsRegistry
    ) throws {
        self.platform = platform
        let configuration = platform.configuration
        let publishing = Publishing(platform)
        let record = EventRecord(platform: platform, nudge: publishing.main.nudge)
        let refusals = AccessRefusals(sink: record, clock: platform.clock, logger: platform.logger)
        var options = SecureRouter.Options(
            metrics: metrics, clock: platform.clock, trustedProxies: settings.trustedProxies,
            strictTransport: settings.isTLS, problem: LimitProblems.problem)
        options.refusals = refusals
        router = SecureRouter(authenticator: authenticator, options: options)
        let limiter = Limiter(
            book: LimitBook(try Assembly.limits(configuration.limitsFile)), store: LimitStore(redis: platform.redis),
            gates: RedisGates(isCluster: platform.isCluster), local: LocalCounters(replicas: configuration.replicas),
            isCluster: platform.isCluster, replica: configuration.replica, clock: platform.clock)
        CheckAPI(limiter: limiter).register(on: router)
        ReserveAPI(reservations: Reservations(limiter: limiter)).register(on: router)
        LeasesAPI(leases: Leases(limiter)).register(on: router)
        ServiceMetrics.register(in: metrics, platform: platform, publishing: publishing, limiter: limiter)
        let recovery = Recovery(limiter: limiter, clock: platform.clock, logger: platform.logger)
        let outages = OutageWatch(
            gates: limiter.gates, record: record, replica: configuration.replica, clock: platform.clock,
            logger: platform.logger)
        self.publishing = publishing
        self.limiter = limiter
        self.recovery = recovery
        self.outages = outages
        var background: [any Service] = [
            platform.redis, publishing.main, refusals,
            PeriodicTask(name: "looking for Redis", interval: .milliseconds(50), logger: platform.logger) {
                await recovery.run()
            },
            PeriodicTask(name: "telling of outages", interval: .milliseconds(250), logger: platform.logger) {
                try await outages.run()
            },
        ]
        if let blocks = limiter.blocks {
            background.append(
                PeriodicTask(name: "giving back permits", interval: .milliseconds(100), logger: platform.logger) {
                    blocks.sweep()
                })
        }
        self.background = background
    }

    private static func limits(_ file: String) throws(ConfigurationError) -> LimitSet {
        let text: String
        do {
            text = try String(contentsOfFile: file, encoding: .utf8)
        } catch { throw ConfigurationError(["LIMITS_FILE: \(file) cannot be read"]) }
        do throws(LimitFaults) {
            return try LimitSet(yaml: text, version: 1)
        } catch { throw ConfigurationError(error.all.map { "LIMITS_FILE: \(file): \($0)" }) }
    }

    /// Connects, so that the first requests need not wait.
    func prepare() async { await platform.redis.prepare() }
}
