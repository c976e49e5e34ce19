import Hummingbird
import NIOCore
import ServiceLifecycle
import Synchronization
import Testing
import TestSupport

@testable import ServiceKit

/// Stopping without losing what was accepted.
@Suite(.serialized) struct DrainTests {
    @Test func finishesWhatWasAcceptedAndTakesNothingNew() async throws {
        let latch = Latch()
        let server = try await RunningServer {
            $0.drainTimeout = .seconds(20)
        } answer: { request, context in
            if request.uri.path == "/wait" { await latch.pass() }
            return try await RunningServer.hello(request, context)
        }
        let busy = try await server.connect()
        try await busy.send("GET /wait HTTP/1.1\r\nHost: a\r\n\r\n")
        let uploading = try await server.connect()
        try await uploading.send("POST /upload HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\n\r\nabc")
        let idle = try await server.connect()
        try await idle.send("GET /idle HTTP/1.1\r\nHost: a\r\n\r\n")
        try await idle.receives("hello /idle")
        try await eventually { latch.waiting == 1 }

        await server.beginStop()
        try await idle.closed()
        #expect(server.health.isDraining)
        try await eventually("a closed port") { (try? await server.connect()) == nil }
        #expect(!busy.isClosed)
        #expect(!uploading.isClosed)
        try await uploading.send("def")
        try await uploading.closed()
        #expect(uploading.received.contains("hello /upload"))
        #expect(uploading.received.contains("\r\nConnection: close\r\n"))
        latch.open()
        try await busy.closed()
        #expect(busy.received.contains("hello /wait"))
        #expect(busy.received.contains("\r\nConnection: close\r\n"))
        try await server.stopped()
    }

    @Test func duringTheDelayRequestsAreServedAndReadinessSaysNo() async throws {
        let server = try await RunningServer { $0.drainDelay = .seconds(2) }
        let kept = try await server.connect()
        try await kept.send("GET /a HTTP/1.1\r\nHost: a\r\n\r\n")
        try await kept.receives("hello /a")
        #expect(await server.health.report().isReady)
        await server.beginStop()
        try await eventually { server.health.isDraining }
        let report = await server.health.report()
        #expect(!report.isReady)
        // A new connection is still taken, and told not to stay.
        let late = try await server.connect()
        try await late.send("GET /late HTTP/1.1\r\nHost: a\r\n\r\n")
        try await late.closed()
        #expect(late.received.contains("hello /late"))
        #expect(late.received.contains("\r\nConnection: close\r\n"))
        try await server.stopped()
        try await kept.closed()
    }

    @Test func whatDoesNotFinishIsCutOff() async throws {
        let latch = Latch()
        let server = try await RunningServer {
            $0.drainTimeout = .milliseconds(300)
        } answer: { _, _ in
            await latch.pass()
            return Response(status: .ok)
        }
        let busy = try await server.connect()
        try await busy.send("GET /wait HTTP/1.1\r\nHost: a\r\n\r\n")
        try await eventually { latch.waiting == 1 }
        await server.beginStop()
        try await busy.closed()
        latch.open()
        try await server.stopped()
        #expect(busy.received.isEmpty)
    }
}
