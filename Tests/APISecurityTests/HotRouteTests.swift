import HTTPTypes
import Hummingbird
import Logging
import NIOCore
import NIOPosix
import ServiceKit
import Synchronization
import Testing

@testable import APISecurity

/// Answers of hot routes are, byte for byte, those of the ordinary path.
@Suite struct HotRouteTests {
    /// An API on a port, with `hot` routes or with the same ones as ordinary routes.
    private final class API: Sendable {
        let port: Int
        let metrics = MetricsRegistry()
        let log = CapturedLog()
        private let running: Task<Void, Never>

        init(isHot: Bool, strictTransport: Bool = false, trustedProxies: TrustedProxies = .none) async throws {
            let router = SecureRouter(
                authenticator: AtHand(),
                options: SecureRouter.Options(
                    metrics: metrics, clock: { TestAPI.now }, trustedProxies: trustedProxies,
                    strictTransport: strictTransport, accessLog: .all))
            HotRouteTests.register(on: router, isHot: isHot)
            let (ports, found) = AsyncStream.makeStream(of: Int.self)
            let server = try HTTPServer(
                HTTPServerSettings(listen: .init(host: "127.0.0.1", port: 0)), responder: router.buildResponder(),
                health: HealthChecks(), metrics: metrics, logger: log.logger
            ) { found.yield($0) }
            running = Task { try? await server.run() }
            var iterator = ports.makeAsyncIterator()
            port = try #require(await iterator.next())
        }

        func stop() async {
            running.cancel()
            await running.value
        }

        func metric(_ line: String) -> String? {
            metrics.exposition().split(separator: "\n").first { $0.hasPrefix(line + " ") }
                .map { String($0.dropFirst(line.count + 1)) }
        }

        /// Sends requests over one connection and returns what is answered to each.
        func exchange(_ requests: [String]) async throws -> [String] {
            let channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
                .connect(host: "127.0.0.1", port: port) { channel in
                    channel.eventLoop.makeCompletedFuture {
                        try NIOAsyncChannel<ByteBuffer, ByteBuffer>(wrappingChannelSynchronously: channel)
                    }
                }
            return try await channel.executeThenClose { inbound, outbound in
                var iterator = inbound.makeAsyncIterator()
                var answers: [String] = []
                for request in requests {
                    try await outbound.write(ByteBuffer(string: request))
                    var text = ""
                    while !HotRouteTests.isWhole(text), let part = try await iterator.next() {
                        text += String(buffer: part)
                    }
                    answers.append(text)
                }
                return answers
            }
        }
    }

    /// Knows `reader` at once, and whatever else it knows only by asking.
    private struct AtHand: ImmediateAuthenticator {
        let known = KnownTokens()

        func authenticate(
            _ request: Request, _ context: APIContext
        ) async throws(AuthenticationError) -> Identity { try await known.authenticate(request, context) }

        func identityAtHand(authorization: String, certificate: () -> String?) -> Identity? {
            guard let credentials = try? AuthorizationCredentials(header: authorization) else { return nil }
            return known.identities[credentials.token]
        }
    }

    private static func register(on router: SecureRouter, isHot: Bool) {
        @Sendable func words(_ form: FormFields, _ identity: Identity?, _ address: String) -> [UInt8] {
            Array("\(form["a"] ?? "") \(identity?.subject ?? "nobody") \(address)".utf8)
        }
        func add(_ path: String, _ access: Access) {
            let head = router.hotHead(.ok, [.contentType: "text/plain", .cacheControl: "no-cache"])
            let ordinary: Route.Handler = { request, context in
                let form = try await request.form(context)
                guard form["a"] != "refused" else { throw Problem.conflict(title: "no") }
                let bytes = words(form, context.identity, context.remoteAddress)
                return Response(status: .ok, headers: head.own, body: .init(byteBuffer: ByteBuffer(bytes: bytes)))
            }
            guard isHot else {
                router.post(path, access, options: RouteOptions(bodyLimit: 100), use: ordinary)
                return
            }
            router.hot(
                .post, path, access, options: RouteOptions(bodyLimit: 100),
                lean: { call in
                    guard let form = call.form(), form["a"] != "refused" else { return call.passOn() }
                    call.answer(head, words(form, call.identity, call.remoteAddress))
                }, use: ordinary)
        }
        add("/open", .public)
        add("/closed", .permission("things:read"))
    }

    private static func isWhole(_ text: String) -> Bool {
        let bytes = Array(text.utf8)
        guard let end = text.range(of: "\r\n\r\n") else { return false }
        let length = text.split(separator: "\r\n").first { $0.lowercased().hasPrefix("content-length:") }
            .flatMap { Int($0.split(separator: " ").last ?? "") }
        return bytes.count - text[..<end.upperBound].utf8.count >= (length ?? 0)
    }

    private static func post(
        _ body: String, _ path: String = "/open", _ fields: String = "",
        type: String = "application/x-www-form-urlencoded"
    ) -> String {
        "POST \(path) HTTP/1.1\r\nHost: x\r\n\(type.isEmpty ? "" : "Content-Type: \(type)\r\n")\(fields)"
            + "Content-Length: \(body.utf8.count)\r\n\r\n\(body)"
    }

