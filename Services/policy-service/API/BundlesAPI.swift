import APISecurity
import Cedar
import HTTPTypes
import Hummingbird
import JOSE
import NIOCore
import SecurityClient
import StrictJSON
import Synchronization

/// What those fetch who decide by themselves: policies and entities, each with a signed statement beside it.
final class BundlesAPI: Sendable {
    private struct Encoded {
        let sequence: Int64
        let body: [UInt8]
        let digest: String
    }

    /// Milliseconds; what is signed with a time of now must have been read from the database this recently.
    static let freshness: Int64 = 15_000

    private let follower: PolicyFollower
    private let point: DecisionPoint
    private let keys: StatementKeys
    private let clock: @Sendable () -> Int64
    private let policies = Mutex<Encoded?>(nil)
    private let entities = Mutex<Encoded?>(nil)

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
        var response = Response.json(keys.publicKeys.json())
        response.headers[.cacheControl] = "public, max-age=300"
        return response
    }

    @Sendable func policies(_ request: Request, _ context: APIContext) async throws -> Response {
        try context.query.allow()
        try requireFresh()
        let current = try point.snapshot().policies
        let bundle = encoded(policies, current.sequence) {
            PolicyBundle(sequence: current.sequence, version: current.version, content: current.content).body
        }
        return answer(
            bundle,
            try keys.policies(
                sequence: current.sequence, version: current.version, digest: bundle.digest, at: clock()), request)
    }

    @Sendable func entities(_ request: Request, _ context: APIContext) async throws -> Response {
        try context.query.allow()
        try requireFresh()
        let current = try point.snapshot()
        let bundle = try encoded(entities, current.entitySequence) {
            try EntityBundle(sequence: current.entitySequence, entities: current.storedEntities).body
        }
        return answer(
            bundle, try keys.entities(sequence: current.entitySequence, digest: bundle.digest, at: clock()), request)
    }

    /// A replica that cannot read the database does not vouch for what it has: clients go on by their own until it is stale.
    private func requireFresh() throws(Problem) {
        do { try follower.requireFresh(now: clock(), limit: BundlesAPI.freshness) } catch {
            throw .unavailable(detail: "The database has not been read for a while.")
        }
    }

    /// Encoded once for everybody who asks for the same number.
    private func encoded(
        _ cache: borrowing Mutex<Encoded?>, _ sequence: Int64, _ make: () throws -> [UInt8]
    ) rethrows -> Encoded {
        if let known = cache.withLock({ $0 }), known.sequence == sequence { return known }
        let body = try make()
        let made = Encoded(sequence: sequence, body: body, digest: PolicyStatement.digest(of: body))
        cache.withLock { if ($0?.sequence ?? -1) < sequence { $0 = made } }
        return made
    }

    /// RFC 9110 section 13.1.2: 304 when the client has it, with a statement of now in either case.
    private func answer(_ bundle: Encoded, _ statement: String, _ request: Request) -> Response {
        let tag = "\"\(bundle.digest)\""
        var headers: HTTPFields = [
            .eTag: tag, .policyStatement: statement, .cacheControl: "private, no-cache",
        ]
        if let known = request.headers[.ifNoneMatch],
            known == "*" || known.split(separator: ",").contains(where: { $0.drop { $0 == " " } == tag })
        {
            return Response(status: .notModified, headers: headers)
        }
        headers[.contentType] = "application/json"
        return Response(
            status: .ok, headers: headers, body: ResponseBody(byteBuffer: ByteBuffer(bytes: bundle.body)))
    }
}

extension HTTPField.Name {
    // The name is a token as RFC 9110 section 5.6.2 wants it.
    static let policyStatement = HTTPField.Name("Policy-Statement")!
}
