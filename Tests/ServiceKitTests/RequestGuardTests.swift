import HTTPTypes
import NIOCore
import NIOEmbedded
import NIOHTTP1
import NIOHTTPTypes
import Testing

@testable import ServiceKit

@Suite struct RequestGuardTests {
    private func make(
        _ carrier: RequestDeadlines.Carrier = .connection, _ adjust: (inout HTTPServerSettings) -> Void = { _ in }
    ) throws -> (EmbeddedChannel, RequestGuard, ServerState) {
        var settings = HTTPServerSettings(listen: .init(host: "127.0.0.1", port: 0))
        adjust(&settings)
        let state = ServerState(settings, metrics: MetricsRegistry())
        let requests = RequestGuard(carrier, state: state)
        let channel = EmbeddedChannel(handler: requests)
        try channel.connect(to: SocketAddress(ipAddress: "127.0.0.1", port: 1)).wait()
        return (channel, requests, state)
    }

    private func head(_ method: HTTPRequest.Method = .get, _ fields: HTTPFields = [:]) -> HTTPRequestPart {
        .head(HTTPRequest(method: method, scheme: "http", authority: "a", path: "/", headerFields: fields))
    }

    private func body(_ bytes: Int) -> HTTPRequestPart { .body(ByteBuffer(repeating: 0x61, count: bytes)) }

    /// Kinds of the parts that went through, in short.
    private func inbound(_ channel: EmbeddedChannel) throws -> String {
        var text = ""
        while let part = try channel.readInbound(as: HTTPRequestPart.self) {
            switch part {
            case .head: text += "h"
            case .body: text += "b"
            case .end: text += "e"
            }
        }
        return text
    }

    private func outbound(_ channel: EmbeddedChannel) throws -> [HTTPResponsePart] {
        var parts: [HTTPResponsePart] = []
        while let part = try channel.readOutbound(as: HTTPResponsePart.self) { parts.append(part) }
        return parts
    }

    private func heads(_ channel: EmbeddedChannel) throws -> [HTTPResponse] {
        try outbound(channel).compactMap { if case .head(let head) = $0 { head } else { nil } }
    }

    private func answer(_ channel: EmbeddedChannel, _ status: HTTPResponse.Status = .ok) throws {
        try channel.writeOutbound(HTTPResponsePart.head(HTTPResponse(status: status)))
        try channel.writeOutbound(HTTPResponsePart.end(nil))
    }

    @Test func smallRequestsAreKeptUntilTheyAreWhole() throws {
        let (channel, _, _) = try make()
        try channel.writeInbound(head(.post))
        try channel.writeInbound(body(100))
        #expect(try inbound(channel) == "")
        try channel.writeInbound(HTTPRequestPart.end(nil))
        #expect(try inbound(channel) == "hbe")
    }

    @Test func largeRequestsPassOnAsTheyCome() throws {
        let (channel, _, _) = try make()
        try channel.writeInbound(head(.post))
        try channel.writeInbound(body(10_000))
        #expect(try inbound(channel) == "")
        try channel.writeInbound(body(10_000))
        #expect(try inbound(channel) == "hbb")
        try channel.writeInbound(body(5))
        #expect(try inbound(channel) == "b")
    }

    @Test(arguments: [RequestDeadlines.Carrier.connection, .stream])
    func aStalledBodyIsAnsweredAndCounted(_ carrier: RequestDeadlines.Carrier) throws {
        let (channel, _, _) = try make(carrier) { $0.bodyProgressTimeout = .seconds(3) }
        try channel.writeInbound(head(.post))
        try channel.writeInbound(body(1))
        channel.read()
        channel.embeddedEventLoop.advanceTime(by: .seconds(2))
        #expect(try outbound(channel).isEmpty)
        channel.embeddedEventLoop.advanceTime(by: .seconds(2))
        let answers = try heads(channel)
        #expect(answers.map(\.status) == [.requestTimeout])
        #expect(answers.first?.headerFields[.connection] == (carrier == .connection ? "close" : nil))
        #expect(try inbound(channel) == "")
    }

    @Test func aSlowHeadIsAnsweredOnceItHasBegun() throws {
        let (channel, requests, _) = try make { $0.headerTimeout = .seconds(3) }
        requests.bytesArrived(channel.embeddedEventLoop)
        channel.embeddedEventLoop.advanceTime(by: .seconds(4))
        #expect(try heads(channel).map(\.status) == [.requestTimeout])
    }

    @Test func aConnectionThatSaysNothingIsClosedWithoutAWord() throws {
        let (channel, _, _) = try make { $0.headerTimeout = .seconds(3) }
        channel.embeddedEventLoop.advanceTime(by: .seconds(4))
        #expect(!channel.isActive)
        #expect(try outbound(channel).isEmpty)
    }

    @Test func anIdleConnectionIsClosed() throws {
        let (channel, _, _) = try make { $0.idleTimeout = .seconds(20) }
        try channel.writeInbound(head())
        try channel.writeInbound(HTTPRequestPart.end(nil))
        channel.embeddedEventLoop.advanceTime(by: .seconds(100))
        #expect(channel.isActive)
        try answer(channel)
        channel.embeddedEventLoop.advanceTime(by: .seconds(19))
        #expect(channel.isActive)
        channel.embeddedEventLoop.advanceTime(by: .seconds(2))
        #expect(!channel.isActive)
    }

