import Logging
import NIOCore
import NIOPosix
import Synchronization
import TestSupport

@testable import Redis

/// Runs a body with a client that is shut down afterwards, however the body ends.
func withClient<Value: Sendable>(
    _ configuration: RedisConfiguration, _ body: @Sendable (RedisClient) async throws -> Value
) async throws -> Value {
    let client = RedisClient(
        configuration, eventLoopGroup: MultiThreadedEventLoopGroup.singleton,
        logger: Logger(label: "redis") { _ in SwiftLogNoOpLogHandler() })
    do {
        let value = try await body(client)
        await client.shutdown()
        return value
    } catch {
        await client.shutdown()
        throw error
    }
}

func withClient<Value: Sendable>(
    _ server: RedisServer, _ body: @Sendable (RedisClient) async throws -> Value
) async throws -> Value {
    try await withClient(try configuration(server), body)
}

/// As services have it, but for a wait that a loaded machine needs.
func configuration(_ server: RedisServer) throws -> RedisConfiguration {
    var configuration = try RedisConfiguration(url: server.url)
    configuration.caFile = server.caFile
    configuration.timeout = .seconds(5)
    configuration.waitForConnection = .seconds(5)
    return configuration
}

/// Returns when everything has been done that was handed to the event loops before.
func turnEventLoops() async throws {
    for eventLoop in MultiThreadedEventLoopGroup.singleton.makeIterator() {
        // The second turn is for what the first one has put off, such as flushing.
        for _ in 0..<2 { try await eventLoop.submit {}.get() }
    }
}

/// The error that a body throws; nil when it throws none, or another kind.
func redisError(_ body: () async throws -> Void) async -> RedisError? {
    do {
        try await body()
        return nil
    } catch {
        return error as? RedisError
    }
}

/// A value that several tasks of a test share.
final class Locked<Value: Sendable>: Sendable {
    private let mutex: Mutex<Value>

    init(_ value: Value) { mutex = Mutex(value) }

    var value: Value { mutex.withLock { $0 } }
    func set(_ value: Value) { mutex.withLock { $0 = value } }

    @discardableResult
    func withLock<Result: Sendable>(_ body: (inout Value) -> Result) -> Result { mutex.withLock { body(&$0) } }
}

extension Locked where Value == Int {
    func add(_ number: Int) { withLock { $0 += number } }
}

/// A server that answers as told, to see what the client does with a bad one.
final class ScriptedServer: Sendable {
    /// What has been received in all, over all connections.
    let received = Mutex<[UInt8]>([])
    let connections = Atomic<Int>(0)
    let port: Int
    private let channel: any Channel

    enum Answer: Sendable {
        case bytes(String)
        /// The bytes, and the end of the connection.
        case last(String)
        case nothing
    }

    /// - Parameter answer: to what was received on a connection at once.
    init(_ answer: @escaping @Sendable (String) -> Answer) async throws {
        let inbox = Inbox()
        channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    inbox.server.withLock { _ = $0?.connections.wrappingAdd(1, ordering: .relaxed) }
                    try channel.pipeline.syncOperations.addHandler(
                        Responder(answer) { bytes in
                            inbox.server.withLock { $0?.received.withLock { $0 += bytes } }
                        })
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        port = channel.localAddress?.port ?? 0
        inbox.server.withLock { $0 = self }
    }

    func stop() async { try? await channel.close() }

    func occurrences(of word: String) -> Int {
        String(decoding: received.withLock { $0 }, as: UTF8.self).split(separator: "\r\n").count { $0 == word }
    }

    private final class Inbox: Sendable {
        let server = Mutex<ScriptedServer?>(nil)
    }

    private final class Responder: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer
        typealias OutboundOut = ByteBuffer
        let answer: @Sendable (String) -> Answer
        let take: ([UInt8]) -> Void

        init(_ answer: @escaping @Sendable (String) -> Answer, _ take: @escaping ([UInt8]) -> Void) {
            self.answer = answer
            self.take = take
        }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            let buffer = unwrapInboundIn(data)
            take(Array(buffer.readableBytesView))
            switch answer(String(buffer: buffer)) {
            case .bytes(let text): context.writeAndFlush(wrapOutboundOut(ByteBuffer(string: text)), promise: nil)
            case .last(let text):
                let channel = context.channel
                channel.writeAndFlush(ByteBuffer(string: text)).whenComplete { _ in channel.close(promise: nil) }
            case .nothing: break
            }
        }
    }
}

/// The answers to a client's greeting: CLIENT SETNAME, INFO server, PING.
let greeting = "+OK\r\n$12\r\nrun_id:abc\r\n\r\n+PONG\r\n"
