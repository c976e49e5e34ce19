import APISecurity
import Contracts
import Hummingbird
import SecurityClient
import StrictJSON
import Synchronization

/// `/v1/policies/shadow`: which version is evaluated beside the active one, and what it would have decided otherwise.
final class ShadowAPI: Sendable {
    private let versions: VersionStore
    private let changes: Changes
    private let shadow: ShadowEvaluation
    private let reports: ShadowReports
    private let point: DecisionPoint
    private let keys: StatementKeys
    /// What this replica reports under.
    private let replica: String
    private let clock: @Sendable () -> Int64
    private let bundle = Mutex<SignedBundle?>(nil)
    private let shared = Mutex<JSONValue?>(nil)

    init(
        versions: VersionStore, changes: Changes, shadow: ShadowEvaluation, reports: ShadowReports,
        point: DecisionPoint, keys: StatementKeys, replica: String, clock: @escaping @Sendable () -> Int64
    ) {
        self.versions = versions
        self.changes = changes
        self.shadow = shadow
        self.reports = reports
        self.point = point
        self.keys = keys
        self.replica = "policy-service/" + replica
        self.clock = clock
    }

    func register(on router: SecureRouter) {
        let path = "/v1/policies/shadow"
        router.get(path, .permission(.readPolicies), use: show)
        router.put(path, .privileged(.activatePolicies), use: set)
        router.delete(path, .privileged(.activatePolicies), use: end)
        router.get(path + "/report", .permission(.readPolicies), use: report)
        // Of those that decide by themselves: they get the set, and tell what they found.
        router.get("/v1/bundles/shadow", .permission(.readBundles), use: fetch)
        router.post(
            path + "/reports", .permission(.readBundles), options: RouteOptions(bodyLimit: ShadowReport.maximumBytes),
            use: take)
    }

    @Sendable func show(_ request: Request, _ context: APIContext) async throws -> Response {
        try context.query.allow()
        return .json(["version": try await versions.shadow().map { .int($0) } ?? .null])
    }

    @Sendable func set(_ request: Request, _ context: APIContext) async throws -> Response {
        let act = try context.act()
        var fields = try await request.fields(context)
        let number = Int64(fields.int("version", in: 1...Int.max))
        let reason = fields.string("reason", length: 1...512, pattern: .printable)
        try fields.finish()
        guard try await versions.version(number) != nil else {
            throw Problem.unprocessable("no-such-version", title: "There is no such version")
        }
        try await versions.setShadow(number, reason: reason, act)
        try await changes.committed()
        return .json(["version": .int(number)])
    }

    @Sendable func end(_ request: Request, _ context: APIContext) async throws -> Response {
        try await versions.setShadow(nil, try context.act())
        try await changes.committed()
        return .noContent
    }

    /// Of all who decide, as they told last.
    @Sendable func report(_ request: Request, _ context: APIContext) async throws -> Response {
        try context.query.allow()
        // What waits here is evaluated first, so that it says all that was decided before.
        guard var found = await OffLoop.run({ [shadow] in shadow.report() }) else {
            throw Problem.notFound(detail: "No version is evaluated beside the active one.")
        }
        var reporters: [JSONValue] = [ShadowAPI.reporter(replica, found)]
        for (name, report) in try await reports.all(of: found.pair) where name != replica {
            reporters.append(ShadowAPI.reporter(name, report))
            found.add(report)
        }
        guard var json = found.json.object else { return .json(found.json) }
        json["reporters"] = .array(reporters)
        return .json(.object(json))
    }

    private static func reporter(_ name: String, _ report: ShadowReport) -> JSONValue {
        [
            "name": .string(name), "same": .int(Int64(clamping: report.same)),
            "different": .int(Int64(clamping: report.different)), "skipped": .int(Int64(clamping: report.skipped)),
        ]
    }

    /// The shadow set for those who decide by themselves.
    @Sendable func fetch(_ request: Request, _ context: APIContext) async throws -> Response {
        try context.query.allow()
        guard let current = point.shadow else {
            throw Problem.notFound(detail: "No version is evaluated beside the active one.")
        }
        let known = bundle.withLock { $0 }
        let made: SignedBundle
        if let known, known.sequence == current.version {
            made = known
        } else {
            made = await OffLoop.run {
                SignedBundle(
                    sequence: current.version,
                    body: PolicyBundle(sequence: current.version, version: current.version, content: current.content)
                        .body)
            }
            bundle.withLock { $0 = made }
        }
        return made.response(
            try keys.shadow(version: current.version, digest: made.digest, at: clock()), to: request)
    }

    /// What one who decides by itself found until now. It takes the place of what the same one told before.
    @Sendable func take(_ request: Request, _ context: APIContext) async throws -> Response {
        let act = try context.act()
        var fields = try await request.fields(context)
        let name = fields.string("reporter", length: 1...64, pattern: .printable)
        let object = fields.object("report")
        try fields.finish()
        guard let report = ShadowReport(json: .object(object)) else {
            throw Problem.unprocessable("no-report", title: "This is no report about a shadow set")
        }
        guard let active = point.snapshotIfAny?.policies, let shadow = point.shadow,
            report.pair.shadowVersion == shadow.version, report.pair.activeSequence <= active.sequence
        else { throw Problem.conflict("other-sets", title: "The report is about sets that are not compared any more") }
        // Who reports is said by the token; the name tells its processes apart.
        guard try await reports.put(report, by: "\(act.subject ?? "")/\(name)", at: act.at) else {
            throw Problem.unavailable(detail: "Too many report about the shadow set.")
        }
        return .noContent
    }

    /// Leaves what this replica found where the others can tell of it.
    func share() async throws {
        guard let report = await OffLoop.run({ [shadow] in shadow.report() }) else { return }
        let json = report.json
        guard shared.withLock({ $0 }) != json else { return }
        try await reports.put(report, by: replica, at: clock())
        shared.withLock { $0 = json }
    }
}
