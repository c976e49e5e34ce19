import APISecurity
import Foundation
import Logging
import ServiceKit
import ServiceLifecycle
import TestSupport

/// A router on a loopback port, for what only bytes on a connection can show.
package final class LoopbackServer: Sendable {
    package let port: Int
    private let metrics: MetricsRegistry
    private let group: ServiceGroup
    private let running: Task<Void, Never>

    private struct NotListening: Error {}

    /// - Parameter metrics: those of the router.
    package init(_ router: SecureRouter, metrics: MetricsRegistry) async throws {
        let quiet = Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() })
        let (ports, found) = AsyncStream.makeStream(of: Int.self)
        let server = try HTTPServer(
            HTTPServerSettings(listen: .init(host: "127.0.0.1", port: 0)), responder: router.buildResponder(),
            health: HealthChecks(), metrics: metrics, logger: quiet
        ) { found.yield($0) }
        let group = ServiceGroup(services: [server], logger: quiet)
        self.metrics = metrics
        self.group = group
        // The router lives as long as its server, as it does in a service.
        running = Task { [router] in
            try? await group.run()
            withExtendedLifetime(router) {}
            found.finish()
        }
        var iterator = ports.makeAsyncIterator()
        guard let port = await iterator.next() else { throw NotListening() }
        self.port = port
    }

    package var url: String { "http://127.0.0.1:\(port)" }

    /// Finishes what was accepted, as a service does.
    package func stop() async {
        await group.triggerGracefulShutdown()
        await running.value
    }

    /// Requests of hot routes that were plain: answered on the lean path, and passed on.
    package var hot: (answered: Int, passedOn: Int) {
        let lines = metrics.exposition().split(separator: "\n")
        func value(_ outcome: String) -> Int {
            lines.first { $0.hasPrefix(#"http_hot_requests_total{outcome="\#(outcome)"}"#) }
                .flatMap { $0.split(separator: " ").last }.flatMap { Double($0) }.map { Int($0) } ?? 0
        }
        return (value("answered"), value("passed_on"))
    }

    /// Sends a request as it is over a connection of its own, and returns the answer as it comes.
    package func send(_ request: String) async throws -> String {
        let connection = try RawExchange(port: port)
        let answer = try await connection.send(request)
        await connection.close()
        return answer
    }

    /// The lines of an answer, without what differs from one request to the next.
    package static func normalised(_ answer: String) -> [String] {
        answer.components(separatedBy: "\r\n").map { line in
            if line.hasPrefix("Date: ") { return "Date" }
            return line.hasPrefix("X-Request-Id: ") && line.utf8.count == 46 ? "X-Request-Id" : line
        }
    }
}
