import HTTPTypes
import Hummingbird
import NIOCore
import NIOPosix
import Synchronization
import TestSupport
import Testing

@testable import ServiceKit

/// A hot route that echoes its body, and says by which path: `hot` or `ordinary`.
private final class Echo: HTTPResponder, HotResponder {
    typealias Context = BasicRequestContext

    let hotRoutes: HotRoutes
    let latch = Latch()
    private let waiting = Mutex<[@Sendable () -> Void]>([])

    init() {
        var routes = HotRoutes()
        routes.append(method: "POST", path: "/hot", bodyLimit: 1 << 20)
        hotRoutes = routes
    }

    /// Requests that wait for `goOn`.
    var held: Int { waiting.withLock { $0.count } }

    func goOn() {
        for body in waiting.withLock({ waiting in
            defer { waiting = [] }
            return waiting
        }) { body() }
    }

    func respond(to request: HotRequest, route: Int, _ reply: HotReply) {
        let text = String(buffer: request.body)
        let eventLoop = request.channel.eventLoop
        // Handed over to be used on the event loop alone.
        let bound = NIOLoopBound(reply, eventLoop: eventLoop)
        switch text {
        case "pass": reply.passOn()
        case "forgotten": break
        case "pass later": eventLoop.execute { bound.value.passOn() }
        case "later": eventLoop.execute { Echo.answer(bound.value, text) }
        case "wait":
            waiting.withLock { $0.append { eventLoop.execute { Echo.answer(bound.value, text) } } }
        case "large": Echo.answer(reply, String(repeating: "x", count: 300_000))
        default: Echo.answer(reply, text)
        }
    }

    static func answer(_ reply: HotReply, _ text: String) {
        let body = Array("[hot \(text)]".utf8)
        reply.answer(
            HotAnswer(
                head: ByteBuffer(string: "HTTP/1.1 200 OK\r\nContent-Length: \(body.count)\r\n"), body: body))
    }

    func respond(to request: Request, context: BasicRequestContext) async throws -> Response {
        let text = String(buffer: try await request.body.collect(upTo: 1 << 20))
        if text == "slow" { await latch.pass() }
        return Response(
            status: .ok, body: ResponseBody(byteBuffer: ByteBuffer(string: "[ordinary \(request.uri.path) \(text)]")))
    }
}

@Suite struct LeanPathTests {
    private func withEcho(
        _ adjust: (inout HTTPServerSettings) -> Void = { _ in },
        _ body: (RunningServer, Echo) async throws -> Void
    ) async throws {
        let echo = Echo()
        try await using(try await RunningServer(adjust, responder: echo)) { try await body($0, echo) }
    }

    private func post(_ body: String, _ path: String = "/hot", _ fields: String = "") -> String {
        "POST \(path) HTTP/1.1\r\nHost: x\r\n\(fields)Content-Length: \(body.utf8.count)\r\n\r\n\(body)"
    }

    /// The bodies of the answers, in their order.
    private func bodies(_ text: String) -> [String] {
        text.split(separator: "[").dropFirst().map { String($0.prefix { $0 != "]" }) }
    }

    @Test(arguments: ["now", "later"])
    func aHotRequestIsAnsweredAtOnceOrLater(_ body: String) async throws {
        try await withEcho { server, _ in
            let connection = try await server.connect()
            for count in 1...3 {
                try await connection.send(post(body))
                try await eventually("answer \(count)") { bodies(connection.received).count == count }
            }
            #expect(bodies(connection.received) == Array(repeating: "hot \(body)", count: 3))
            #expect(connection.received.count(of: "\r\nDate: ") == 3)
            #expect(!connection.received.contains("Connection:"))
            #expect(server.metric("http_requests_in_flight") == 0)
        }
    }

    @Test(arguments: ["pass", "pass later", "forgotten"])
    func whatIsPassedOnOrForgottenIsAnsweredTheOrdinaryWay(_ body: String) async throws {
        try await withEcho { server, _ in
            let connection = try await server.connect()
            try await connection.send(post("a") + post(body) + post("b") + post("c", "/other"))
            try await connection.receives("[ordinary /other c]")
            try await connection.send(post("d"))
            try await connection.receives("[hot d]")
            let found = bodies(connection.received)
            #expect(found.first == "hot a")
            #expect(found.dropFirst().first == "ordinary /hot \(body)")
            #expect(found.count == 5)
            #expect(server.metric("http_requests_in_flight") == 0)
        }
    }

