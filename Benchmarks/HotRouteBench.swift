import Foundation
import NIOCore
import TestSupport

/// A hot route against a bare `POST` of the same sizes: CPU of the service process per request at full load, and p99 at
/// moderate load, in turns.
struct HotRouteBench {
    /// Process and port that are measured.
    typealias Served = (pid: Int32, port: Int)

    let name: String
    let service: Served
    let bare: Served
    let request: ByteBuffer
    /// The same headers and body to the bare route, which answers with as many bytes.
    let bareRequest: ByteBuffer

    struct Figures {
        var user: (ours: [Double], bare: [Double]) = ([], [])
        var kernel: (ours: [Double], bare: [Double]) = ([], [])
        var tail: (ours: [Double], bare: [Double]) = ([], [])
        /// CPU, user and kernel, of what else takes part.
        var others: [[Double]]
        var generator: [Double] = []
    }

    /// - Parameter others: processes whose CPU is told apart.
    func run(others: [Int32] = []) async throws -> Figures {
        var figures = Figures(others: others.map { _ in [] })
        for round in 0..<6 {
            let othersBefore = others.map(CPUTime.of)
            let selfBefore = CPUTime.of(getpid())
            let (cpu, outcome) = try await measure(service, request)
            let othersSpent = zip(others, othersBefore).map { CPUTime.of($0) - $1 }
            let selfSpent = CPUTime.of(getpid()) - selfBefore
            let (bareCPU, bareOutcome) = try await measure(bare, bareRequest)
            let moderate = try await Load.run(port: service.port, request, connections: 8, seconds: 3, rate: 1_000)
            let bareModerate = try await Load.run(port: bare.port, bareRequest, connections: 8, seconds: 3, rate: 1_000)
            // The first round warms up.
            guard round > 0 else { continue }
            guard outcome.failures == 0, moderate.failures == 0 else {
                throw Failure(what: "\(name): \(outcome.failures + moderate.failures) requests failed")
            }
            let (count, bareCount) = (Double(outcome.count), Double(bareOutcome.count))
            figures.user.ours.append(cpu.user / count * 1e6)
            figures.user.bare.append(bareCPU.user / bareCount * 1e6)
            figures.kernel.ours.append(cpu.kernel / count * 1e6)
            figures.kernel.bare.append(bareCPU.kernel / bareCount * 1e6)
            for (index, spent) in othersSpent.enumerated() { figures.others[index].append(spent.total / count * 1e6) }
            figures.generator.append(selfSpent.total / count * 1e6)
            figures.tail.ours.append(percentile(moderate.durations, 0.99) * 1e3)
            figures.tail.bare.append(percentile(bareModerate.durations, 0.99) * 1e3)
        }
        return figures
    }

    private func measure(_ served: Served, _ request: ByteBuffer) async throws -> (CPUTime, Load.Outcome) {
        let before = CPUTime.of(served.pid)
        let outcome = try await Load.run(port: served.port, request, connections: 16, seconds: 4)
        return (CPUTime.of(served.pid) - before, outcome)
    }
}

extension HotRouteBench.Figures {
    /// DESIGN's bounds for hot endpoints: 1.2 times the bare route's CPU, twice its p99.
    func add(to report: inout Report, _ name: String, others names: [String] = []) {
        report.add("\(name): service CPU, user", "µs/request", user.ours, limit: user.bare, goal: 1.2)
        report.add("\(name): service CPU, kernel", "µs/request", kernel.ours, limit: kernel.bare, goal: nil)
        for (other, spent) in zip(names, others) { report.add("\(name): \(other) CPU", "µs/request", spent) }
        report.add("\(name): generator CPU", "µs/request", generator)
        report.add("\(name): p99 at 1,000/s against bare", "ms", tail.ours, limit: tail.bare, goal: 2)
    }
}

/// The bare route in a process of its own.
final class BareProcess: Sendable {
    let process: ChildProcess
    let port: Int

    init() async throws {
        let port = try freePort()
        process = try ChildProcess(CommandLine.arguments[0], ["bare", "\(port)"])
        self.port = port
        try await eventually("the bare server") {
            (try? await TestHTTP("http://127.0.0.1:\(port)").call("POST", "/bare/1", body: []))?.status == 200
        }
    }

    var served: HotRouteBench.Served { (process.pid, port) }

    deinit { process.kill() }
}

struct Failure: Error, CustomStringConvertible {
    let what: String
    var description: String { what }
}
