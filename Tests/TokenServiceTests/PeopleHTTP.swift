import APISecurity
import HTTPTypes
import Hummingbird
import Logging
import NIOCore
import NIOEmbedded
import StrictJSON

@testable import TokenService

/// The routes on people as a client sees them, without sockets.
struct PeopleHTTP: Sendable {
    let world: PeopleWorld
    let router: SecureRouter
    private let responder: SecureResponder

    struct Answer: Sendable {
        let status: Int
        let headers: HTTPFields
        let bytes: [UInt8]
        var json: JSONValue? { try? JSONValue(parsing: bytes) }
        /// The last part of a problem's type.
        var problem: String? { json?["type"]?.string?.split(separator: ":").last.map(String.init) }
        subscript(key: String) -> String? { json?[key]?.string }
    }

    init(_ world: PeopleWorld, refusals: AccessRefusals? = nil) {
        self.world = world
        var options = SecureRouter.Options(clock: { world.now }, accessLog: .none)
        options.refusals = refusals
        router = SecureRouter(authenticator: RecordedAuthenticator(world: world), options: options)
        PeopleRoutes.register(
            world.people, signIn: world.signIn, recovery: world.recovery, services: world.services, on: router)
        responder = router.buildResponder()
    }

    func send(
        _ method: HTTPRequest.Method, _ path: String, _ body: JSONValue? = nil, token: String? = nil,
        headers: HTTPFields = [:]
    ) async throws -> Answer {
        var headers = headers
        headers[.authorization] = token.map { "Bearer \($0)" }
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

    /// Somebody who administers, with a second factor just shown.
    func administrator(_ name: String = "anna") async throws -> String {
        try await token(of: try await world.user(name, roles: ["admin"]))
    }

    /// A token of somebody who has just shown a second factor.
    func token(of user: User) async throws -> String {
        try await world.sessions.start(
            Authentication(
                subject: user.id, username: user.username, email: nil, roles: user.roles, authTime: world.now / 1000,
                amr: ["pwd", "otp", "mfa"], acr: .twoFactors, mustEnrol: false, sessionEpoch: 0),
            ClientInfo(address: "192.0.2.1"), requestID: "r"
        ).accessToken
    }

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

/// Knows the tokens that the recorded sessions gave out.
private struct RecordedAuthenticator: Authenticator {
    let world: PeopleWorld

    func authenticate(_ request: Request, _ context: APIContext) async throws(AuthenticationError) -> Identity {
        let credentials = try AuthorizationCredentials(request)
        guard let known = world.sessions.authentication(of: credentials.token) else { throw .invalidToken("unknown") }
        let permissions = known.mustEnrol ? ["account:self"] : world.people.catalogue.permissions(of: known.roles)
        return Identity(
            subject: known.subject, clientID: "jts", sessionID: "s", roles: known.roles,
            permissions: Set(permissions), authTime: known.authTime, amr: known.amr)
    }
}
