import APISecurity
import HTTPTypes
import Hummingbird
import Logging
import NIOCore
import NIOEmbedded
import StrictJSON

@testable import OrderAPI

/// The routes as a client sees them, without sockets.
struct OrderHTTP: Sendable {
    let world: OrderWorld
    let router: SecureRouter
    private let responder: SecureResponder

    struct Answer: Sendable {
        let status: Int
        let headers: HTTPFields
        let bytes: [UInt8]
        var json: JSONValue? { try? JSONValue(parsing: bytes) }
        /// The last part of a problem's type.
        var problem: String? { json?["type"]?.string?.split(separator: ":").last.map(String.init) }
        /// Where the body's faults are.
        var faults: [String] { json?["errors"]?.array?.compactMap { $0["pointer"]?.string }.sorted() ?? [] }
        subscript(key: String) -> String? { json?[key]?.string }
    }

    init(
        _ world: OrderWorld, authenticator: any Authenticator = NamedAuthenticator(), refusals: AccessRefusals? = nil
    ) {
        self.world = world
        var options = SecureRouter.Options(
            clock: { world.now }, accessLog: .none, problem: OrderProblems.problem)
        options.refusals = refusals
        router = SecureRouter(authenticator: authenticator, options: options)
        OrdersAPI(orders: world.store, policy: OrderPolicy(authorizer: nil, referencePrice: 1)).register(on: router)
        responder = router.buildResponder()
    }

    func send(
        _ method: HTTPRequest.Method, _ path: String, _ body: JSONValue? = nil, as token: String? = "maria/trader",
        key: String? = nil, headers: HTTPFields = [:]
    ) async throws -> Answer {
        var headers = headers
        headers[.authorization] = token.map { "Bearer \($0)" }
        headers[HTTPField.Name("Idempotency-Key")!] = key
        let bytes = body?.encoded() ?? []
        if body != nil { headers[.contentType] = "application/json" }
        let head = HTTPRequest(method: method, scheme: "http", authority: "test", path: path, headerFields: headers)
        let request = Request(head: head, body: RequestBody(buffer: ByteBuffer(bytes: bytes)))
        let source = ApplicationRequestContextSource(
            channel: NIOAsyncTestingChannel(), logger: Logger(label: "test"))
        let response = try await responder.respond(to: request, context: APIContext(source: source))
        let collected = Collected()
        try await response.body.write(Collector(into: collected))
        return Answer(status: response.status.code, headers: response.headers, bytes: collected.bytes)
    }

    /// Places an order and returns its id.
    func place(_ body: JSONValue = OrderHTTP.plain, as token: String = "maria/trader") async throws -> String {
        try await send(.post, "/v1/orders", body, as: token)["id"] ?? "none"
    }

    static let plain: JSONValue = ["symbol": "EURUSD", "side": "buy", "quantity": 100]

    private final class Collected: @unchecked Sendable {
        // Written by one task, read after it has ended.
        var bytes: [UInt8] = []
    }

    private struct Collector: ResponseBodyWriter {
        let into: Collected
        init(into: Collected) { self.into = into }
        mutating func write(_ buffer: ByteBuffer) async throws { into.bytes += buffer.readableBytesView }
        consuming func finish(_ trailingHeaders: HTTPFields?) async throws {}
    }
}

/// Believes tokens of the form `subject/role`.
struct NamedAuthenticator: Authenticator {
    static let permissions: [Substring: Set<String>] = [
        "trader": ["orders:view", "orders:place", "orders:cancel"], "viewer": ["orders:view"], "admin": [],
        "risk-manager": ["orders:view", "orders:cancel"],
    ]

    func authenticate(_ request: Request, _ context: APIContext) async throws(AuthenticationError) -> Identity {
        let parts = try AuthorizationCredentials(request).token.split(separator: "/")
        guard parts.count == 2, let permissions = NamedAuthenticator.permissions[parts[1]] else {
            throw .invalidToken("unknown")
        }
        return Identity(subject: "usr_\(parts[0])", sessionID: "ses_\(parts[0])", permissions: permissions)
    }
}
