import APISecurity
import Contracts
import Logging
import SecurityClient
import ServiceKit
import ServiceLifecycle
import StrictJSON

/// Roles as policy-service tells of them: what takes them over, and who asks for them where there is a policy-service.
struct FollowedRoles: Sendable {
    let follower: RoleFollower
    /// nil without `POLICY_SERVICE_URL`.
    private let client: RolesClient?
    private let untaken: RefusalReporter<String, JSONObject>?

    init(
        _ platform: Platform, issuer: TokenIssuer, revocations: Revocations, record: RefusalRecord,
        metrics: MetricsRegistry
    ) throws {
        let configuration = platform.configuration
        follower = RoleFollower(
            database: platform.database, catalogue: platform.catalogue, revocations: revocations, metrics: metrics,
            clock: platform.clock, logger: platform.logger)
        client = try RolesClient(
            configuration.policies, security: configuration.policySecurity, token: OwnToken(issuer), taker: follower,
            kafka: configuration.kafka, metrics: metrics, logger: platform.logger, clock: platform.clock)
        untaken = client.map { FollowedRoles.reporter(of: $0, record, platform.logger) }
    }

    var services: [any Service] {
        var services: [any Service] = []
        if let client { services.append(client) }
        if let untaken { services.append(untaken) }
        return services
    }

    /// Says on `/readyz` when policy-service has not been heard for long. Roles are gone by as they are all the same.
    func register(on health: HealthChecks, clock: @escaping @Sendable () -> Int64) {
        guard let client else { return }
        health.register("roles", isRequired: false) {
            guard let staleness = client.staleness(now: clock()), staleness < .seconds(900) else { throw Unheard() }
        }
    }

    private struct Unheard: Error, CustomStringConvertible {
        var description: String { "policy-service has not been heard of roles for a while" }
    }

    /// Puts what was not taken on record, identical refusals counted.
    private static func reporter(
        of client: RolesClient, _ record: RefusalRecord, _ logger: Logger
    ) -> RefusalReporter<String, JSONObject> {
        let reporter = RefusalReporter<String, JSONObject>(
            kind: .policyBundleRefused, sink: record, logger: logger
        ) { tally in
            var fields = tally.detail
            fields["bundle"] = .string(PolicyStatement.Kind.roles.rawValue)
            fields["refusals"] = .int(Int64(tally.count))
            return SecurityEvent(
                .policyBundleRefused, outcome: .refused, reason: tally.key, at: tally.first, fields: fields)
        }
        client.onRefusal { refusal in
            var detail: JSONObject = [:]
            if case .rollback(let sequence, let have) = refusal {
                detail = ["sequence": .int(sequence), "have": .int(have)]
            }
            reporter.note(refusal.code, detail)
        }
        return reporter
    }
}
