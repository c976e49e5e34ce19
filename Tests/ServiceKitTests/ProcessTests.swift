import ServiceLifecycle
import Synchronization
import Testing
import TestSupport

@testable import ServiceKit

private struct Brief: Service { func run() async throws {} }

private struct Broken: Service {
    struct Fault: Error {}
    func run() async throws { throw Fault() }
}

private struct Patient: Service { func run() async throws { try? await gracefulShutdown() } }

private final class Order: Sendable {
    let names = Mutex<[String]>([])
}

private struct Named: Service {
    let name: String
    let order: Order
    func run() async throws {
        try? await gracefulShutdown()
        order.names.withLock { $0.append(name) }
    }
}

@Suite(.serialized) struct ProcessTests {
    @Test func aServiceThatEndsByItselfIsAnError() async throws {
        await #expect(throws: (any Error).self) {
            try await ServiceProcess.run([Patient(), Brief()], drainTimeout: .seconds(1), logger: quietLogger)
        }
        await #expect(throws: (any Error).self) {
            try await ServiceProcess.run([Patient(), Broken()], drainTimeout: .seconds(1), logger: quietLogger)
        }
    }

    @Test func servicesStopFromTheLastToTheFirst() async throws {
        let order = Order()
        let services = ["database", "relay", "server"].map { Named(name: $0, order: order) }
        let group = Task { try await ServiceProcess.run(services, drainTimeout: .seconds(5), logger: quietLogger) }
        // The signal is what a supervisor sends; the group listens for it once it runs.
        let stopping = Task {
            while !Task.isCancelled {
                try await Task.sleep(for: .milliseconds(300))
                ProcessSignals.terminateSelf()
            }
        }
        try await group.value
        stopping.cancel()
        #expect(order.names.withLock { $0 } == ["server", "relay", "database"])
    }
}