    @Test func pipelinedRequestsOfBothKindsAreAnsweredInTheirOrder() async throws {
        try await withEcho { server, echo in
            let connection = try await server.connect()
            // A hot one behind a slow ordinary one; ordinary ones behind a slow hot one.
            try await connection.send(post("1") + post("slow", "/other") + post("2") + post("3", "/other"))
            try await eventually("the slow one") { echo.latch.waiting == 1 }
            #expect(bodies(connection.received) == ["hot 1"])
            echo.latch.open()
            try await connection.receives("[ordinary /other 3]")
            try await connection.send(post("wait") + post("4", "/other") + post("5"))
            try await eventually("the waiting one") { echo.held == 1 }
            try await connection.send(post("6", "/other"))
            #expect(!connection.received.contains("wait]"))
            echo.goOn()
            try await connection.receives("[ordinary /other 6]")
            let found = bodies(connection.received).map { $0.split(separator: " ").last.map(String.init) ?? "" }
            #expect(found == ["1", "slow", "2", "3", "wait", "4", "5", "6"])
        }
    }

    @Test func manyPipelinedRequestsInOddPiecesAreAnsweredInTheirOrder() async throws {
        try await withEcho { server, _ in
            let connection = try await server.connect()
            var generator = SystemRandomNumberGenerator()
            let numbers = Array(0..<400)
            let text = numbers.map { post("\($0)", $0 % 7 == 3 ? "/other" : "/hot") }.joined()
            var rest = Array(text.utf8)[...]
            while !rest.isEmpty {
                let piece = rest.prefix(Int.random(in: 1...700, using: &generator))
                try await connection.send(String(decoding: piece, as: UTF8.self))
                rest = rest.dropFirst(piece.count)
            }
            try await eventually("all answers") { bodies(connection.received).count == numbers.count }
            let found = bodies(connection.received).compactMap { $0.split(separator: " ").last.flatMap { Int($0) } }
            #expect(found == numbers)
        }
    }

    @Test func aBodyInPiecesIsWaitedForAndOneThatStallsIsRefused() async throws {
        try await withEcho {
            $0.bodyProgressTimeout = .milliseconds(400)
        } _: { server, _ in
            let connection = try await server.connect()
            let request = post("abcdef")
            try await connection.send(String(request.dropLast(6)))
            for letter in "abcde" {
                try await Task.sleep(for: .milliseconds(150))
                try await connection.send(String(letter))
            }
            try await connection.send("f")
            try await connection.receives("[hot abcdef]")
            try await connection.send(String(request.dropLast(3)))
            try await connection.closed()
            #expect(connection.received.contains("HTTP/1.1 408"))
            #expect(server.metric(#"http_timeouts_total{deadline="bodyProgress"}"#) == 1)
        }
    }

    @Test func aLargeBodyGoesTheOrdinaryWay() async throws {
        try await withEcho {
            $0.maximumBodyBytes = 100_000
        } _: { server, _ in
            let connection = try await server.connect()
            let body = String(repeating: "y", count: ServerState.heldBytes + 1)
            try await connection.send(post(body))
            try await connection.receives("[ordinary /hot yyy")
            let refused = try await server.exchange(
                "POST /hot HTTP/1.1\r\nHost: x\r\nContent-Length: 100001\r\n\r\n")
            #expect(refused.hasPrefix("HTTP/1.1 413"))
        }
    }

    @Test(arguments: [
        "POST /hot HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
        "POST /hot HTTP/1.1\r\nHost: x\r\nBad Name: 1\r\n\r\n", "POST /hot HTTP/1.1\r\nHost: x\r\nX: \u{1}\r\n\r\n",
    ])
    func aMalformedRequestIsRefusedAfterTheAnswersBeforeIt(_ request: String) async throws {
        try await withEcho { server, _ in
            let answer = try await server.exchange(post("wait", "/other") + post("later") + request)
            #expect(bodies(answer).first == "ordinary /other wait")
            #expect(answer.contains("HTTP/1.1 400"))
            let direct = try await server.exchange(post("now") + request)
            #expect(direct.contains("[hot now]"))
            #expect(direct.contains("HTTP/1.1 400"))
        }
    }

