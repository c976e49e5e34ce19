import Foundation
import StrictJSON
import Synchronization
import TestSupport
import Testing

/// Two replicas of policy-service on PostgreSQL, and who administers them.
final class PolicyRig: Sendable {
    let system: TestSystem
    let replicas: [TestService]
    let recorder = PolicyRecorder()
    private let manager: TestPerson
    private let managerToken: Mutex<(token: String, at: ContinuousClock.Instant)>
    /// Replicas that somebody is killing or starting right now.
    private let claimed = Mutex<Set<Int>>([])

    /// Runs `body` with a system of its own and takes that down afterwards, whatever happens.
    static func run(_ body: (PolicyRig) async throws -> Void) async throws {
        var options = TestSystemOptions()
        options.runsOrderAPI = false
        options.runsPolicyService = true
        options.policyStore = .postgres
        let system = try await TestSystem(options)
        do {
            let rig = try await PolicyRig(system)
            do { try await body(rig) } catch {
                for replica in rig.replicas { print("--- end of a log\n\(replica.log.suffix(4_000))") }
                throw error
            }
            rig.replicas[1].kill()
        } catch {
            await system.shutdown()
            throw error
        }
        await system.shutdown()
    }

    private init(_ system: TestSystem) async throws {
        self.system = system
        let first = try #require(system.policyService)
        let server = try #require(system.policyPostgres)
        let name = try await Self.databaseName(server)
        let port = try freePort()
        // The same account, keys and database; its own name in leases.
        let second = try TestService(
            "policy-service", name: "policy-service-1", port: port,
            environment: [
                "ISSUER": system.http.url, "TOKEN_SERVICE_URL": system.http.url, "AUDIENCE": "jts",
                "PUBLIC_URL": "http://127.0.0.1:\(port)", "STATE_DIR": system.folder.file("policy-service"),
                "KAFKA_BOOTSTRAP_SERVERS": system.broker.bootstrapServers,
                "POLICIES_DIR": Project.file("policies"), "CLIENT_ID": "policy-service",
                "CLIENT_SECRET_FILE": system.folder.file("policy-service.secret"),
                "DATABASE_URL": server.url(database: name), "REPLICA": "second",
            ], folder: system.folder)
        replicas = [first, second]
        manager = try await system.person("risk-manager")
        managerToken = Mutex((try await manager.signIn(system.http).access, .now))
        try await second.start()
    }

    // MARK: Parts

    func postgres() throws -> PostgresServer { try #require(system.policyPostgres) }

    func sql(_ text: String) async throws -> String {
        let server = try postgres()
        return try await server.psql(text, database: try await Self.databaseName(server))
    }

    /// The server has no other of the tests'.
    private static func databaseName(_ server: PostgresServer) async throws -> String {
        try await server.psql("SELECT datname FROM pg_database WHERE datname LIKE 't%' AND NOT datistemplate")
    }

    /// Versions by the numbers of their activations.
    func activated() async throws -> [Int64: Int64] {
        let rows = try await sql("SELECT sequence, version FROM policy_activations WHERE sequence IS NOT NULL")
        var found: [Int64: Int64] = [:]
        for row in rows.split(separator: "\n") {
            let numbers = row.split(separator: "|").compactMap { Int64($0) }
            if numbers.count == 2 { found[numbers[0]] = numbers[1] }
        }
        return found
    }

    // MARK: Asking

    /// Somebody other than the administrator, with a second factor that is young enough.
    func riskManager() async throws -> String {
        let known = managerToken.withLock { $0 }
        if .now - known.at < .seconds(200) { return known.token }
        let token = try await manager.signIn(system.http).access
        managerToken.withLock { $0 = (token, .now) }
        return token
    }

    /// One attempt; longer than a service takes to refuse for want of its database, so that nothing that was given up
    /// happens afterwards.
    func attempt(
        _ replica: Int, _ method: String, _ path: String, json: JSONValue? = nil, token: String
    ) async -> TestHTTP.Answer? {
        try? await TestHTTP(replicas[replica].url).call(method, path, json: json, token: token, timeout: .seconds(30))
    }

    /// Asks one replica after the other until there is an answer other than 503.
    func ask(
        _ method: String, _ path: String, json: JSONValue? = nil, token: String, within limit: Duration = .seconds(60)
    ) async throws -> TestHTTP.Answer {
        var replica = Int.random(in: replicas.indices)
        return try await eventuallyValue("\(method) \(path) is answered", within: limit, poll: .milliseconds(50)) {
            replica = (replica + 1) % replicas.count
            let answer = await attempt(replica, method, path, json: json, token: token)
            return answer?.status == 503 ? nil : answer
        }
    }

    // MARK: Striking

    /// SIGKILL for a replica and a start some time later, unless somebody else has taken it.
    /// - Returns: false when somebody has.
    func restart(_ replica: Int, after pause: Duration) async throws -> Bool {
        guard claim(replica) else { return false }
        defer { release(replica) }
        replicas[replica].kill()
        try await Task.sleep(for: pause)
        try await start(replica)
        return true
    }

    /// SIGSTOP and SIGCONT.
    func pause(_ replica: Int, for pause: Duration) async throws -> Bool {
        guard claim(replica) else { return false }
        defer { release(replica) }
        replicas[replica].pause()
        try await Task.sleep(for: pause)
        replicas[replica].resume()
        return true
    }

    func claim(_ replica: Int) -> Bool { claimed.withLock { $0.insert(replica).inserted } }
    func release(_ replica: Int) { _ = claimed.withLock { $0.remove(replica) } }

    /// With PostgreSQL away it takes until that is back; a start that gave up is tried again.
    func start(_ replica: Int) async throws {
        do { try await replicas[replica].start() } catch {
            replicas[replica].kill()
            try await replicas[replica].start()
        }
    }

    func untilReady() async throws {
        for (index, replica) in replicas.enumerated() {
            try await eventually("\(replica.name) is ready", within: .seconds(40), poll: .milliseconds(100)) {
                let isFree = claimed.withLock { !$0.contains(index) }
                guard isFree, replica.isRunning else { return false }
                return await replica.isReady
            }
        }
    }
}
