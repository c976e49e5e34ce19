import APISecurity
import Contracts
import Hummingbird
import SecurityClient

/// `/v1/bundles/roles`: what those fetch who go by roles, with a signed statement beside it. Read from the database each
/// time: what is signed as of now is what stands there now.
struct RolesBundleAPI: Sendable {
    let roles: RoleStore
    let keys: StatementKeys
    let clock: @Sendable () -> Int64

    func register(on router: SecureRouter) {
        router.get("/v1/bundles/roles", .permission(.readBundles), use: bundle)
    }

    @Sendable func bundle(_ request: Request, _ context: APIContext) async throws -> Response {
        try context.query.allow("after")
        var after: Int64?
        if let text = context.query["after"] {
            guard let number = Int64(text), number >= 0 else {
                throw Problem.badRequest("bad-query", detail: "after is the number of a change.")
            }
            after = number
        }
        // A key that may have been revoked signs nothing.
        guard keys.isFresh(now: clock(), limit: BundlesAPI.freshness) else {
            throw Problem.unavailable(detail: "The database has not been read for a while.")
        }
        let bundle = try await roles.bundle(after: after)
        let signed = await OffLoop.run { SignedBundle(sequence: bundle.sequence, body: bundle.body) }
        let statement = try keys.roles(
            from: bundle.from, sequence: bundle.sequence, digest: signed.digest, at: clock())
        return signed.response(statement, to: request)
    }
}