    private static let table: [(request: String, isHot: Bool)] = [
        (post("a=b"), true), (post(""), true), (post("a=%C3%A9+x&b=1"), true),
        (post("a=b", "/open", "X-Request-Id: my.own-ID_1\r\n"), true),
        (post("a=b", "/open", "X-Request-Id: not well formed\r\n"), true),
        (post("a=b", "/open", "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\n"), true),
        (post("a=b", "/open", "X-Forwarded-For: 10.1.2.3\r\n"), true),
        (post("a=b", "/open", "Connection: keep-alive\r\n"), true),
        (post("a=b", "/closed", "Authorization: Bearer reader\r\n"), true),
        (post("a=b", "/closed", "Authorization: Bearer nobody\r\n"), false),
        (post("a=b", "/closed", "Authorization: Bearer other\r\n"), false),
        (post("a=b", "/closed", "Authorization: Bearer bad-moment\r\n"), false), (post("a=b", "/closed"), false),
        (post("a=b", "/closed", "Authorization: Bearer reader\r\nAuthorization: Bearer reader\r\n"), false),
        (post("a=b&a=c"), false), (post("a=%"), false), (post("a=refused"), false), (post("a=b", type: ""), false),
        (post("a=b", type: "application/json"), false),
        (post("a=b", type: "application/x-www-form-urlencoded; charset=UTF-8"), false),
        (post(String(repeating: "a", count: 101)), false), (post("a=b", "/open?c=d"), false),
        (post("a=b", "/nothing"), false), (post("a=b", "/open", "X-Request-Id: a\r\nX-Request-Id: b\r\n"), false),
        (post("a=b", "/open", "Content-Encoding: gzip\r\n"), false),
        ("GET /open HTTP/1.1\r\nHost: x\r\n\r\n", false),
        (
            "POST /open HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\n"
                + "Transfer-Encoding: chunked\r\n\r\n3\r\na=b\r\n0\r\n\r\n", false
        ),
    ]

    /// Without what differs from request to request.
    private func normalised(_ answer: String) -> String {
        answer.split(separator: "\r\n", omittingEmptySubsequences: false).map { line in
            if line.hasPrefix("Date: ") { return "Date" }
            if line.hasPrefix("X-Request-Id: "), line.dropFirst(14).count == 32 { return "X-Request-Id" }
            return String(line)
        }.joined(separator: "\n")
    }

    @Test(arguments: [false, true])
    func answersAreTheSameByteForByte(_ strictTransport: Bool) async throws {
        let proxies = try #require(TrustedProxies(["127.0.0.1"]))
        let hot = try await API(isHot: true, strictTransport: strictTransport, trustedProxies: proxies)
        let ordinary = try await API(isHot: false, strictTransport: strictTransport, trustedProxies: proxies)
        let requests = HotRouteTests.table.map(\.request)
        let (left, right) = (try await hot.exchange(requests), try await ordinary.exchange(requests))
        for (index, request) in requests.enumerated() {
            #expect(normalised(left[index]) == normalised(right[index]), "\(request)")
        }
        #expect(left.first?.contains("Strict-Transport-Security") == strictTransport)
        let expected = HotRouteTests.table.count { $0.isHot }
        #expect(hot.metric(#"http_hot_requests_total{outcome="answered"}"#) == "\(expected)")
        for line in hot.metrics.exposition().split(separator: "\n") where line.hasPrefix("http_requests_total") {
            #expect(ordinary.metrics.exposition().contains(line), "\(line)")
        }
        let count = #"http_request_duration_seconds_count{method="POST",route="/open"}"#
        #expect(hot.metric(count) != nil)
        #expect(hot.metric(count) == ordinary.metric(count))
        await hot.stop()
        await ordinary.stop()
        func shape(_ log: CapturedLog) -> [String] {
            log.text.split(separator: "\n").filter { $0.contains("request") && $0.contains("duration_us") }.map {
                line in
                String(line).replacing(/(duration_us|request_id|trace_id)", value: [^)]*/, with: "")
            }.sorted()
        }
        #expect(shape(hot.log) == shape(ordinary.log))
        #expect(!shape(hot.log).isEmpty)
    }

    @Test func aHotRouteIsARouteLikeAnyOther() throws {
        let router = SecureRouter(authenticator: NoAuthenticator())
        HotRouteTests.register(on: router, isHot: true)
        #expect(router.routes.map(\.path) == ["/open", "/closed"])
        #expect(router.routes.map(\.access) == [.public, .permission("things:read")])
        #expect(router.buildResponder().hotRoutes.isEmpty == false)
        let plain = SecureRouter(authenticator: NoAuthenticator())
        HotRouteTests.register(on: plain, isHot: false)
        #expect(plain.buildResponder().hotRoutes.isEmpty)
    }

    @Test func whoeverIsNotKnownAtOnceIsAuthenticatedTheOrdinaryWay() async throws {
        let api = try await API(isHot: true)
        let answers = try await api.exchange([
            HotRouteTests.post("a=b", "/closed", "Authorization: DPoP reader\r\n"),
            HotRouteTests.post("a=b", "/closed", "Authorization: Basic reader\r\n"),
            HotRouteTests.post("a=b", "/closed", "Authorization: Bearer reader\r\nDPoP: proof\r\n"),
        ])
        #expect(answers.map { String($0.dropFirst(9).prefix(3)) } == ["200", "401", "200"])
        #expect(api.metric(#"http_hot_requests_total{outcome="passed_on"}"#) == "1")
        await api.stop()
    }
}
