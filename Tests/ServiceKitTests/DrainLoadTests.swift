import Hummingbird
import Synchronization
import Testing
import TestSupport

@testable import ServiceKit

/// What clients saw while a server stopped.
private final class Tally: Sendable {
    private let state = Mutex<(whole: Int, lost: [String])>((0, []))

    var whole: Int { state.withLock { $0.whole } }
    var lost: [String] { state.withLock { $0.lost } }
    func count() { state.withLock { $0.whole += 1 } }
    func lose(_ what: String) { state.withLock { $0.lost.append(what) } }
}

@Suite(.serialized) struct DrainLoadTests {
    /// Clients ask on and on, over kept connections and new ones, while the server stops. Every request whose connection
    /// the server has accepted is answered in full.
    @Test(arguments: [1, 2, 3]) func noRequestIsLostUnderLoad(_ round: Int) async throws {
        let answered = Tally()
        let server = try await RunningServer {
            $0.drainTimeout = .seconds(20)
        } answer: { request, context in
            try await Task.sleep(for: .milliseconds(Int.random(in: 0...4)))
            answered.count()
            return try await RunningServer.hello(request, context)
        }
        let seen = Tally()
        let clients = (0..<16).map { number in
            Task {
                // A port that is closed has accepted nothing.
                while let connection = try? await server.connect() {
                    try await ask(connection, requests: number % 2 == 0 ? 1 : 50, seen)
                    await connection.close()
                }
            }
        }
        try await eventually("load") { seen.whole > 300 }
        try await server.stop()
        for client in clients { try await client.value }
        #expect(seen.lost.isEmpty, "\(seen.lost.first ?? "")")
        #expect(seen.whole == answered.whole)
    }

    private func ask(_ connection: RawConnection, requests: Int, _ seen: Tally) async throws {
        for request in 0..<requests {
            let before = connection.received.count(of: "hello /")
            connection.offer("GET /\(request) HTTP/1.1\r\nHost: a\r\n\r\n")
            try await eventually("an answer", within: .seconds(30), poll: .milliseconds(1)) {
                connection.isClosed || connection.received.count(of: "hello /") > before
            }
            let answer = connection.received
            if answer.count(of: "hello /") > before {
                seen.count()
            } else {
                seen.lose("\(request): \(answer.suffix(200))")
            }
            if answer.contains("Connection: close") || connection.isClosed { return }
        }
    }
}
