import Cedar
import Foundation

/// What a decision costs, against the reference implementation on the same policies, entities and requests.
enum PolicyBench {
    private static let rounds = 5

    static func run(_ report: inout Report) async throws {
        let reference = try PolicyReference()
        defer { reference.stop() }
        let published = [
            (PolicyWorkload.gdrive(size: 50, requests: 500, seed: 1), nil),
            (PolicyWorkload.github(size: 50, requests: 500, seed: 2), 0.7),
            (PolicyWorkload.tinyTodo(size: 50, requests: 500, seed: 3), 0.3),
        ]
        for (workload, goal) in published { try compare(&report, reference, workload, goal: goal) }
        let sets =
            [(10, nil, nil), (100, nil, 0.02), (1_000, nil, nil), (10_000, 1.0, nil)] as [(Int, Double?, Double?)]
        for (count, goal, ratio) in sets {
            let workload = PolicyWorkload.trading(policies: count, requests: 500, seed: UInt64(count))
            try compare(&report, reference, workload, goal: goal, ratioGoal: ratio)
        }
        try activation(&report, reference)
        try PolicyMemory.run(&report)
        try PolicyGrowth.run(reference)
    }

    /// - Parameters:
    ///   - goal: microseconds for a decision with warm caches.
    ///   - ratioGoal: what part of the reference's time that may be.
    private static func compare(
        _ report: inout Report, _ reference: PolicyReference, _ workload: PolicyWorkload, goal: Double?,
        ratioGoal: Double? = nil
    ) throws {
        let engine = try PolicyEngine(workload)
        let loaded = try reference.load(workload)
        guard engine.decisions() == loaded.decisions else {
            throw Failure(what: "\(workload.name): the decisions are not the reference's")
        }
        var (warm, cold, theirWarm, theirCold): ([Double], [Double], [Double], [Double]) = ([], [], [], [])
        for round in 0...rounds {
            let ours = (engine.warm(), engine.cold())
            let theirs = (try reference.decide(cold: false), try reference.decide(cold: true))
            guard round > 0 else { continue }
            warm.append(ours.0)
            cold.append(ours.1)
            theirWarm.append(theirs.0)
            theirCold.append(theirs.1)
        }
        if let goal { report.add("policies: \(workload.name), warm", "µs", warm, goal: goal) }
        report.add("policies: \(workload.name), warm, against cedarpy", "µs", warm, limit: theirWarm, goal: ratioGoal)
        report.add("policies: \(workload.name), cold, against cedarpy", "µs", cold, limit: theirCold, goal: nil)
    }

    /// From text to a set that decides: what each client does when a version is activated.
    private static func activation(_ report: inout Report, _ reference: PolicyReference) throws {
        let workload = PolicyWorkload.trading(policies: 10_000, requests: 1, seed: 7)
        var (parsing, compiling, theirs): ([Double], [Double], [Double]) = ([], [], [])
        for _ in 0..<rounds {
            var policies = PolicySet()
            parsing.append(try cpuPerCall(1) { policies = try PolicySet(parsing: workload.policies) } * 1e3)
            let symbols = Symbols()
            compiling.append(cpuPerCall(1) { _ = CompiledPolicies(policies, symbols: symbols) } * 1e3)
            theirs.append(try reference.load(workload).parsing * 1e3)
        }
        report.add("policies: parsing 10,000, against cedarpy", "ms", parsing, limit: theirs, goal: nil)
        report.add("policies: compiling 10,000", "ms", compiling)
        report.add("policies: parsing and compiling 10,000", "ms", zip(parsing, compiling).map { $0 + $1 }, goal: 1_000)
    }
}

/// The engine with a workload, and the time that it takes.
struct PolicyEngine {
    let policies: CompiledPolicies
    let store: EntityStore
    let requests: [AuthorizationRequest]

    init(_ workload: PolicyWorkload) throws {
        let symbols = Symbols()
        policies = CompiledPolicies(try PolicySet(parsing: workload.policies), symbols: symbols)
        store = try EntityStore(workload.entities, symbols: symbols)
        requests = workload.requests
    }

    func decisions() -> [Bool] { requests.map { policies.authorize($0, in: store).isAllowed } }

    /// Microseconds of CPU time for a decision: the mean over all requests, of a tenth of a second.
    func warm() -> Double {
        var allowed = 0
        func pass() { for request in requests where policies.authorize(request, in: store).isAllowed { allowed += 1 } }
        let once = cpuPerCall(1) { pass() }
        let times = max(1, Int(0.1 / max(once, 1e-7)))
        return cpuPerCall(times) { pass() } / Double(requests.count) * 1e6
    }

    /// Microseconds for a decision after a walk over more memory than the processor's caches hold: the median, less what reading
    /// the clock takes in the same state.
    func cold() -> Double {
        var buffer = [UInt8](repeating: 1, count: 64 << 20)
        var (times, empty): ([Double], [Double]) = ([], [])
        var allowed = 0
        for request in requests.prefix(30) {
            PolicyEngine.walk(&buffer)
            let clock = WallClock.now()
            empty.append(WallClock.now() - clock)
            PolicyEngine.walk(&buffer)
            let start = WallClock.now()
            if policies.authorize(request, in: store).isAllowed { allowed += 1 }
            times.append(WallClock.now() - start)
        }
        return (percentile(times, 0.5) - percentile(empty, 0.5)) * 1e6
    }

    private static func walk(_ buffer: inout [UInt8]) {
        for index in stride(from: 0, to: buffer.count, by: 64) { buffer[index] &+= 1 }
    }
}

/// The clock on the wall, which is read without a system call.
private enum WallClock {
    /// Seconds.
    static func now() -> Double {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) * 1e-9
    }
}
