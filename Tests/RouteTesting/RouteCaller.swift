import APISecurity
import Foundation
import HTTPTypes
import Hummingbird
import Logging
import NIOCore
import NIOEmbedded
import StrictJSON

/// Calls routes as a client sees them, without sockets.
package struct RouteCaller: Sendable {
    package struct Answer: Sendable {
        package let status: Int
        package let headers: HTTPFields
        package let bytes: [UInt8]
        package var json: JSONValue {
            (try? JSONValue(parsing: bytes, limits: JSONLimits(maxBytes: 64 << 20))) ?? .null
        }
        /// The last part of a problem's type.
        package var problem: String? { json["type"]?.string?.split(separator: ":").last.map(String.init) }
        package subscript(key: String) -> JSONValue? { json[key] }
    }

    /// Thousands of requests would fill the log of the tests.
    private static let quiet = Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() })

    private let responder: SecureResponder

    package init(_ router: SecureRouter) { responder = router.buildResponder() }

    /// - Parameter token: a bearer token; nil sends none.
    package func send(
        _ method: HTTPRequest.Method, _ path: String, _ body: JSONValue? = nil, as token: String?,
        headers: HTTPFields = [:]
    ) async throws -> Answer {
        try await send(method, path, bytes: body?.encoded(), as: token, headers: headers)
    }

    /// - Parameter bytes: a body of `application/json`; nil sends none.
    package func send(
        _ method: HTTPRequest.Method, _ path: String, bytes: [UInt8]?, as token: String?, headers: HTTPFields = [:]
    ) async throws -> Answer {
        var headers = headers
        // A token is of the characters of RFC 6750 section 2.1.
        headers[.authorization] = token.map { "Bearer " + Data($0.utf8).base64EncodedString() }
        if bytes != nil { headers[.contentType] = "application/json" }
        let head = HTTPRequest(method: method, scheme: "http", authority: "test", path: path, headerFields: headers)
        let request = Request(head: head, body: RequestBody(buffer: ByteBuffer(bytes: bytes ?? [])))
        let source = ApplicationRequestContextSource(
            channel: NIOAsyncTestingChannel(), logger: RouteCaller.quiet)
        let response = try await responder.respond(to: request, context: APIContext(source: source))
        let collected = Collected()
        try await response.body.write(Collector(into: collected))
        return Answer(status: response.status.code, headers: response.headers, bytes: collected.bytes)
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

/// Believes tokens of the form `subject/permission,permission` or `subject/permission/role`; `subject!/…` was authenticated too long ago for privileged
/// acts.
package struct NamingAuthenticator: Authenticator {
    let now: @Sendable () -> Int64

    /// - Parameter now: milliseconds since the epoch.
    package init(now: @escaping @Sendable () -> Int64) { self.now = now }

    package func authenticate(
        _ request: Request, _ context: APIContext
    ) async throws(AuthenticationError) -> Identity {
        let token = try AuthorizationCredentials(request).token
        guard let text = Data(base64Encoded: token).map({ String(decoding: $0, as: UTF8.self) }) else {
            throw .invalidToken("no base64")
        }
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        guard (2...3).contains(parts.count), !parts[0].isEmpty else { throw .invalidToken("unknown") }
        let isOld = parts[0].hasSuffix("!")
        return Identity(
            subject: isOld ? String(parts[0].dropLast()) : String(parts[0]), sessionID: "ses_1",
            roles: parts.count == 3 ? parts[2].split(separator: ",").map(String.init) : [],
            permissions: Set(parts[1].split(separator: ",").map(String.init)),
            authTime: now() / 1000 - (isOld ? 3_600 : 10), amr: ["pwd", "otp"])
    }
}
