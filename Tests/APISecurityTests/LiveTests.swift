import HTTPTypes
import Hummingbird
import HummingbirdTesting
import Logging
import NIOCore
import NIOPosix
import ServiceKit
import StrictJSON
import Testing

@testable import APISecurity

/// The same over sockets, where requests are bytes.
@Suite struct LiveTests {
    private func application() -> some ApplicationProtocol {
        let router = SecureRouter(
            authenticator: KnownTokens(), options: SecureRouter.Options(metrics: MetricsRegistry(), accessLog: .none))
        router.get("/hello", .public) { _, _ in .json(["hello": "you"]) }
        router.get("/things/{thing}", .public) { _, context in .echo("thing", context, "thing") }
        router.get("/read", .permission("things:read")) { _, _ in .json(["a": 1]) }
        router.post("/json", .public, options: RouteOptions(bodyLimit: 1_000)) { request, context in
            .json(["got": try await request.json(context)])
        }
        var logger = Logger(label: "test")
        logger.logLevel = .critical
        return Application(
            responder: router.buildResponder(), configuration: .init(address: .hostname("127.0.0.1", port: 0)),
            logger: logger)
    }

    @Test func requests() async throws {
        try await application().test(.live) { client in
            let hello = try await client.executeRequest(uri: "/hello", method: .get, headers: [:], body: nil)
            #expect(hello.status == .ok)
            #expect(String(buffer: hello.body) == #"{"hello":"you"}"#)
            #expect(hello.headers[values: RequestID.header].count == 1)
            let head = try await client.executeRequest(uri: "/hello", method: .head, headers: [:], body: nil)
            #expect(head.headers[.contentLength] == "15")
            #expect(head.body.readableBytes == 0)
            let refused = try await client.executeRequest(uri: "/read", method: .get, headers: [:], body: nil)
            #expect(refused.status == .unauthorized)
            #expect(refused.headers[values: .wwwAuthenticate].count == 2)
            let read = try await client.executeRequest(
                uri: "/read", method: .get, headers: [.authorization: "bearer reader"], body: nil)
            #expect(read.status == .ok)
            let posted = try await client.executeRequest(
                uri: "/json", method: .post, headers: [.contentType: "application/json"],
                body: ByteBuffer(string: "[1]"))
            #expect(String(buffer: posted.body) == #"{"got":[1]}"#)
            let large = try await client.executeRequest(
                uri: "/json", method: .post, headers: [.contentType: "application/json"],
                body: ByteBuffer(repeating: 0x20, count: 200_000))
            #expect(large.status == .contentTooLarge)
            // The connection goes on: what was not read of the body is not taken for a request.
            let again = try await client.executeRequest(uri: "/hello", method: .get, headers: [:], body: nil)
            #expect(again.status == .ok)
        }
    }

    @Test(arguments: [
        ("GET /hello HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", "200"),
        ("GET http://x/hello HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", "200"),
        ("GET /things/a%2Fb HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", "200"),
        ("GET /things/%2e%2e HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", "400"),
        ("GET //hello HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", "404"),
        ("GET /hello#x HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", "400"),
        ("OPTIONS * HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", "404"),
        ("DELETE /hello HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", "405"),
        (
            "GET /read HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer reader\r\nAuthorization: Bearer reader\r\n"
                + "Connection: close\r\n\r\n", "400"
        ),
        (
            "POST /json HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n"
                + "Connection: close\r\n\r\n2\r\n[1\r\n1\r\n]\r\n0\r\n\r\n", "200"
        ),
        (
            "POST /json HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n"
                + "Connection: close\r\n\r\n2\r\n[1\r\nzz\r\n]\r\n0\r\n\r\n", "400"
        ),
        (
            "POST /json HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 1\r\nContent-Length: 2\r\n"
                + "Connection: close\r\n\r\n11", "400"
        ),
    ])
    func bytes(request: String, status: String) async throws {
        try await application().test(.live) { client in
            let port = try #require(client.port)
            let answer = try await Self.exchange(Array(request.utf8), port)
            #expect(answer.hasPrefix("HTTP/1.1 \(status) "), "\(answer)")
            // One request, one answer.
            #expect(answer.components(of: "HTTP/1.1 ") == 1, "\(answer)")
        }
    }

    /// Whatever is sent is refused or answered, and the server goes on.
    @Test func noise() async throws {
        try await application().test(.live) { client in
            let port = try #require(client.port)
            var random = Seeded(state: 0x6C69_7665)
            let pieces = [
                "GET ", "POST ", "/hello", "/json", "/things/", " HTTP/1.1\r\n", "Host: x\r\n", "\r\n", "\r\n\r\n",
                "Content-Length: 3\r\n", "Transfer-Encoding: chunked\r\n", "Content-Type: application/json\r\n",
                "1\r\n",
                "{}", "%", "Authorization: Bearer reader\r\n", "traceparent: 00-\r\n", "X-Request-Id: a\r\n",
            ]
            for _ in 0..<150 {
                var bytes = Array("GET /things/".utf8)
                for _ in 0..<Int.random(in: 0..<14, using: &random) {
                    bytes += Array((pieces.randomElement(using: &random) ?? "").utf8)
                    if Int.random(in: 0..<3, using: &random) == 0 {
                        bytes.append(UInt8.random(in: 0...255, using: &random))
                    }
                }
                let answer = try await Self.exchange(bytes, port)
                #expect(!answer.contains("HTTP/1.1 5"), "\(bytes): \(answer)")
            }
            let hello = try await client.executeRequest(uri: "/hello", method: .get, headers: [:], body: nil)
            #expect(hello.status == .ok)
        }
    }

    /// Sends bytes, then nothing more, and reads until the server closes.
    private static func exchange(_ bytes: [UInt8], _ port: Int) async throws -> String {
        let channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .channelOption(.allowRemoteHalfClosure, value: true)
            .connect(host: "127.0.0.1", port: port) { channel in
                channel.eventLoop.makeCompletedFuture {
                    try NIOAsyncChannel<ByteBuffer, ByteBuffer>(
                        wrappingChannelSynchronously: channel,
                        configuration: .init(isOutboundHalfClosureEnabled: true))
                }
            }
        return try await channel.executeThenClose { inbound, outbound in
            var answer = ByteBuffer()
            do {
                try await outbound.write(ByteBuffer(bytes: bytes))
                outbound.finish()
                for try await var part in inbound { answer.writeBuffer(&part) }
            } catch is IOError {
                // It closed before everything was sent.
            } catch is ChannelError {
            }
            return String(buffer: answer)
        }
    }
}

extension String {
    /// How often a text stands in this one.
    fileprivate func components(of text: String) -> Int { ranges(of: text).count }
}
