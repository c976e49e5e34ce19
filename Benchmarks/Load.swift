import Foundation
import NIOCore
import NIOPosix
import Synchronization

/// A keep-alive connection that sends one request after the other and times the answers. Written for this purpose: a
/// load generator on the same two cores has to be light.
final class LoadConnection: Sendable {
    private let channel: NIOAsyncChannel<ByteBuffer, ByteBuffer>

    private init(_ channel: NIOAsyncChannel<ByteBuffer, ByteBuffer>) { self.channel = channel }

    static func with<T: Sendable>(
        port: Int, _ body: @Sendable (inout Exchange) async throws -> T
    ) async throws -> T {
        let channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .channelOption(.socketOption(.tcp_nodelay), value: 1)
            .connect(host: "127.0.0.1", port: port) { channel in
                channel.eventLoop.makeCompletedFuture {
                    try NIOAsyncChannel<ByteBuffer, ByteBuffer>(wrappingChannelSynchronously: channel)
                }
            }
        return try await channel.executeThenClose { inbound, outbound in
            var exchange = Exchange(inbound: inbound.makeAsyncIterator(), outbound: outbound)
            return try await body(&exchange)
        }
    }

    /// Requests and answers on one connection.
    struct Exchange {
        var inbound: NIOAsyncChannelInboundStream<ByteBuffer>.AsyncIterator
        let outbound: NIOAsyncChannelOutboundWriter<ByteBuffer>

        struct Answer {
            let status: Int
            let body: [UInt8]
            /// Seconds.
            let duration: Double
        }

        struct Closed: Error {}

        /// Sends the bytes of a request and reads one answer with a `Content-Length`.
        mutating func send(_ request: ByteBuffer) async throws -> Answer {
            let start = ContinuousClock.now
            try await outbound.write(request)
            var buffer = ByteBuffer()
            while true {
                guard var part = try await inbound.next() else { throw Closed() }
                buffer.writeBuffer(&part)
                guard let answer = Exchange.parse(buffer) else { continue }
                let (seconds, attoseconds) = (ContinuousClock.now - start).components
                return Answer(
                    status: answer.status, body: answer.body, duration: Double(seconds) + Double(attoseconds) * 1e-18)
            }
        }

        private static func parse(_ buffer: ByteBuffer) -> (status: Int, body: [UInt8])? {
            let bytes = buffer.readableBytesView
            guard bytes.count > 12, let end = bytes.firstRange(of: Array("\r\n\r\n".utf8)) else { return nil }
            let head = String(decoding: bytes[bytes.startIndex..<end.lowerBound], as: UTF8.self)
            let length =
                head.split(separator: "\r\n").first { $0.lowercased().hasPrefix("content-length:") }
                .flatMap { Int($0.split(separator: ":")[1].drop { $0 == " " }) } ?? 0
            guard bytes.endIndex - end.upperBound >= length else { return nil }
            let status = Int(head.dropFirst(9).prefix(3)) ?? 0
            return (status, Array(bytes[end.upperBound..<(end.upperBound + length)]))
        }
    }
}

enum Load {
    static func request(
        _ method: String, _ path: String, headers: [(String, String)] = [], body: String = ""
    ) -> ByteBuffer {
        var text = "\(method) \(path) HTTP/1.1\r\nHost: bench\r\nContent-Length: \(body.utf8.count)\r\n"
        for (name, value) in headers { text += "\(name): \(value)\r\n" }
        return ByteBuffer(string: text + "\r\n" + body)
    }

    struct Outcome: Sendable {
        var count = 0
        var failures = 0
        /// Seconds.
        var durations: [Double] = []
    }

    /// The same request over `connections` for a while; at most `rate` a second in all, when given.
    static func run(
        port: Int, _ request: ByteBuffer, connections: Int, seconds: Double, rate: Double? = nil
    ) async throws -> Outcome {
        let end = ContinuousClock.now + .seconds(seconds)
        return try await withThrowingTaskGroup(of: Outcome.self) { group in
            for index in 0..<connections {
                group.addTask {
                    try await LoadConnection.with(port: port) { exchange in
                        var outcome = Outcome()
                        let gap = rate.map { Duration.seconds(Double(connections) / $0) }
                        var due = ContinuousClock.now + (gap ?? .zero) * index / connections
                        while ContinuousClock.now < end {
                            if let gap {
                                try await Task.sleep(until: due, clock: .continuous)
                                due += gap
                            }
                            let answer = try await exchange.send(request)
                            outcome.count += 1
                            if answer.status != 200 { outcome.failures += 1 }
                            outcome.durations.append(answer.duration)
                        }
                        return outcome
                    }
                }
            }
            return try await group.reduce(into: Outcome()) { total, one in
                total.count += one.count
                total.failures += one.failures
                total.durations += one.durations
            }
        }
    }
}
