import Cedar
import Foundation
import Logging
import SecurityClient
import ServiceKit
import StrictJSON
import TestSupport

/// A set of 10,000 policies is activated: how long until every one of 20 clients decides by it. All of them share the
/// machine with policy-service, so that what limits it is the work of reading and compiling the set 20 times on the
/// machine's processors.
enum ActivationBench {
    private static let policies = 10_000
    private static let clients = 20
    private static let rounds = 6

    static func run(_ report: inout Report) async throws {
        var options = TestSystemOptions()
        options.runsOrderAPI = false
        options.runsPolicyService = true
        let system = try await TestSystem(options)
        try await PolicyBenchSystem.furnish(system)
        let manager = try await system.person("risk-manager").signIn(system.http).access
        let deciders = try (0..<clients).map { _ in try client(system) }
        let tasks = deciders.map { client in Task { try? await client.run() } }
        try await eventually("every client knows policies", within: .seconds(60)) {
            deciders.allSatisfy { $0.replica.snapshot != nil }
        }

        var sent: [Double] = []
        var answered: [Double] = []
        var limit: [Double] = []
        var one: [Double] = []
        for round in 0..<rounds {
            let files = try content(round)
            let work = try load(files) * 1e3
            let proposal = try await propose(files, system)
            let (fromRequest, fromAnswer) = try await activate(proposal, manager, system, deciders)
            // The first round warms up.
            guard round > 0 else { continue }
            sent.append(fromRequest * 1e3)
            answered.append(fromAnswer * 1e3)
            one.append(work)
            limit.append(work * Double(clients) / Double(ProcessInfo.processInfo.activeProcessorCount))
        }
        let name = "activation of \(policies) policies"
        report.add("\(name): approved to all of \(clients) clients", "ms", answered, limit: limit, goal: nil)
        report.add("\(name): the same", "ms", answered, goal: 1_000)
        report.add("\(name): from the request to approve", "ms", sent)
        report.add("\(name): to read and compile it once", "ms", one)
        for task in tasks { task.cancel() }
        for task in tasks { await task.value }
        await system.shutdown()
    }

    // MARK: The set

    /// The shipped set with grants to roles on desks beside it.
    private static func content(_ round: Int) throws -> JSONValue {
        let root = Project.file("policies")
        var content: JSONObject = [:]
        for path in (FileManager.default.enumerator(atPath: root)?.compactMap { $0 as? String } ?? []).sorted()
        where !path.hasPrefix("tests") && [".cedar", ".json", ".cedarschema"].contains(where: path.hasSuffix) {
            content[path] = .string(try String(contentsOfFile: root + "/" + path, encoding: .utf8))
        }
        let size = 200
        for file in 0..<(policies / size) {
            let text = (0..<size).map { number in
                let id = file * size + number
                return """
                    @id("grant-\(id)")
                    permit (principal in Role::"role-\(id % 500)", action == Action::"orders:place", resource in \
                    Desk::"desk-\(id / 500)")
                    when { resource.notional <= \(1_000 + round + id) };
                    """
            }
            content["grants-\(file).cedar"] = .string(text.joined(separator: "\n"))
        }
        return .object(content)
    }

    /// CPU seconds for one client's work on it, from the bundle's bytes to what decides.
    private static func load(_ files: JSONValue) throws -> Double {
        let body = PolicyBundle(sequence: 1, version: 1, content: try PolicyContent(json: files)).body
        return try cpuPerCall(1) {
            _ = PolicyStatement.digest(of: body)
            let bundle = try PolicyBundle(body: body)
            _ = try PolicySnapshot.Policies(
                sequence: bundle.sequence, version: bundle.version, content: bundle.content, symbols: Symbols())
        }
    }

    // MARK: The system

    private static func client(_ system: TestSystem) throws -> PolicyClient {
        let source = ConfigSource(
            environment: [
                "ISSUER": system.http.url, "KAFKA_BOOTSTRAP_SERVERS": system.broker.bootstrapServers,
                "CLIENT_ID": system.orderClient.id, "CLIENT_SECRET": system.orderClient.secret,
                "POLICY_SERVICE_URL": system.policies.url,
                "POLICY_JWKS_FILE": system.folder.file("policy-service") + "/statement-keys.json",
            ])
        let configuration = SecurityClientConfiguration(source)
        try source.finish()
        var logger = Logger(label: "bench")
        logger.logLevel = .critical
        let security = try SecurityClient(configuration, metrics: MetricsRegistry(), logger: logger)
        guard let client = security.policies else { throw Failure(what: "no policies are configured") }
        return client
    }

    /// - Returns: the number of the proposal.
    private static func propose(_ files: JSONValue, _ system: TestSystem) async throws -> Int64 {
        let token = try await system.adminToken()
        let stored = try await system.policies.call(
            "POST", "/v1/policies/versions", json: ["files": files, "reason": "bench"], token: token,
            timeout: .seconds(120)
        ).require(201)
        let proposed = try await system.policies.call(
            "POST", "/v1/policies/activations", json: ["version": stored.json["version"] ?? 0, "reason": "bench"],
            token: token, timeout: .seconds(60)
        ).require(201)
        return proposed.json["id"]?.int ?? 0
    }

    /// - Returns: seconds until the last client decides by it, from the request and from its answer.
    private static func activate(
        _ proposal: Int64, _ token: String, _ system: TestSystem, _ deciders: [PolicyClient]
    ) async throws -> (fromRequest: Double, fromAnswer: Double) {
        let sent = ContinuousClock.now
        let before = deciders.compactMap { $0.replica.policySequence }.max() ?? 0
        async let switched = switched(deciders, to: before + 1)
        try await system.policies.call(
            "POST", "/v1/policies/activations/\(proposal)/approve", token: token, timeout: .seconds(60)
        ).require(200)
        let answered = ContinuousClock.now
        let last = try await switched
        return ((last - sent) / .seconds(1), max(0, (last - answered) / .seconds(1)))
    }

    /// When the last of them decides by it.
    private static func switched(_ deciders: [PolicyClient], to sequence: Int64) async throws -> ContinuousClock.Instant
    {
        try await eventuallyValue("every client decides by it", within: .seconds(60), poll: .milliseconds(2)) {
            deciders.allSatisfy { $0.replica.policySequence ?? -1 >= sequence } ? ContinuousClock.now : nil
        }
    }
}
