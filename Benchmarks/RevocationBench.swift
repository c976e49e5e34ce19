import Foundation
import NIOCore
import TestSupport

/// From the answer to a logout to the first refusal in another process, while order-api is under load.
enum RevocationBench {
    static func run(_ report: inout Report) async throws {
        let system = try await TestSystem()
        guard let orders = system.orderAPI else { return }
        let reader = try await system.person("viewer", enrol: false)
        let background = try await reader.signIn(system.http).access
        let load = Task {
            _ = try? await Load.run(
                port: orders.port,
                Load.request("GET", "/v1/orders", headers: [("Authorization", "Bearer \(background)")]),
                connections: 4, seconds: 120, rate: 1_000)
        }
        var delays: [Double] = []
        let people = try await withThrowingTaskGroup(of: TestPerson.self) { group in
            for _ in 0..<10 { group.addTask { try await system.person("trader", enrol: false) } }
            return try await group.reduce(into: []) { $0.append($1) }
        }
        for round in 0..<200 {
            let session = try await people[round % people.count].signIn(system.http)
            let request = Load.request(
                "GET", "/v1/orders", headers: [("Authorization", "Bearer \(session.access)")])
            let delay = try await LoadConnection.with(port: orders.port) { exchange -> Double in
                // Seen and kept by the verifier's cache before it is revoked.
                guard try await exchange.send(request).status == 200 else { throw Failure(what: "not accepted") }
                try await system.http.call("POST", "/v1/logout", token: session.access).require(204)
                let answered = ContinuousClock.now
                while true {
                    let status = try await exchange.send(request).status
                    let (seconds, attoseconds) = (ContinuousClock.now - answered).components
                    let elapsed = Double(seconds) + Double(attoseconds) * 1e-18
                    if status == 401 { return elapsed }
                    guard elapsed < 10 else { throw Failure(what: "a revoked token was accepted for 10 s") }
                }
            }
            delays.append(delay * 1e3)
        }
        load.cancel()
        let rounds = (0..<5).map { part in
            percentile(stride(from: part, to: delays.count, by: 5).map { delays[$0] }, 0.99)
        }
        report.add("revocation: answered to refused elsewhere, p99 of 200", "ms", [percentile(delays, 0.99)], goal: 50)
        report.add("revocation: the same, p50", "ms", [percentile(delays, 0.5)])
        report.add("revocation: p99 of five samples of 40", "ms", rounds)
        await system.shutdown()
    }
}
