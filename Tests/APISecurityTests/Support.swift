import Foundation
import HTTPTypes
import Hummingbird
import Logging
import NIOCore
import NIOEmbedded
import ServiceKit
import StrictJSON
import Synchronization
import Testing

@testable import APISecurity

/// An API as a client sees it, without sockets.
struct TestAPI: Sendable {
    /// Milliseconds since the epoch, by the API's clock.
    static let now: Int64 = 1_800_000_000_000

    let router: SecureRouter
    let log: CapturedLog
    let metrics: MetricsRegistry
    private let responder: SecureResponder

    struct Answer: Sendable {
        let status: Int
        let headers: HTTPFields
        let bytes: [UInt8]
        var json: JSONValue? { try? JSONValue(parsing: bytes) }
        var text: String { String(decoding: bytes, as: UTF8.self) }
        /// The last part of a problem's type.
        var problem: String? { json?["type"]?.string?.split(separator: ":").last.map(String.init) }
        /// The values of a header, one by one.
        func values(_ name: String) -> [String] { HTTPField.Name(name).map { headers[values: $0] } ?? [] }
        subscript(key: String) -> String? { json?[key]?.string }
    }

    init(
        authenticator: any Authenticator = KnownTokens(), trustedProxies: TrustedProxies = .none,
        strictTransport: Bool = false, accessLog: SecureRouter.AccessLog = .all,
        refusals: AccessRefusals? = nil, problem: @escaping @Sendable (any Error) -> Problem? = { _ in nil },
        _ register: (SecureRouter) -> Void
    ) {
        metrics = MetricsRegistry()
        log = CapturedLog()
        var options = SecureRouter.Options(
            metrics: metrics, clock: { TestAPI.now }, trustedProxies: trustedProxies,
            strictTransport: strictTransport, accessLog: accessLog, problem: problem)
        options.refusals = refusals
        router = SecureRouter(authenticator: authenticator, options: options)
        register(router)
        responder = router.buildResponder()
    }

    /// - Parameter body: its pieces, as they come off the network.
    func send(
        _ method: HTTPRequest.Method = .get, _ target: String, headers: HTTPFields = [:], body: RequestBody? = nil,
        from address: String? = nil
    ) async throws -> Answer {
        let head = HTTPRequest(method: method, scheme: "http", authority: "test", path: target, headerFields: headers)
        let request = Request(head: head, body: body ?? RequestBody(buffer: ByteBuffer()))
        let channel = NIOAsyncTestingChannel()
        channel.remoteAddress = try address.map { try SocketAddress(ipAddress: $0, port: 1) }
        let context = APIContext(source: ApplicationRequestContextSource(channel: channel, logger: log.logger))
        let response = try await responder.respond(to: request, context: context)
        let collected = Collected()
        try await response.body.write(Collector(into: collected))
        return Answer(status: response.status.code, headers: response.headers, bytes: collected.bytes)
    }

    func post(
        _ target: String, _ body: String, type: String? = "application/json", headers: HTTPFields = [:]
    ) async throws -> Answer {
        try await post(target, Array(body.utf8), type: type, headers: headers)
    }

    func post(
        _ target: String, _ body: [UInt8], type: String? = "application/json", headers: HTTPFields = [:]
    ) async throws -> Answer {
        var headers = headers
        if let type { headers[.contentType] = type }
        return try await send(.post, target, headers: headers, body: RequestBody(buffer: ByteBuffer(bytes: body)))
    }

    func get(_ target: String, token: String? = nil, scheme: String = "Bearer") async throws -> Answer {
        try await send(.get, target, headers: token.map { [.authorization: "\(scheme) \($0)"] } ?? [:])
    }

    private final class Collected: @unchecked Sendable {
        // Written by one task, read after it has ended.
        var bytes: [UInt8] = []
    }

    private struct Collector: ResponseBodyWriter {
        let into: Collected
        mutating func write(_ buffer: ByteBuffer) async throws { into.bytes += buffer.readableBytesView }
        consuming func finish(_ trailingHeaders: HTTPFields?) async throws {}
    }
}

/// Pieces of a body, one after the other, without an announced length.
func pieces(_ pieces: [[UInt8]]) -> RequestBody {
    RequestBody(
        asyncSequence: AsyncStream { continuation in
            for piece in pieces { continuation.yield(ByteBuffer(bytes: piece)) }
            continuation.finish()
        })
}

/// Header fields in their order, names repeated or not.
func fields(_ pairs: KeyValuePairs<String, String>) throws -> HTTPFields {
    var fields = HTTPFields()
    for (name, value) in pairs { fields.append(HTTPField(name: try #require(HTTPField.Name(name)), value: value)) }
    return fields
}

/// Takes `token`s it was given; the ones that start with `bad-` stand for failures.
struct KnownTokens: Authenticator {
    var identities: [String: Identity] = [
        "reader": Identity(subject: "reader", permissions: ["things:read"]),
        "nobody": Identity(subject: "nobody"),
    ]

    func authenticate(
        _ request: Request, _ context: APIContext
    ) async throws(AuthenticationError) -> Identity {
        let credentials = try AuthorizationCredentials(request)
        switch credentials.token {
        case "bad-proof": throw .invalidDPoPProof("the proof is \"old\"")
        case "bad-moment": throw .unavailable("keys cannot be had", retryAfter: 7)
        default: break
        }
        guard let identity = identities[credentials.token] else { throw .invalidToken("expired") }
        return identity
    }
}

/// What was logged, as text.
final class CapturedLog: Sendable {
    private let lines = Mutex<[String]>([])

    var text: String { lines.withLock { $0.joined(separator: "\n") } }
    var logger: Logger { Logger(label: "test") { _ in Handler(log: self) } }

    private struct Handler: LogHandler {
        let log: CapturedLog
        var metadata: Logger.Metadata = [:]
        var logLevel = Logger.Level.trace

        subscript(metadataKey key: String) -> Logger.Metadata.Value? {
            get { metadata[key] }
            set { metadata[key] = newValue }
        }

        func log(event: LogEvent) {
            let merged = metadata.merging(event.metadata ?? [:]) { $1 }
            let error = event.error.map { " \($0)" } ?? ""
            let line = "\(event.level) \(event.message)\(error) \(merged.sorted { $0.key < $1.key })"
            log.lines.withLock { $0.append(line) }
        }
    }
}

extension Response {
    /// An answer that says which route it comes from, and what the route was given.
    static func echo(_ route: String, _ context: APIContext, _ names: String...) -> Response {
        var object: JSONObject = ["route": .string(route)]
        for name in names { object[name] = context.parameters.get(name).map { .string($0) } }
        return .json(.object(object))
    }
}
