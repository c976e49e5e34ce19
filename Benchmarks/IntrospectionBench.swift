import Foundation
import NIOCore
import TestSupport

/// Introspection of a live session's token against a bare `POST` of the same sizes: CPU of the service process per
/// request at full load, and p99 at moderate load. CPU of Redis, of this generator and of the kernel apart.
enum IntrospectionBench {
    static func run(_ report: inout Report) async throws {
        var options = TestSystemOptions()
        options.runsOrderAPI = false
        let system = try await TestSystem(options)
        let trader = try await system.person("trader", enrol: false)
        let session = try await trader.signIn(system.http)
        let form = TestHTTP.encode(["token": session.access])
        let basic = Data("\(system.orderClient.id):\(system.orderClient.secret)".utf8).base64EncodedString()
        let headers = [
            ("Content-Type", "application/x-www-form-urlencoded"), ("Authorization", "Basic \(basic)"),
            ("Accept", "application/json"),
        ]
        let service = system.tokenServices[0]
        let answer = try await system.http.call(
            "POST", "/oauth2/introspect", form: ["token": session.access], basic: system.orderClient
        ).require(200)
        guard answer.json["active"]?.bool == true else { throw Failure(what: "the token is not active") }

        let port = try freePort()
        let bare = try ChildProcess(CommandLine.arguments[0], ["bare", "\(port)"])
        defer { bare.kill() }
        try await eventually("the bare server") {
            (try? await TestHTTP("http://127.0.0.1:\(port)").call("POST", "/bare/1", body: []))?.status == 200
        }
        let ours = Load.request("POST", "/oauth2/introspect", headers: headers, body: form)
        let plain = Load.request("POST", "/bare/\(answer.bytes.count)", headers: headers, body: form)

        var user: (ours: [Double], bare: [Double]) = ([], [])
        var kernel: (ours: [Double], bare: [Double]) = ([], [])
        var tail: (ours: [Double], bare: [Double]) = ([], [])
        var redis: [Double] = []
        var generator: [Double] = []
        for round in 0..<6 {
            let redisBefore = CPUTime.of(system.redis.pid ?? 0)
            let selfBefore = CPUTime.of(getpid())
            let (cpu, outcome) = try await measure(service.pid, service.port, ours)
            let redisSpent = CPUTime.of(system.redis.pid ?? 0) - redisBefore
            let selfSpent = CPUTime.of(getpid()) - selfBefore
            let (bareCPU, bareOutcome) = try await measure(bare.pid, port, plain)
            let moderate = try await Load.run(port: service.port, ours, connections: 8, seconds: 3, rate: 1_000)
            let bareModerate = try await Load.run(port: port, plain, connections: 8, seconds: 3, rate: 1_000)
            // The first round warms up.
            guard round > 0 else { continue }
            guard outcome.failures == 0 else { throw Failure(what: "\(outcome.failures) introspections failed") }
            user.ours.append(cpu.user / Double(outcome.count) * 1e6)
            user.bare.append(bareCPU.user / Double(bareOutcome.count) * 1e6)
            kernel.ours.append(cpu.kernel / Double(outcome.count) * 1e6)
            kernel.bare.append(bareCPU.kernel / Double(bareOutcome.count) * 1e6)
            redis.append(redisSpent.total / Double(outcome.count) * 1e6)
            generator.append(selfSpent.total / Double(outcome.count) * 1e6)
            tail.ours.append(percentile(moderate.durations, 0.99) * 1e3)
            tail.bare.append(percentile(bareModerate.durations, 0.99) * 1e3)
        }
        report.add(
            "introspection: service CPU, user", "µs/request", user.ours, limit: user.bare, goal: 1.2)
        report.add("introspection: service CPU, kernel", "µs/request", kernel.ours, limit: kernel.bare, goal: nil)
        report.add("introspection: Redis CPU", "µs/request", redis)
        report.add("introspection: generator CPU", "µs/request", generator)
        report.add("introspection: p99 at 1,000/s against bare", "ms", tail.ours, limit: tail.bare, goal: 2)
        await system.shutdown()
    }

    private static func measure(
        _ pid: Int32, _ port: Int, _ request: ByteBuffer
    ) async throws -> (CPUTime, Load.Outcome) {
        let before = CPUTime.of(pid)
        let outcome = try await Load.run(port: port, request, connections: 16, seconds: 4)
        return (CPUTime.of(pid) - before, outcome)
    }
}

struct Failure: Error, CustomStringConvertible {
    let what: String
    var description: String { what }
}
