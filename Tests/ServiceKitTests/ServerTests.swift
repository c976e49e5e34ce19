import Hummingbird
import NIOCore
import ServiceLifecycle
import Testing
import TestSupport

@testable import ServiceKit

/// The server over real sockets, against clients that mean no good.
@Suite(.serialized) struct ServerTests {
    private static let get = "GET /a HTTP/1.1\r\nHost: a\r\n\r\n"

    private func answers(_ server: RunningServer) async throws {
        let connection = try await server.connect()
        try await connection.send(ServerTests.get)
        try await connection.receives("hello /a")
        #expect(connection.received.hasPrefix("HTTP/1.1 200 OK\r\n"))
        await connection.close()
    }

    @Test func keepsConnectionsAndAnswersPipelinedRequestsInOrder() async throws {
        try await withServer { server in
            let connection = try await server.connect()
            try await connection.send(
                (0..<20).map { "GET /\($0) HTTP/1.1\r\nHost: a\r\n\r\n" }.joined())
            try await connection.receives("hello /19")
            let found = connection.received.split(separator: "hello /").dropFirst().map { $0.prefix { $0.isNumber } }
            #expect(found.map(String.init) == (0..<20).map(String.init))
            #expect(connection.received.contains("\r\nDate: "))
            #expect(!connection.isClosed)
            #expect(server.metric("http_connections{listener=\"main\"}") == 1)
        }
    }

    @Test func aHeadThatDripsIsCutOffWhileOthersAreServed() async throws {
        try await withServer {
            $0.headerTimeout = .milliseconds(300)
        } _: { server in
            let slow = try await server.connect()
            let dripping = Task {
                slow.offer("GET / HTTP/1.1\r\n")
                while !Task.isCancelled {
                    slow.offer("X: y\r\n")
                    try? await Task.sleep(for: .milliseconds(30))
                }
            }
            defer { dripping.cancel() }
            try await answers(server)
            try await slow.closed()
            #expect(slow.received.hasPrefix("HTTP/1.1 408 "))
            #expect(slow.received.contains("urn:jts:problem:request-timeout"))
            #expect(server.metric("http_timeouts_total{deadline=\"head\"}") == 1)
            try await answers(server)
        }
    }

    @Test func aConnectionThatSaysNothingIsClosed() async throws {
        try await withServer {
            $0.headerTimeout = .milliseconds(200)
        } _: { server in
            let silent = try await server.connect()
            try await silent.closed()
            #expect(silent.received.isEmpty)
            #expect(server.metric("http_timeouts_total{deadline=\"connect\"}") == 1)
        }
    }

    @Test func anIdleConnectionIsClosed() async throws {
        try await withServer {
            $0.idleTimeout = .milliseconds(200)
        } _: { server in
            let connection = try await server.connect()
            try await connection.send(ServerTests.get)
            try await connection.closed()
            #expect(connection.received.contains("hello /a"))
        }
    }

    @Test func aStalledBodyOccupiesNobodyAndIsCutOff() async throws {
        let latch = Latch()
        try await withServer {
            $0.bodyProgressTimeout = .milliseconds(400)
            $0.maximumInFlight = 1
        } answer: { request, _ in
            if request.uri.path == "/slow" { await latch.pass() }
            return Response(
                status: .ok, body: ResponseBody(byteBuffer: ByteBuffer(string: "hello \(request.uri.path)")))
        } _: { server in
            let slow = try await server.connect()
            try await slow.send("POST /slow HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nabc")
            try await answers(server)
            #expect(latch.waiting == 0)
            try await slow.closed()
            #expect(slow.received.hasPrefix("HTTP/1.1 408 "))
            #expect(server.metric("http_timeouts_total{deadline=\"bodyProgress\"}") == 1)
        }
    }

