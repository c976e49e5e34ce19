import Foundation
import Hummingbird
import Logging
import NIOCore
import NIOPosix
import NIOSSL
import ServiceLifecycle
import Synchronization
import TestSupport

@testable import ServiceKit

typealias Answer = @Sendable (Request, BasicRequestContext) async throws -> Response

/// A server on a free port for the length of a test.
final class RunningServer: Sendable {
    let port: Int
    let metrics: MetricsRegistry
    let health: HealthChecks
    private let group: ServiceGroup
    private let running: Task<Void, any Error>

    convenience init(
        _ adjust: (inout HTTPServerSettings) -> Void = { _ in }, answer: @escaping Answer = RunningServer.hello
    ) async throws { try await self.init(adjust, responder: CallbackResponder(callback: answer)) }

    init<Responder: HTTPResponder>(
        _ adjust: (inout HTTPServerSettings) -> Void = { _ in }, responder: Responder
    ) async throws where Responder.Context: InitializableFromSource<ApplicationRequestContextSource> {
        var settings = HTTPServerSettings(listen: HTTPServerSettings.Address(host: "127.0.0.1", port: 0))
        settings.drainTimeout = .seconds(5)
        adjust(&settings)
        let (metrics, health) = (MetricsRegistry(), HealthChecks())
        self.metrics = metrics
        self.health = health
        let (ports, found) = AsyncStream.makeStream(of: Int.self)
        let server = try HTTPServer(
            settings, responder: responder, health: health, metrics: metrics,
            logger: quietLogger
        ) { port in
            found.yield(port)
            found.finish()
        }
        let group = ServiceGroup(services: [server], logger: quietLogger)
        self.group = group
        running = Task {
            defer { found.finish() }
            try await group.run()
        }
        var first: Int?
        for await port in ports { first = port }
        if let first {
            port = first
        } else {
            try await running.value
            throw DidNotListen()
        }
    }

    static let hello: Answer = { request, _ in
        Response(status: .ok, body: ResponseBody(byteBuffer: ByteBuffer(string: "hello \(request.uri.path)")))
    }

    func beginStop() async { await group.triggerGracefulShutdown() }
    func stopped() async throws { try await running.value }
    func stop() async throws {
        await beginStop()
        try await stopped()
    }

    /// The value of a line of the metrics.
    func metric(_ line: String) -> Double {
        for text in metrics.exposition().split(separator: "\n") where text.hasPrefix(line + " ") {
            return Double(text.dropFirst(line.count + 1)) ?? -1
        }
        return 0
    }

    func connect(reads: Bool = true, tls: NIOSSLContext? = nil) async throws -> RawConnection {
        try await RawConnection(port: port, reads: reads, tls: tls)
    }

    /// Sends bytes over a connection of their own and returns all that comes back until the server closes.
    func exchange(_ text: String) async throws -> String {
        let connection = try await connect()
        try await connection.send(text)
        try await connection.closed()
        return connection.received
    }
}

struct DidNotListen: Error {}

let quietLogger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

@discardableResult
func withServer<Result>(
    _ adjust: (inout HTTPServerSettings) -> Void = { _ in }, answer: @escaping Answer = RunningServer.hello,
    _ body: (RunningServer) async throws -> Result
) async throws -> Result {
    try await using(try await RunningServer(adjust, answer: answer), body)
}

/// Stops the server when the body ends, however it does.
func using<Result>(_ server: RunningServer, _ body: (RunningServer) async throws -> Result) async throws -> Result {
    do {
        let result = try await body(server)
        try await server.stop()
        return result
    } catch {
        try? await server.stop()
        throw error
    }
}

/// A client that sends bytes as it likes.
final class RawConnection: Sendable {
    private final class Collector: ChannelInboundHandler, Sendable {
        typealias InboundIn = ByteBuffer
        struct State {
            var bytes: [UInt8] = []
            var isClosed = false
        }
        let state = Mutex(State())

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            let buffer = unwrapInboundIn(data)
            state.withLock { $0.bytes += buffer.readableBytesView }
        }

        func channelInactive(context: ChannelHandlerContext) { state.withLock { $0.isClosed = true } }
        func errorCaught(context: ChannelHandlerContext, error: any Error) {
            state.withLock { $0.isClosed = true }
            context.close(promise: nil)
        }
    }

    private let collector = Collector()
    private let channel: any Channel

    init(port: Int, reads: Bool = true, tls: NIOSSLContext? = nil) async throws {
        let collector = collector
        channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .channelOption(.autoRead, value: reads)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    if let tls {
                        let handler = try NIOSSLClientHandler(context: tls, serverHostname: "localhost")
                        try channel.pipeline.syncOperations.addHandler(handler)
                    }
                    try channel.pipeline.syncOperations.addHandler(collector)
                }
            }
            .connect(host: "127.0.0.1", port: port).get()
    }

    deinit { channel.close(promise: nil) }

    func send(_ text: String) async throws { try await channel.writeAndFlush(ByteBuffer(string: text)).get() }
    /// Without waiting until it has left, or whether it does.
    func offer(_ text: String) { channel.writeAndFlush(ByteBuffer(string: text), promise: nil) }
    func close() async { try? await channel.close().get() }
    func readOnce() { channel.read() }
    /// Reads until so many bytes have come in all, then no more.
    func read(until bytes: Int) async throws {
        try await eventually("\(bytes) bytes, of which there are \(receivedBytes)", poll: .milliseconds(1)) {
            if receivedBytes < bytes { readOnce() }
            return receivedBytes >= bytes
        }
    }

    var received: String { collector.state.withLock { String(decoding: $0.bytes, as: UTF8.self) } }
    var receivedBytes: Int { collector.state.withLock { $0.bytes.count } }
    var isClosed: Bool { collector.state.withLock { $0.isClosed } }

    func closed(within limit: Duration = .seconds(20)) async throws {
        try await eventually("the server's closing of the connection", within: limit) { isClosed }
    }

    func receives(_ text: String) async throws {
        try await eventually("\(text) in the answer, which is \(received.suffix(300))", within: .seconds(20)) {
            received.contains(text)
        }
    }
}

extension String {
    /// How often a text occurs.
    func count(of text: String) -> Int { components(separatedBy: text).count - 1 }
}

/// Opened by a test when those who wait may go on.
final class Latch: Sendable {
    private let state = Mutex<(isOpen: Bool, waiting: Int)>((false, 0))

    var waiting: Int { state.withLock { $0.waiting } }
    func open() { state.withLock { $0.isOpen = true } }

    func pass() async {
        state.withLock { $0.waiting += 1 }
        while !state.withLock({ $0.isOpen }) {
            guard (try? await Task.sleep(for: .milliseconds(2))) != nil else { break }
        }
        state.withLock { $0.waiting -= 1 }
    }
}

enum ProcessSignals {
    /// SIGTERM, which ends a process that does not listen for it: sent only when somebody does.
    static func terminateSelf() {
        var action = sigaction()
        sigaction(SIGTERM, nil, &action)
        // swift-service-lifecycle ignores the signal's default action while it listens.
        guard action.__sigaction_handler.sa_handler != nil else { return }
        kill(getpid(), SIGTERM)
    }
}
