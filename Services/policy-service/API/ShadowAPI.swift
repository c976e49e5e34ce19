import APISecurity
import Contracts
import Hummingbird
import SecurityClient
import StrictJSON

/// `/v1/policies/shadow`: which version is evaluated beside the active one, and what it would have decided otherwise.
struct ShadowAPI: Sendable {
    let versions: VersionStore
    let changes: Changes
    let shadow: ShadowEvaluation
    /// Names the replica that a report is of.
    let replica: String

    func register(on router: SecureRouter) {
        let path = "/v1/policies/shadow"
        router.get(path, .permission(.readPolicies), use: show)
        router.put(path, .privileged(.activatePolicies), use: set)
        router.delete(path, .privileged(.activatePolicies), use: end)
        router.get(path + "/report", .permission(.readPolicies), use: report)
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

    /// Of this replica.
    @Sendable func report(_ request: Request, _ context: APIContext) async throws -> Response {
        try context.query.allow()
        // What waits is evaluated first, so that it says all that was decided before.
        guard let report = await OffLoop.run({ shadow.report() }) else {
            throw Problem.notFound(detail: "No version is evaluated beside the active one.")
        }
        return .json(report.json(replica: replica))
    }
}
