import Foundation
import StrictJSON

package struct TestSystemOptions: Sendable {
    package enum Store: Sendable { case sqlite, postgres }

    /// How many token-services share database, Redis and keys.
    package var replicas = 1
    package var store = Store.sqlite
    package var runsOrderAPI = true
    /// order-api then decides by its policies.
    package var runsPolicyService = false
    /// Of policy-service; PostgreSQL is a server of its own then.
    package var policyStore = Store.sqlite
    /// More for token-service.
    package var environment: [String: String] = [:]
    /// More for policy-service.
    package var policyEnvironment: [String: String] = [:]
    /// More for order-api.
    package var orderEnvironment: [String: String] = [:]
    package var redis = RedisServer.Options(appendOnly: true)
    /// Both services speak TLS with these, and take clients' certificates of the same authority.
    package var certificates: TestCertificates?

    package init() {}
}

/// The whole system in processes of its own: Redis, the broker, token-service, policy-service and order-api, with an administrator who
/// has changed the password and enrolled a second factor. It ends with `shutdown`, and with the test process.
package final class TestSystem: Sendable {
    package let redis: RedisServer
    package let broker: KafkaBroker
    package let postgres: PostgresServer?
    /// policy-service's.
    package let policyPostgres: PostgresServer?
    package let tokenServices: [TestService]
    package let policyService: TestService?
    package let orderAPI: TestService?
    package let admin: TestPerson
    /// order-api's credentials at token-service.
    package let orderClient: (id: String, secret: String)
    package let notes: SecretNotes
    /// Files of the run: state of the services, logs, credentials.
    package let folder: TemporaryDirectory
    private let adminTokens: AdminTokens
    private let certificates: TestCertificates?

    package init(_ options: TestSystemOptions = .init()) async throws {
        let folder = try TemporaryDirectory("jts-system")
        let notes = SecretNotes()
        async let startedRedis = RedisServer(options.redis)
        async let startedBroker = KafkaBroker(topics: [
            "security.session-revoked": 4, "security.key-rotated": 1, "security.scan-completed": 1,
            "security.events": 1, "security.policy-changed": 1,
        ])
        var database: String?
        var policyDatabase: String?
        if options.store == .postgres {
            let server = try await PostgresServer()
            postgres = server
            database = try await server.makeDatabase()
        } else {
            postgres = nil
        }
        if options.runsPolicyService, options.policyStore == .postgres {
            let server = try await PostgresServer()
            policyPostgres = server
            policyDatabase = try await server.makeDatabase()
        } else {
            policyPostgres = nil
        }
        let (redis, broker) = try await (startedRedis, startedBroker)
        let policyPort = options.runsPolicyService ? try freePort() : nil
        let services = try Self.tokenServices(
            options, folder, redis, broker, database: database, policyPort: policyPort)
        // The first migrates and makes the administrator; the others find both.
        for service in services { try await service.start() }

        var http = TestHTTP(services[0].url, notes: notes)
        http.authority = options.certificates?.authority
        let admin = try await Self.administrator(http, folder, notes)
        let tokens = AdminTokens(admin, http)
        let secret = try await Self.account(
            "order-api", ["tokens:introspect"] + (options.runsPolicyService ? ["bundles:read"] : []), http,
            try await tokens.token())
        if let policyPort {
            let account = try await Self.account(
                "policy-service", ["tokens:introspect", "users:read"], http, try await tokens.token())
            let service = try Self.policyService(
                options, folder, broker, port: policyPort, issuer: services[0].url, secret: account,
                database: policyDatabase)
            try await service.start()
            policyService = service
        } else {
            policyService = nil
        }
        if options.runsOrderAPI {
            let service = try Self.orderAPI(
                options, folder, broker, issuer: services[0].url, introspecting: services[services.count - 1].url,
                secret: secret, policies: policyService?.url)
            try await service.start()
            orderAPI = service
        } else {
            orderAPI = nil
        }
        self.redis = redis
        self.broker = broker
        self.admin = admin
        self.notes = notes
        self.folder = folder
        tokenServices = services
        orderClient = ("order-api", secret)
        certificates = options.certificates
        adminTokens = tokens
    }

    /// Ends everything, services first.
    package func shutdown() async {
        for service in services { service.kill() }
        broker.kill()
        redis.kill()
        postgres?.kill()
        policyPostgres?.kill()
    }

    // MARK: - Using it

    /// token-service, or one of its replicas.
    package var http: TestHTTP { http(0) }
    package func http(_ replica: Int) -> TestHTTP {
        var http = TestHTTP(tokenServices[replica].url, notes: notes)
        http.authority = certificates?.authority
        return http
    }
    /// order-api.
    package var orders: TestHTTP {
        var http = TestHTTP(orderAPI?.url ?? "http://127.0.0.1:9", notes: notes)
        http.authority = certificates?.authority
        return http
    }

    /// policy-service.
    package var policies: TestHTTP { TestHTTP(policyService?.url ?? "http://127.0.0.1:9", notes: notes) }

    /// A token of the administrator with a second factor a few minutes old at most. Signs in when the last has aged, which
    /// takes a code.
    package func adminToken() async throws -> String { try await adminTokens.token() }

    /// Somebody with one role: created by the administrator, password changed, and with a second factor unless told
    /// otherwise; roles marked privileged cannot do anything without.
    package func person(_ role: String, enrol: Bool = true) async throws -> TestPerson {
        let name = "\(role)-\(UUID().uuidString.prefix(8).lowercased())"
        let made = try await http.call(
            "POST", "/v1/users", json: ["username": .string(name), "roles": [.string(role)]],
            token: try await adminToken()
        ).require(201)
        let person = TestPerson(
            username: name, password: try made.string("temporary_password"), id: try made.string("id"), notes: notes)
        try await person.changePassword(http)
        if enrol { try await person.enrol(http) }
        return person
    }

    /// Passwords, TOTP secrets, client secrets and tokens that this run made.
    package var secrets: Set<String> { notes.all }

    /// Those of the run's secrets that stand in a log.
    package var leaks: [String] { logs.flatMap(notes.secrets(in:)) }

    /// What all services have logged.
    package var logs: [String] { services.map(\.log) }

    private var services: [TestService] { tokenServices + [policyService, orderAPI].compactMap { $0 } }

    // MARK: - Setting up

    private static func tokenServices(
        _ options: TestSystemOptions, _ folder: TemporaryDirectory, _ redis: RedisServer, _ broker: KafkaBroker,
        database: String?, policyPort: Int?
    ) throws -> [TestService] {
        let ports = try (0..<max(1, options.replicas)).map { _ in try freePort() }
        let scheme = options.certificates == nil ? "http" : "https"
        let state = folder.file("token-service")
        var shared = [
            "ISSUER": "\(scheme)://127.0.0.1:\(ports[0])", "STATE_DIR": state,
            "SEALING_KEY_FILE": state + "/sealing.keys", "ADMIN_FILE": folder.file("admin.json"),
            "REDIS_URL": redis.url, "KAFKA_BOOTSTRAP_SERVERS": broker.bootstrapServers,
            "ROLES_FILE": Project.file("deploy/config/roles.yaml"),
            "PASSWORD_BLOCKLIST_FILE": Project.file("deploy/config/password-blocklist.txt"),
            "OPENAPI_FILE": Project.file("docs/openapi/token-service.yaml"),
            // What keeps guessers slow would keep the tests slow.
            "ARGON2_MEMORY_KIB": "64", "ARGON2_ITERATIONS": "1",
            "KEY_ANNOUNCEMENT": "5s", "JWKS_MAX_AGE": "1",
        ]
        shared.merge(tls(options)) { $1 }
        shared["DATABASE_URL"] = database ?? "sqlite://\(state)/token-service.db"
        if let policyPort { shared["POLICY_SERVICE_URL"] = "http://127.0.0.1:\(policyPort)" }
        shared.merge(options.environment) { $1 }
        return try ports.enumerated().map { index, port in
            try TestService(
                "token-service", name: "token-service-\(index)", port: port,
                environment: shared.merging(["REPLICA": "replica-\(index)"]) { $1 }, folder: folder, scheme: scheme)
        }
    }

    /// - Returns: the secret of a new service account.
    private static func account(
        _ id: String, _ permissions: [String], _ http: TestHTTP, _ token: String
    ) async throws -> String {
        let made = try await http.call(
            "POST", "/v1/service-accounts",
            json: [
                "client_id": .string(id), "name": .string(id), "permissions": .array(permissions.map { .string($0) }),
            ], token: token
        ).require(201)
        return try made.string("client_secret")
    }

    private static func policyService(
        _ options: TestSystemOptions, _ folder: TemporaryDirectory, _ broker: KafkaBroker, port: Int, issuer: String,
        secret: String, database: String?
    ) throws -> TestService {
        let state = folder.file("policy-service")
        var environment = [
            "ISSUER": options.environment["ISSUER"] ?? issuer, "TOKEN_SERVICE_URL": issuer, "AUDIENCE": "jts",
            "PUBLIC_URL": "http://127.0.0.1:\(port)", "STATE_DIR": state,
            "KAFKA_BOOTSTRAP_SERVERS": broker.bootstrapServers, "POLICIES_DIR": Project.file("policies"),
            "ROLES_FILE": Project.file("deploy/config/roles.yaml"),
            "OPENAPI_FILE": Project.file("docs/openapi/policy-service.yaml"), "CLIENT_ID": "policy-service",
            "CLIENT_SECRET_FILE": try folder.write(secret, to: "policy-service.secret"),
        ]
        environment["DATABASE_URL"] = database
        return try TestService(
            "policy-service", name: "policy-service", port: port,
            environment: environment.merging(options.policyEnvironment) { $1 }, folder: folder)
    }

    private static func orderAPI(
        _ options: TestSystemOptions, _ folder: TemporaryDirectory, _ broker: KafkaBroker, issuer: String,
        introspecting url: String, secret: String, policies: String?
    ) throws -> TestService {
        var environment = [
            "ISSUER": options.environment["ISSUER"] ?? issuer, "TOKEN_SERVICE_URL": url, "AUDIENCE": "jts",
            "STATE_DIR": folder.file("order-api"), "KAFKA_BOOTSTRAP_SERVERS": broker.bootstrapServers,
            "OPENAPI_FILE": Project.file("docs/openapi/order-api.yaml"), "CLIENT_ID": "order-api",
            "CLIENT_SECRET_FILE": try folder.write(secret, to: "order-api.secret"),
        ]
        if let policies {
            environment["POLICY_SERVICE_URL"] = policies
            environment["POLICY_JWKS_FILE"] = folder.file("policy-service") + "/statement-keys.json"
            environment["POLICY_CACHE_DIR"] = folder.file("order-api") + "/policy"
        }
        let port = try freePort()
        let scheme = options.certificates == nil ? "http" : "https"
        // `htu` of DPoP proofs is compared with it.
        let base = environment.merging(["PUBLIC_URL": "\(scheme)://127.0.0.1:\(port)"]) { $1 }.merging(tls(options)) {
            $1
        }
        return try TestService(
            "order-api", name: "order-api", port: port,
            environment: base.merging(options.orderEnvironment) { $1 }, folder: folder, scheme: scheme)
    }

    private static func tls(_ options: TestSystemOptions) -> [String: String] {
        guard let certificates = options.certificates else { return [:] }
        return [
            "TLS_CERT_FILE": certificates.certificate, "TLS_KEY_FILE": certificates.key,
            "TLS_CLIENT_AUTH": "optional", "TLS_CLIENT_CA_FILE": certificates.authority,
            "TOKEN_SERVICE_CA_FILE": certificates.authority,
        ]
    }

    private static func administrator(
        _ http: TestHTTP, _ folder: TemporaryDirectory, _ notes: SecretNotes
    ) async throws -> TestPerson {
        let text = try String(contentsOfFile: folder.file("admin.json"), encoding: .utf8)
        let first = try JSONValue(parsing: text)
        guard let username = first["username"]?.string, let password = first["password"]?.string else {
            throw TestHTTP.Unexpected(description: "admin.json names nobody")
        }
        let admin = TestPerson(username: username, password: password, notes: notes)
        try await admin.changePassword(http)
        try await admin.enrol(http)
        return admin
    }
}

/// The administrator's present token, renewed by one caller at a time.
private actor AdminTokens {
    private let admin: TestPerson
    private let http: TestHTTP
    private var renewal: (task: Task<String, any Error>, at: ContinuousClock.Instant)?

    init(_ admin: TestPerson, _ http: TestHTTP) {
        self.admin = admin
        self.http = http
    }

    func token() async throws -> String {
        // Administration asks for a second factor at most five minutes old.
        if let renewal, .now - renewal.at < .seconds(200) {
            do { return try await renewal.task.value } catch { self.renewal = nil }
        }
        let task = Task { [admin, http] in try await admin.signIn(http).access }
        renewal = (task, .now)
        return try await task.value
    }
}