    @Test func aBodyThatDripsForeverIsCutOff() async throws {
        try await withServer {
            $0.bodyTimeout = .milliseconds(500)
        } _: { server in
            let slow = try await server.connect()
            try await slow.send("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
            let dripping = Task {
                while !Task.isCancelled {
                    slow.offer("1\r\na\r\n")
                    try? await Task.sleep(for: .milliseconds(20))
                }
            }
            defer { dripping.cancel() }
            try await slow.closed()
            #expect(server.metric("http_timeouts_total{deadline=\"body\"}") == 1)
        }
    }

    @Test func anUnreadAnswerIsCutOffWhileOthersAreServed() async throws {
        let large = ByteBuffer(repeating: 0x78, count: 32 << 20)
        try await withServer {
            $0.writeTimeout = .milliseconds(500)
        } answer: { request, context in
            guard request.uri.path == "/large" else { return try await RunningServer.hello(request, context) }
            return Response(status: .ok, body: ResponseBody(byteBuffer: large))
        } _: { server in
            let greedy = try await server.connect(reads: false)
            greedy.offer("GET /large HTTP/1.1\r\nHost: a\r\n\r\n")
            try await answers(server)
            try await eventually("the end of the unread answer", within: .seconds(20)) {
                server.metric("http_timeouts_total{deadline=\"write\"}") == 1
            }
            try await eventually { server.metric("http_connections{listener=\"main\"}") == 0 }
            #expect(server.metric("http_requests_in_flight") == 0)
        }
    }

    @Test func aSlowButSteadyReaderGetsAll() async throws {
        let large = ByteBuffer(repeating: 0x78, count: 24 << 20)
        try await withServer {
            $0.writeTimeout = .milliseconds(800)
        } answer: { _, _ in
            Response(status: .ok, body: ResponseBody(byteBuffer: large))
        } _: { server in
            let client = try await server.connect(reads: false)
            client.offer("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            // Takes longer than the timeout in all, but never stands still for so long.
            for step in 1...8 {
                try await Task.sleep(for: .milliseconds(200))
                try await client.read(until: step * 3 << 20)
            }
            try await eventually("the whole answer", within: .seconds(30)) {
                client.readOnce()
                return client.receivedBytes > 24 << 20
            }
        }
    }

    @Test func connectionsBeyondTheCapAreClosedAtOnce() async throws {
        try await withServer {
            $0.maximumConnections = 2
        } _: { server in
            let first = try await server.connect()
            let second = try await server.connect()
            for connection in [first, second] {
                try await connection.send(ServerTests.get)
                try await connection.receives("hello /a")
            }
            let third = try await server.connect()
            third.offer(ServerTests.get)
            try await third.closed()
            #expect(third.received.isEmpty)
            #expect(server.metric("http_connections_refused_total{listener=\"main\"}") == 1)
            await first.close()
            try await eventually { server.metric("http_connections{listener=\"main\"}") == 1 }
            try await answers(server)
        }
    }

    @Test func connectionsOfOneAddressHaveACapOfTheirOwn() async throws {
        try await withServer {
            $0.maximumConnectionsPerAddress = 1
        } _: { server in
            let first = try await server.connect()
            try await first.send(ServerTests.get)
            try await first.receives("hello /a")
            let second = try await server.connect()
            try await second.closed()
            #expect(server.metric("http_connections_refused_total{listener=\"main\"}") == 1)
        }
    }

    @Test func requestsBeyondTheCapAreRefusedAtOnceAndProbesAreNot() async throws {
        let latch = Latch()
        try await withServer {
            $0.maximumInFlight = 2
        } answer: { request, context in
            if request.uri.path == "/wait" { await latch.pass() }
            return try await RunningServer.hello(request, context)
        } _: { server in
            let waiting = [try await server.connect(), try await server.connect()]
            for connection in waiting { try await connection.send("GET /wait HTTP/1.1\r\nHost: a\r\n\r\n") }
            try await eventually { latch.waiting == 2 }
            #expect(server.metric("http_requests_in_flight") == 2)
            let refused = try await server.connect()
            try await refused.send(ServerTests.get)
            try await refused.receives("urn:jts:problem:overloaded")
            #expect(refused.received.hasPrefix("HTTP/1.1 503 "))
            #expect(refused.received.contains("\r\nRetry-After: 1\r\n"))
            #expect(refused.received.contains("application/problem+json"))
            #expect(server.metric("http_requests_refused_total{reason=\"overloaded\"}") == 1)
            try await refused.send("GET /livez HTTP/1.1\r\nHost: a\r\n\r\n")
            try await refused.receives("hello /livez")
            latch.open()
            for connection in waiting { try await connection.receives("hello /wait") }
            #expect(server.metric("http_requests_in_flight") == 0)
            // The refused client's connection is as good as before.
            try await refused.send(ServerTests.get)
            try await refused.receives("hello /a")
        }
    }

    enum OversizeHead: String, CaseIterable {
        case field, manyFields, list, path, pathWithoutEnd

        var request: String {
            let long = String(repeating: "x", count: 40_000)
            let fields =
                switch self {
                case .field: "X: \(long)\r\n"
                case .manyFields: (0..<101).map { "X-\($0): y\r\n" }.joined()
                case .list: (0..<90).map { "X-\($0): \(long.prefix(400))\r\n" }.joined()
                case .path, .pathWithoutEnd: ""
                }
            switch self {
            case .path: return "GET /\(long) HTTP/1.1\r\nHost: a\r\n\r\n"
            case .pathWithoutEnd: return "GET /" + String(repeating: long, count: 10)
            default: return "GET / HTTP/1.1\r\nHost: a\r\n\(fields)\r\n"
            }
        }
    }

    @Test(arguments: OversizeHead.allCases) func oversizeHeads(_ head: OversizeHead) async throws {
        try await withServer { server in
            let answer = try await server.exchange(head.request)
            #expect(answer.hasPrefix("HTTP/1.1 431 "))
            #expect(answer.contains("urn:jts:problem:headers-too-large"))
            #expect(server.metric("http_requests_refused_total{reason=\"headers-too-large\"}") == 1)
        }
    }

    @Test func oversizeBodies() async throws {
        try await withServer {
            $0.maximumBodyBytes = 50_000
        } answer: { request, _ in
            let body = try await request.body.collect(upTo: 1 << 20)
            return Response(status: .ok, body: ResponseBody(byteBuffer: ByteBuffer(string: "\(body.readableBytes)")))
        } _: { server in
            let announced = try await server.exchange("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 50001\r\n\r\nabc")
            #expect(announced.hasPrefix("HTTP/1.1 413 "))
            let connection = try await server.connect()
            try await connection.send("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
            let chunk = "4000\r\n" + String(repeating: "a", count: 0x4000) + "\r\n"
            for _ in 0..<4 { connection.offer(chunk) }
            try await connection.closed()
            #expect(!connection.received.contains("200 OK"))
            let fits = try await server.connect()
            try await fits.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 50000\r\n\r\n")
            try await fits.send(String(repeating: "a", count: 50_000))
            try await fits.receives("\r\n\r\n50000")
        }
    }

    @Test(arguments: [
        "nonsense\r\n\r\n", "GET / HTTP/9.9\r\n\r\n", "GET /\u{1} HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET / HTTP/1.1\r\nBad Name: a\r\n\r\n", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: x\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
    ]) func malformedRequests(_ request: String) async throws {
        try await withServer { server in
            let answer = try await server.exchange(request)
            #expect(answer.hasPrefix("HTTP/1.1 400 "), "\(answer)")
            #expect(answer.contains("\r\nConnection: close\r\n"))
            #expect(answer.count(of: "HTTP/1.1") == 1)
        }
    }

    @Test func aMalformedRequestIsAnsweredAfterTheOnesBefore() async throws {
        try await withServer { server in
            let answer = try await server.exchange(ServerTests.get + ServerTests.get + "nonsense\r\n\r\n")
            #expect(answer.count(of: "hello /a") == 2)
            #expect(answer.count(of: "HTTP/1.1 400 ") == 1)
        }
    }

    @Test func closesWhenTheClientAsksForIt() async throws {
        try await withServer { server in
            let answer = try await server.exchange("GET /a HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            #expect(answer.contains("hello /a"))
            #expect(answer.contains("\r\nConnection: close\r\n"))
        }
    }

    @Test func aFailingResponderIsAnsweredWithoutInternals() async throws {
        struct Broken: Error { let secret = "internal" }
        try await withServer { _ in
        } answer: { _, _ in
            throw Broken()
        } _: { server in
            let connection = try await server.connect()
            try await connection.send(ServerTests.get)
            try await connection.receives("urn:jts:problem:internal-error")
            #expect(!connection.received.contains("secret"))
        }
    }

    @Test func theAdminListenerHasMetricsAndProbes() async throws {
        let port = try freePort()
        try await withServer {
            $0.adminListen = .init(host: "127.0.0.1", port: port)
        } _: { server in
            let connection = try await eventuallyValue { try? await RawConnection(port: port) }
            try await connection.send("GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n")
            try await connection.receives("http_requests_in_flight 0")
            server.health.register("redis") { throw CancellationError() }
            try await connection.send("GET /readyz HTTP/1.1\r\nHost: a\r\n\r\n")
            try await connection.receives("not-ready")
            try await connection.send("POST /livez HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n")
            try await connection.receives("HTTP/1.1 405 ")
        }
    }

    @Test func aPortThatIsTakenFailsTheStart() async throws {
        try await withServer { server in
            await #expect(throws: (any Error).self) {
                _ = try await RunningServer { $0.listen.port = server.port }
            }
        }
    }
}
