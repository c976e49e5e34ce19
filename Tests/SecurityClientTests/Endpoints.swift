import Foundation
import Hummingbird
import Logging
import ServiceKit
import StrictJSON
import Testing

@testable import SecurityClient

/// An introspection endpoint (RFC 7662), as it is asked and answers.
final class IntrospectionEndpoint: Sendable {
    struct State: Sendable {
        var requests = 0
        var status: HTTPResponse.Status = .ok
        var body = #"{"active":true}"#
        var delay: Duration = .zero
        var authorization: String?
        var form: String?
    }

    let state = Box(State())
    private let server: TestServer

    init() async throws {
        let state = state
        let router = Router(context: BasicRequestContext.self)
        router.post("oauth2/introspect") { request, _ in
            let body = try await request.body.collect(upTo: 65_536)
            let now = state.update { state in
                state.requests += 1
                state.authorization = request.headers[.authorization]
                state.form = String(buffer: body)
                return state
            }
            if now.delay > .zero { try await Task.sleep(for: now.delay) }
            return Response(
                status: now.status, headers: [.contentType: "application/json"],
                body: .init(byteBuffer: ByteBuffer(string: now.body)))
        }
        server = try await TestServer(router)
    }

    var requests: Int { state.value.requests }
    /// Of the server.
    var url: String { server.url }

    func introspector(
        secret: String = "s3cret", logger: Logger = quiet, clock: TestClock = TestClock(),
        _ change: (inout Introspector.Options) -> Void = { _ in }
    ) throws -> Introspector {
        var options = Introspector.Options()
        options.timeout = .seconds(5)
        change(&options)
        return try Introspector(
            url: server.url + "/oauth2/introspect", clientID: "order-api", clientSecret: Sensitive(secret),
            options: options, logger: logger, clock: clock.read)
    }

    func stop() async { await server.stop() }
}

/// Revocations as fresh as a test says.
final class FakeFreshness: RevocationFreshness {
    private let box: Box<Duration?>
    init(_ staleness: Duration?) { box = Box(staleness) }
    func set(_ staleness: Duration?) { box.update { $0 = staleness } }
    func staleness(now: Int64) -> Duration? { box.value }
}