    @Test func anUnreadAnswerClosesTheConnection() throws {
        let (channel, _, _) = try make { $0.writeTimeout = .seconds(7) }
        try channel.writeInbound(head())
        try channel.writeInbound(HTTPRequestPart.end(nil))
        channel.isWritable = false
        channel.pipeline.fireChannelWritabilityChanged()
        channel.embeddedEventLoop.advanceTime(by: .seconds(6))
        channel.isWritable = true
        channel.pipeline.fireChannelWritabilityChanged()
        channel.embeddedEventLoop.advanceTime(by: .seconds(30))
        #expect(channel.isActive)
        channel.isWritable = false
        channel.pipeline.fireChannelWritabilityChanged()
        channel.embeddedEventLoop.advanceTime(by: .seconds(8))
        #expect(!channel.isActive)
    }

    @Test func tooManyOrTooLargeHeadersAreRefused() throws {
        let (channel, _, _) = try make { $0.maximumHeaderCount = 3 }
        try channel.writeInbound(head(.get, [.accept: "a", .acceptLanguage: "b", .acceptEncoding: "c", .cookie: "d"]))
        #expect(try heads(channel).map(\.status) == [.requestHeaderFieldsTooLarge])
        #expect(try inbound(channel) == "")

        let (other, _, _) = try make()
        other.pipeline.fireErrorCaught(HTTPParserError.headerOverflow)
        #expect(try heads(other).map(\.status) == [.requestHeaderFieldsTooLarge])
    }

    @Test func bodiesBeyondTheCapAreRefused() throws {
        let (announced, _, _) = try make { $0.maximumBodyBytes = 1_000 }
        try announced.writeInbound(head(.post, [.contentLength: "1001"]))
        #expect(try heads(announced).map(\.status) == [.contentTooLarge])

        let (chunked, _, _) = try make { $0.maximumBodyBytes = 1_000 }
        try chunked.writeInbound(head(.post))
        try chunked.writeInbound(body(600))
        try chunked.writeInbound(body(600))
        #expect(try heads(chunked).map(\.status) == [.contentTooLarge])
        #expect(try inbound(chunked) == "")

        let (passedOn, _, _) = try make { $0.maximumBodyBytes = 30_000 }
        try passedOn.writeInbound(head(.post))
        try passedOn.writeInbound(body(20_000))
        #expect(throws: RequestGuard.BodyTooLarge.self) { try passedOn.writeInbound(body(20_000)) }
        #expect(try inbound(passedOn) == "hbb")
    }

    @Test func malformedRequestsAreAnsweredAfterThoseBefore() throws {
        let (channel, _, _) = try make()
        try channel.writeInbound(head())
        try channel.writeInbound(HTTPRequestPart.end(nil))
        channel.pipeline.fireErrorCaught(HTTPParserError.invalidMethod)
        #expect(try outbound(channel).isEmpty)
        try answer(channel)
        let answers = try heads(channel)
        #expect(answers.map(\.status) == [.ok, .badRequest])
        #expect(answers.map { $0.headerFields[.connection] } == [nil, "close"])
    }

    @Test func theClientsWishToCloseIsGranted() throws {
        let (channel, _, _) = try make()
        try channel.writeInbound(head(.get, [.connection: "Keep-Alive, Close"]))
        try channel.writeInbound(HTTPRequestPart.end(nil))
        try channel.writeInbound(head())
        #expect(try inbound(channel) == "he")
        try answer(channel)
        #expect(try heads(channel).map { $0.headerFields[.connection] } == ["close"])
        #expect(!channel.isActive)
    }

    @Test func whileDrainingTheLastAnswerOfAConnectionSaysSo() throws {
        let (channel, _, state) = try make()
        for _ in 0..<2 {
            try channel.writeInbound(head())
            try channel.writeInbound(HTTPRequestPart.end(nil))
        }
        state.startDraining()
        try answer(channel)
        #expect(channel.isActive)
        try answer(channel)
        #expect(try heads(channel).map { $0.headerFields[.connection] } == [nil, "close"])
        #expect(!channel.isActive)
    }

    @Test func whenTheServerStopsIdleConnectionsCloseAndBusyOnesFinish() throws {
        let (idle, _, _) = try make()
        idle.pipeline.fireUserInboundEventTriggered(ChannelShouldQuiesceEvent())
        idle.embeddedEventLoop.advanceTime(by: .milliseconds(499))
        #expect(idle.isActive)
        idle.embeddedEventLoop.advanceTime(by: .milliseconds(2))
        #expect(!idle.isActive)

        let (busy, _, _) = try make()
        try busy.writeInbound(head())
        try busy.writeInbound(HTTPRequestPart.end(nil))
        busy.pipeline.fireUserInboundEventTriggered(ChannelShouldQuiesceEvent())
        busy.embeddedEventLoop.advanceTime(by: .seconds(100))
        #expect(busy.isActive)
        try answer(busy)
        #expect(try heads(busy).map { $0.headerFields[.connection] } == ["close"])
        #expect(!busy.isActive)
    }

    @Test func aClientThatAsksFirstIsToldToContinue() throws {
        let (channel, _, _) = try make()
        try channel.writeInbound(head(.post, [.contentLength: "5", .expect: "100-continue"]))
        #expect(try heads(channel).map(\.status) == [.continue])
        let (large, _, _) = try make { $0.maximumBodyBytes = 4 }
        try large.writeInbound(head(.post, [.contentLength: "5", .expect: "100-continue"]))
        #expect(try heads(large).map(\.status) == [.contentTooLarge])
    }

    @Test func largeAnswersGoOutInPieces() throws {
        let (channel, _, _) = try make()
        try channel.writeInbound(head())
        try channel.writeInbound(HTTPRequestPart.end(nil))
        try channel.writeOutbound(HTTPResponsePart.body(ByteBuffer(repeating: 1, count: 200_000)))
        let sizes = try outbound(channel).map { part -> Int in
            if case .body(let buffer) = part { buffer.readableBytes } else { 0 }
        }
        #expect(sizes.reduce(0, +) == 200_000)
        #expect(sizes.allSatisfy { $0 <= 65_536 })
    }
}
