import APISecurity
import Cedar
import HTTPTypes
import Hummingbird
import JOSE
import SecurityClient
import StrictJSON
import Synchronization

/// What those fetch who decide by themselves: policies and entities, each with a signed statement beside it.
final class BundlesAPI: Sendable {
    /// Milliseconds; what is signed with a time of now must have been read from the database this recently.
    static let freshness: Int64 = 15_000

    private let follower: PolicyFollower
    private let point: DecisionPoint
    private let keys: StatementKeys
    private let clock: @Sendable () -> Int64
    private let policies = LatestBundle()
    private let entities = LatestBundle()

    init(follower: PolicyFollower, point: DecisionPoint, keys: StatementKeys, clock: @escaping @Sendable () -> Int64) {
        self.follower = follower
        self.point = point
        self.keys = keys
        self.clock = clock
    }

    func register(on router: SecureRouter) {
        router.get("/v1/bundles/policies", .permission(.readBundles), use: policies)
        router.get("/v1/bundles/entities", .permission(.readBundles), use: entities)
        router.get("/.well-known/jwks.json", .public, use: jwks)
    }

    @Sendable func jwks(_ request: Request, _ context: APIContext) async throws -> Response {
        try context.query.allow()
        // Whatever signs by now was announced when these were read; longer ago, it may be missing here.
        guard keys.isFresh(now: clock(), limit: StatementKeySchedule.announcement) else { throw BundlesAPI.unread }
        var response = Response.json(keys.publicKeys.json())
        response.headers[.cacheControl] = "public, max-age=300"
        return response
    }

    @Sendable func policies(_ request: Request, _ context: APIContext) async throws -> Response {
        try context.query.allow()
        try requireFresh()
        let current = try point.snapshot().policies
        let bundle = try await policies.bundle(current.sequence) {
            PolicyBundle(sequence: current.sequence, version: current.version, content: current.content).body
        }
        let statement = try keys.policies(
            sequence: current.sequence, version: current.version, digest: bundle.digest, at: clock())
        return bundle.response(statement, to: request)
    }

    @Sendable func entities(_ request: Request, _ context: APIContext) async throws -> Response {
        try context.query.allow()
        try requireFresh()
        let current = try point.snapshot()
        let bundle = try await entities.bundle(current.entitySequence) {
            try EntityBundle(sequence: current.entitySequence, entities: current.storedEntities).body
        }
        let statement = try keys.entities(sequence: current.entitySequence, digest: bundle.digest, at: clock())
        return bundle.response(statement, to: request)
    }

    /// A replica that cannot read the database does not vouch for what it has, nor does it sign with keys that may have been
    /// revoked: clients go on by their own until it is stale.
    private func requireFresh() throws(Problem) {
        let now = clock()
        do { try follower.requireFresh(now: now, limit: BundlesAPI.freshness) } catch { throw BundlesAPI.unread }
        guard keys.isFresh(now: now, limit: BundlesAPI.freshness) else { throw BundlesAPI.unread }
    }

    private static let unread = Problem.unavailable(detail: "The database has not been read for a while.")
}

/// The bundle of the highest number that was asked for, encoded once for everybody, and not on an event loop: all entities may
/// be hundreds of megabytes.
private final class LatestBundle: Sendable {
    private struct Making {
        let sequence: Int64
        let bundle: Task<SignedBundle, any Error>
    }

    private let latest = Mutex<Making?>(nil)

    func bundle(_ sequence: Int64, _ body: @escaping @Sendable () throws -> [UInt8]) async throws -> SignedBundle {
        let bundle = latest.withLock { latest in
            if let latest, latest.sequence == sequence { return latest.bundle }
            // Not the caller's: others wait for it as well.
            let bundle = Task {
                try await OffLoop.run { SignedBundle(sequence: sequence, body: try body()) }
            }
            if (latest?.sequence ?? -1) < sequence { latest = Making(sequence: sequence, bundle: bundle) }
            return bundle
        }
        do { return try await bundle.value } catch {
            // Tried again for whoever asks next.
            latest.withLock { if $0?.sequence == sequence { $0 = nil } }
            throw error
        }
    }
}

extension HTTPField.Name {
    // The name is a token as RFC 9110 section 5.6.2 wants it.
    static let policyStatement = HTTPField.Name("Policy-Statement")!
}