    @Test func chunkedBodiesExpectationsAndClosingGoTheOrdinaryWay() async throws {
        try await withEcho { server, _ in
            let connection = try await server.connect()
            try await connection.send(
                "POST /hot HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n")
            try await connection.receives("[ordinary /hot ab]")
            try await connection.send(
                "POST /hot HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\n")
            try await connection.receives("HTTP/1.1 100")
            try await connection.send("c" + post("d"))
            try await connection.receives("d]")
            #expect(connection.received.contains("[ordinary /hot c]"))
            let last = try await server.exchange(post("e", "/hot", "Connection: close\r\n"))
            #expect(last.contains("[ordinary /hot e]"))
        }
    }

    @Test(arguments: ["now", "wait", "large"])
    func aClientThatClosesItsSideGetsItsAnswers(_ body: String) async throws {
        try await withEcho { server, echo in
            let channel = try await HalfClosing(port: server.port)
            try await channel.sendAndClose(post("first") + post(body) + (body == "now" ? post("last", "/other") : ""))
            if body == "wait" {
                try await eventually("the waiting one") { echo.held == 1 }
                echo.goOn()
            }
            let text = try await channel.all()
            #expect(bodies(text).first == "hot first")
            #expect(bodies(text).count == (body == "now" ? 3 : 2))
            #expect(text.hasSuffix("]"))
            #expect(server.metric("http_requests_in_flight") == 0)
        }
    }

    @Test func aConnectionThatIsCutOffLeavesNothingBehind() async throws {
        let echo = Echo()
        let server = try await RunningServer({ $0.drainTimeout = .milliseconds(300) }, responder: echo)
        let connection = try await server.connect()
        try await connection.send(post("wait") + post("more"))
        try await eventually("the waiting one") { echo.held == 1 }
        #expect(server.metric("http_requests_in_flight") == 1)
        try await server.stop()
        try await connection.closed()
        echo.goOn()
        try await eventually("the place to be free") { server.metric("http_requests_in_flight") == 0 }
        #expect(connection.received == "")
    }

    @Test func aFullServerRefusesHotRequestsAsOthers() async throws {
        try await withEcho {
            $0.maximumInFlight = 1
        } _: { server, echo in
            let (first, second) = (try await server.connect(), try await server.connect())
            try await first.send(post("wait"))
            try await eventually("the waiting one") { echo.held == 1 }
            try await second.send(post("now"))
            try await second.receives("urn:jts:problem:overloaded")
            #expect(second.received.contains("HTTP/1.1 503"))
            echo.goOn()
            try await first.receives("[hot wait]")
            try await second.send(post("again"))
            try await second.receives("[hot again]")
        }
    }

    @Test func aStoppingServerAnswersWhatItHasTakenAndSaysSo() async throws {
        let echo = Echo()
        let server = try await RunningServer({ $0.drainDelay = .milliseconds(300) }, responder: echo)
        let (busy, idle) = (try await server.connect(), try await server.connect())
        try await idle.send(post("before"))
        try await idle.receives("[hot before]")
        try await busy.send(post("wait"))
        try await eventually("the waiting one") { echo.held == 1 }
        await server.beginStop()
        try await eventually("draining") { server.health.isDraining }
        try await idle.send(post("during"))
        try await idle.closed()
        #expect(idle.received.contains("during]"))
        #expect(idle.received.count(of: "\r\nConnection: close\r\n") == 1)
        try await Task.sleep(for: .milliseconds(500))
        #expect(!busy.isClosed)
        echo.goOn()
        try await busy.closed()
        #expect(busy.received.contains("\r\nConnection: close\r\n"))
        #expect(busy.received.hasSuffix("[hot wait]"))
        try await server.stopped()
    }
}

/// A client that closes its side after its last request.
private final class HalfClosing: Sendable {
    private let channel: NIOAsyncChannel<ByteBuffer, ByteBuffer>

    init(port: Int) async throws {
        channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .channelOption(.allowRemoteHalfClosure, value: true)
            .connect(host: "127.0.0.1", port: port) { channel in
                channel.eventLoop.makeCompletedFuture {
                    try NIOAsyncChannel(wrappingChannelSynchronously: channel)
                }
            }
    }

    func sendAndClose(_ text: String) async throws {
        try await channel.channel.writeAndFlush(ByteBuffer(string: text)).get()
        try await channel.channel.close(mode: .output).get()
    }

    /// What comes until the server closes.
    func all() async throws -> String {
        try await channel.executeThenClose { inbound, _ in
            var bytes = ByteBuffer()
            for try await part in inbound { bytes.writeImmutableBuffer(part) }
            return String(buffer: bytes)
        }
    }
}
