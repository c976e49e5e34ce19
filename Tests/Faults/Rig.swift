import Foundation
import StrictJSON
import TestSupport
import Testing

/// The running system as the fault tests use it: two replicas of token-service on PostgreSQL, order-api, and traders.
final class Rig: Sendable {
    let system: TestSystem
    let traders: [Trader]

    private init(_ system: TestSystem, _ traders: [Trader]) {
        self.system = system
        self.traders = traders
    }

    /// Runs `body` with a system of its own and takes that down afterwards, whatever happens.
    static func run(
        traders: Int, environment: [String: String] = [:], _ body: (Rig) async throws -> Void
    ) async throws {
        var options = TestSystemOptions()
        options.replicas = 2
        options.store = .postgres
        options.environment = environment
        let system = try await TestSystem(options)
        do {
            let rig = Rig(system, try await makeTraders(traders, system))
            // Ready is who has read all that was there; fresh, who has heard of every partition since.
            try await eventually("the feed is fresh", within: .seconds(20)) { await rig.staleness ?? .infinity < 3 }
            try await body(rig)
        } catch {
            for log in system.logs { print("--- end of a log\n\(log.suffix(4_000))") }
            await system.shutdown()
            throw error
        }
        await system.shutdown()
    }

    private static func makeTraders(_ count: Int, _ system: TestSystem) async throws -> [Trader] {
        let token = try await system.adminToken()
        var traders: [Trader] = []
        for index in 0..<count {
            let trader = Trader(
                username: "trader-\(index)",
                password: "Zx" + UUID().uuidString.replacing("-", with: "").lowercased())
            try await system.http.call(
                "POST", "/v1/users",
                json: [
                    "username": .string(trader.username), "password": .string(trader.password), "roles": ["trader"],
                    "must_change_password": false,
                ], token: token
            ).require(201)
            traders.append(trader)
        }
        return traders
    }

    // MARK: - Parts

    var replicas: [TestService] { system.tokenServices }
    var orders: TestHTTP { system.orders }

    func postgres() throws -> PostgresServer { try #require(system.postgres) }
    func orderAPI() throws -> TestService { try #require(system.orderAPI) }

    /// The database of the replicas; the server has no other of the tests'.
    func sql(_ text: String) async throws -> String {
        let server = try postgres()
        let name = try await server.psql(
            "SELECT datname FROM pg_database WHERE datname LIKE 't%' AND NOT datistemplate")
        return try await server.psql(text, database: name)
    }

    /// A load of all traders.
    func clients() -> Clients {
        Clients(
            traders: traders, pool: ClientPool(replicas: replicas.map { TestHTTP($0.url) }),
            orders: TestHTTP(orders.url), introspector: system.orderClient)
    }

    // MARK: - Asking

    func signIn(_ trader: Int, replica: Int = 0) async throws -> TestPerson.Session {
        try TestPerson.Session(
            try await system.http(replica).call(
                "POST", "/v1/login",
                json: [
                    "username": .string(traders[trader].username), "password": .string(traders[trader].password),
                ]
            ).require(200))
    }

    /// One session each, on both replicas by turns.
    func signInAll() async throws -> [TestPerson.Session] {
        var sessions: [TestPerson.Session] = []
        for trader in traders.indices { sessions.append(try await signIn(trader, replica: trader % replicas.count)) }
        return sessions
    }

    func refresh(_ token: String, replica: Int = 0, timeout: Duration = .seconds(10)) async throws -> TestHTTP.Answer {
        try await system.http(replica).call(
            "POST", "/oauth2/token", form: ["grant_type": "refresh_token", "refresh_token": token], timeout: timeout)
    }

    func introspect(
        _ token: String, replica: Int = 0, timeout: Duration = .seconds(10)
    ) async throws -> TestHTTP.Answer {
        try await system.http(replica).call(
            "POST", "/oauth2/introspect", form: ["token": token], basic: system.orderClient, timeout: timeout)
    }

    func isActive(_ token: String, replica: Int) async throws -> Bool {
        try await introspect(token, replica: replica).require(200).json["active"] == true
    }

    func logOut(_ token: String, replica: Int = 0, timeout: Duration = .seconds(10)) async throws -> TestHTTP.Answer {
        try await system.http(replica).call("POST", "/v1/logout", token: token, timeout: timeout)
    }

    func placeOrder(_ token: String, timeout: Duration = .seconds(10)) async throws -> TestHTTP.Answer {
        try await orders.call(
            "POST", "/v1/orders", json: ["symbol": "EURUSD", "side": "buy", "quantity": 100], token: token,
            timeout: timeout)
    }

    func cancelOrder(_ id: String, _ token: String) async throws -> TestHTTP.Answer {
        try await orders.call("DELETE", "/v1/orders/\(id)", token: token, timeout: .seconds(10))
    }

    /// A value of `/metrics`; nil when it is not there or the replica does not answer.
    func metric(_ name: String, labels: String = "", replica: Int) async -> Double? {
        await Self.metric(name + labels, of: system.http(replica))
    }

    /// For how many seconds order-api may have missed revocations.
    var staleness: Double? {
        get async { await Self.metric("security_feed_staleness_seconds", of: orders) }
    }

    private static func metric(_ name: String, of service: TestHTTP) async -> Double? {
        guard let answer = try? await service.call("GET", "/metrics", timeout: .seconds(3)), answer.status == 200 else {
            return nil
        }
        let prefix = name + " "
        return answer.text.split(separator: "\n").first { $0.hasPrefix(prefix) }
            .flatMap { Double($0.dropFirst(prefix.count)) }
    }

    /// The replica that relays an outbox now.
    func leader(of outbox: String) async throws -> Int {
        try await eventuallyValue("somebody relays \(outbox)", within: .seconds(15), poll: .milliseconds(50)) {
            for replica in replicas.indices
            where await metric("outbox_leading", labels: "{outbox=\"\(outbox)\"}", replica: replica) == 1 {
                return replica
            }
            return nil
        }
    }

    // MARK: - Recovering

    /// Waits until every service that runs says that it is ready.
    func untilReady(within limit: Duration = .seconds(30)) async throws {
        for service in replicas + (system.orderAPI.map { [$0] } ?? []) where service.isRunning {
            try await eventually("\(service.name) is ready", within: limit, poll: .milliseconds(100)) {
                await service.isReady
            }
        }
    }
}

/// A clear refusal for want of a server: 503 that says when to come back.
func expectUnavailable(_ answer: TestHTTP.Answer, _ what: String, sourceLocation: SourceLocation = #_sourceLocation) {
    #expect(answer.status == 503, "\(what): \(answer.status) \(answer.text)", sourceLocation: sourceLocation)
    let seconds = answer.header("Retry-After").flatMap { Int($0) }
    #expect((seconds ?? 0) > 0, "\(what) without Retry-After", sourceLocation: sourceLocation)
}
