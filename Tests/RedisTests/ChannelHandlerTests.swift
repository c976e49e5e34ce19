import NIOCore
import NIOEmbedded
import Testing

@testable import Redis

/// The handler on a channel without a network and with a clock of its own.
@Suite struct ChannelHandlerTests {
    private final class Outcomes {
        var results: [Result<RESPValue, RedisError>] = []
        var retired: RedisError?
        var isClosed = false
    }

    private func make(_ timeout: TimeAmount = .seconds(1)) throws -> (EmbeddedChannel, RedisChannelHandler, Outcomes) {
        let channel = EmbeddedChannel()
        try channel.connect(to: SocketAddress(ipAddress: "127.0.0.1", port: 6379)).wait()
        let handler = try RedisChannelHandler(timeout: timeout, limits: ReplyLimits())
        let outcomes = Outcomes()
        handler.onRetire = { outcomes.retired = $0 }
        handler.onClose = { outcomes.isClosed = true }
        try channel.pipeline.syncOperations.addHandler(handler)
        return (channel, handler, outcomes)
    }

    private func send(_ command: [RedisArgument], _ handler: RedisChannelHandler, _ outcomes: Outcomes) {
        handler.send(command, .callback { outcomes.results.append($0) })
    }

    @Test func commandsOfOneTurnLeaveTogether() throws {
        let (channel, handler, outcomes) = try make()
        send(["GET", "a"], handler, outcomes)
        send(["SET", "b", .bytes([0, 13, 10, 255])], handler, outcomes)
        #expect(try channel.readOutbound(as: ByteBuffer.self) == nil)
        channel.embeddedEventLoop.run()
        var expected = ByteBuffer(string: "*2\r\n$3\r\nGET\r\n$1\r\na\r\n*3\r\n$3\r\nSET\r\n$1\r\nb\r\n$4\r\n")
        expected.writeBytes([0, 13, 10, 255])
        expected.writeString("\r\n")
        #expect(try channel.readOutbound(as: ByteBuffer.self) == expected)
        #expect(try channel.readOutbound(as: ByteBuffer.self) == nil)
        try channel.writeInbound(ByteBuffer(string: "$1\r\nx\r\n+O"))
        try channel.writeInbound(ByteBuffer(string: "K\r\n"))
        #expect(outcomes.results == [.success(.bulk([0x78])), .success(.status("OK"))])
        _ = try channel.finish()
    }

    @Test func askingStandsRightBeforeItsCommand() throws {
        let (channel, handler, outcomes) = try make()
        handler.send(["GET", "a"], asking: true, .callback { outcomes.results.append($0) })
        channel.embeddedEventLoop.run()
        let sent = try channel.readOutbound(as: ByteBuffer.self)
        #expect(sent == ByteBuffer(string: "*1\r\n$6\r\nASKING\r\n*2\r\n$3\r\nGET\r\n$1\r\na\r\n"))
        try channel.writeInbound(ByteBuffer(string: "+OK\r\n$-1\r\n"))
        #expect(outcomes.results == [.success(.null)])
        _ = try channel.finish()
    }

    @Test func lateAnswersEndTheConnection() throws {
        let (channel, handler, outcomes) = try make(.seconds(1))
        send(["GET", "a"], handler, outcomes)
        channel.embeddedEventLoop.run()
        channel.embeddedEventLoop.advanceTime(by: .milliseconds(900))
        send(["GET", "b"], handler, outcomes)
        channel.embeddedEventLoop.run()
        #expect(outcomes.results.isEmpty)
        channel.embeddedEventLoop.advanceTime(by: .milliseconds(200))
        let unknown = Result<RESPValue, RedisError>.failure(.outcomeUnknown("no answer within 1000 ms"))
        #expect(outcomes.results == [unknown, unknown])
        #expect(outcomes.isClosed)
        #expect(!channel.isActive)
    }

    @Test func theDeadlineMovesWithTheOldestCommand() throws {
        let (channel, handler, outcomes) = try make(.seconds(1))
        for _ in 0..<20 {
            send(["PING"], handler, outcomes)
            channel.embeddedEventLoop.run()
            channel.embeddedEventLoop.advanceTime(by: .milliseconds(600))
            try channel.writeInbound(ByteBuffer(string: "+PONG\r\n"))
        }
        #expect(outcomes.results.count == 20)
        #expect(!outcomes.isClosed)
        _ = try channel.finish()
    }

    @Test func aCutDistinguishesSentFromUnsent() throws {
        let (channel, handler, outcomes) = try make()
        send(["INCR", "a"], handler, outcomes)
        channel.embeddedEventLoop.run()
        send(["INCR", "b"], handler, outcomes)
        channel.pipeline.fireChannelInactive()
        #expect(
            outcomes.results == [
                .failure(.outcomeUnknown("the connection was closed")),
                .failure(.unavailable("the connection was closed")),
            ])
        send(["INCR", "c"], handler, outcomes)
        #expect(outcomes.results.last == .failure(.unavailable("the connection is gone")))
    }

    @Test func garbageEndsTheConnection() throws {
        let (channel, handler, outcomes) = try make()
        send(["INCR", "a"], handler, outcomes)
        channel.embeddedEventLoop.run()
        try channel.writeInbound(ByteBuffer(string: "HTTP/1.1 400\r\n"))
        guard case .failure(.outcomeUnknown) = outcomes.results.first else {
            return #expect(Bool(false), "\(outcomes.results)")
        }
        guard case .protocolViolation = outcomes.retired else { return #expect(Bool(false), "not told why") }
        #expect(!channel.isActive)
    }

    @Test func anAnswerNobodyAskedForEndsTheConnection() throws {
        let (channel, _, outcomes) = try make()
        try channel.writeInbound(ByteBuffer(string: "+OK\r\n"))
        #expect(outcomes.retired == .protocolViolation("a reply that nobody asked for"))
        #expect(outcomes.isClosed)
    }

    @Test func aReplicaIsLeftWhenWhatIsUnderwayIsAnswered() throws {
        let (channel, handler, outcomes) = try make()
        handler.leavesReplica = true
        send(["SET", "a", "1"], handler, outcomes)
        send(["GET", "a"], handler, outcomes)
        channel.embeddedEventLoop.run()
        try channel.writeInbound(ByteBuffer(string: "-READONLY You can't write\r\n"))
        #expect(outcomes.retired == .unavailable("READONLY You can't write"))
        #expect(channel.isActive)
        try channel.writeInbound(ByteBuffer(string: "$1\r\n0\r\n"))
        #expect(outcomes.results.count == 2)
        #expect(outcomes.results.last == .success(.bulk([0x30])))
        #expect(outcomes.isClosed)
        #expect(!channel.isActive)
    }
}
