import Cedar
import Database
import EventBus
import Foundation
import JOSE
import Logging
import RouteTesting
import ServiceKit
import StrictJSON
import Synchronization
import TestSupport
import Testing

@testable import PolicyService
@testable import SecurityClient

let quiet = Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() })

/// The PostgreSQL server that these tests share; each has a database of its own in it.
enum SharedPostgres {
    private static let server = Task { try await PostgresServer() }
    static func get() async throws -> PostgresServer { try await server.value }
}

/// policy-service over a database of its own, without sockets and without Kafka, and a clock that tests turn.
final class PolicyWorld: Sendable {
    static let start: Int64 = 1_800_000_000_000
    /// The folder that is shipped.
    static let shipped = Project.file("policies")

    let platform: Platform
    let service: Assembly
    let caller: RouteCaller
    let people: KnownPeople
    private let time: Time
    private let folder: TemporaryDirectory

    final class Time: Sendable {
        let value = Mutex(PolicyWorld.start)
    }

    /// - Parameters:
    ///   - policies: the folder that is active at the first start.
    ///   - other: whose database is shared: another replica.
    init(
        _ dialect: SQLDialect = .sqlite, policies: String = PolicyWorld.shipped, fourEyes: Bool = true,
        replicaOf other: PolicyWorld? = nil
    ) async throws {
        folder = try TemporaryDirectory("jts-policies")
        let time = other?.time ?? Time()
        self.time = time
        people = other?.people ?? KnownPeople()
        let url =
            if let other { other.platform.configuration.databaseURL.exposed } else if dialect == .sqlite {
                "sqlite://\(folder.path)/policies.db"
            } else { try await SharedPostgres.get().makeDatabase() }
        let source = ConfigSource(environment: [
            "STATE_DIR": folder.path, "DATABASE_URL": url, "POLICIES_DIR": policies,
            "FOUR_EYES": fourEyes ? "true" : "false", "KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1",
            "ROLES_FILE": Project.file("deploy/config/roles.yaml"),
            "SEALING_KEY_FILE": other?.platform.configuration.keyFile ?? folder.file("sealing.keys"),
        ])
        let configuration = PolicyServiceConfiguration(source)
        let settings = HTTPServerSettings(source, defaultPort: 7002)
        try source.finish()
        let opened = try await Platform.open(configuration, logger: quiet)
        platform = Platform(
            configuration: configuration, database: opened.database, sealer: opened.sealer, outbox: opened.outbox,
            clock: { time.value.withLock { $0 } }, logger: quiet)
        try await platform.migrate()
        service = try await Assembly(
            platform, authenticator: NamingAuthenticator { time.value.withLock { $0 } }, people: people,
            settings: settings, metrics: MetricsRegistry())
        try await service.prepare()
        caller = RouteCaller(service.router)
    }

    /// Milliseconds since the epoch.
    var now: Int64 { time.value.withLock { $0 } }
    func advance(milliseconds: Int64) { time.value.withLock { $0 += milliseconds } }

    static let administrator =
        "ada/policies:read,policies:write,policies:activate,entities:read,entities:write,bundles:read,decisions:evaluate,killswitch:use"
    static let second = "bob/policies:read,policies:activate"

    /// The files of a folder as the API takes them, with some replaced.
    static func files(
        _ folder: String = PolicyWorld.shipped, _ changed: [String: String] = [:], withoutTests: Bool = false
    ) throws -> JSONValue {
        var files = try FirstPolicies.read(folder).files
        if withoutTests { files = files.filter { !$0.key.hasPrefix("tests/") } }
        for (path, text) in changed { files[path] = text }
        return try PolicyContent(files: files).json
    }

    /// Stores a version, has it proposed and approved, and returns the activation.
    @discardableResult
    func activate(_ files: JSONValue) async throws -> JSONValue {
        let stored = try await caller.send(
            .post, "/v1/policies/versions", ["files": files, "reason": "test"], as: PolicyWorld.administrator)
        let version = try #require(stored["version"], "\(stored.json)")
        let proposed = try await caller.send(
            .post, "/v1/policies/activations", ["version": version, "reason": "test"], as: PolicyWorld.administrator)
        let id = try #require(proposed["id"]?.int, "\(proposed.json)")
        return try await caller.send(.post, "/v1/policies/activations/\(id)/approve", as: PolicyWorld.second).json
    }

    /// Puts entities.
    func put(_ entities: [JSONValue]) async throws {
        let answer = try await caller.send(
            .post, "/v1/entities", ["put": .array(entities), "reason": "test"], as: PolicyWorld.administrator)
        guard answer.status == 200 else { throw Unexpected(json: answer.json) }
    }

    struct Unexpected: Error { let json: JSONValue }

    /// Events that wait in the outbox: their types.
    func events() async throws -> [String] {
        try await platform.database.query("SELECT payload FROM outbox_events ORDER BY id").compactMap {
            try JSONValue(parsing: try $0.text("payload"))["type"]?.string
        }
    }
}
