import Foundation
import Logging
import NIOPosix
import RateLimits
import Redis
import RouteTesting
import ServiceKit
import StrictJSON
import Synchronization
import TestSupport
import Testing

@testable import RateLimitService

let quiet = Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() })

/// The servers that these tests share; every test has keys of its own.
enum Shared {
    private static let redisTask = Task { try await RedisServer() }
    private static let clusterTask = Task { try await RedisCluster() }
    static func redis() async throws -> RedisServer { try await redisTask.value }
    static func cluster() async throws -> RedisCluster { try await clusterTask.value }

    /// A client that is patient: for tests that are not about time.
    static func client(_ url: String, timeout: Duration = .seconds(5)) throws -> RedisClient {
        var configuration = try RedisConfiguration(url: url)
        configuration.timeout = timeout
        configuration.waitForConnection = timeout
        return RedisClient(configuration, eventLoopGroup: MultiThreadedEventLoopGroup.singleton, logger: quiet)
    }
}

/// Numbers that are the same in every run, so that what fails once fails again.
struct SplitMix: RandomNumberGenerator {
    private var state: UInt64

    init(_ seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}

/// Names that no other test uses.
func unique(_ prefix: String = "t") -> String { "\(prefix)-\(UUID().uuidString.lowercased().prefix(13))" }

extension Descriptors {
    /// A user of a test.
    static func user(_ name: String, _ more: [String: String] = [:]) -> Descriptors {
        Descriptors(more.merging(["user": name]) { $1 })
    }
}

/// A replica of the service without sockets and without Kafka.
final class Replica: Sendable {
    static let service = "svc/limits:check"

    let platform: Platform
    let service: Assembly
    let caller: RouteCaller
    private let folder: TemporaryDirectory
    private let tasks: [Task<Void, Never>]

    /// - Parameters:
    ///   - limits: the document.
    ///   - deadline: within which Redis has to answer.
    ///   - runs: whether it looks for Redis when that is away, and gives back permits.
    init(
        _ url: String, _ limits: String, replicas: Int = 1, deadline: String = "5s", runs: Bool = false
    ) async throws {
        folder = try TemporaryDirectory("jts-limits")
        let source = ConfigSource(environment: [
            "STATE_DIR": folder.path, "REDIS_URL": url, "REDIS_DEADLINE": deadline, "REPLICAS": "\(replicas)",
            "LIMITS_FILE": try folder.write(limits, to: "limits.yaml"), "KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1",
        ])
        let configuration = RateLimitServiceConfiguration(source)
        let settings = HTTPServerSettings(source, defaultPort: 7003)
        try source.finish()
        let platform = try await Platform.open(configuration, logger: quiet)
        try await platform.migrate()
        let service = try Assembly(
            platform, authenticator: NamingAuthenticator(now: platform.clock), settings: settings,
            metrics: MetricsRegistry())
        await service.prepare()
        self.platform = platform
        self.service = service
        caller = RouteCaller(service.router)
        guard runs else {
            tasks = []
            return
        }
        tasks = [
            Task {
                while !Task.isCancelled {
                    await service.recovery.run()
                    try? await service.outages.run()
                    service.limiter.blocks?.sweep()
                    try? await Task.sleep(for: .milliseconds(20))
                }
            }
        ]
    }

    deinit { for task in tasks { task.cancel() } }

    var limiter: Limiter { service.limiter }

    func stop() async {
        for task in tasks {
            task.cancel()
            await task.value
        }
        await platform.redis.shutdown()
        await platform.database.shutdown()
    }

    func check(_ descriptors: Descriptors, cost: Int64 = 1) async -> Decision {
        await limiter.check(descriptors, cost: cost)
    }

    /// Types of the events that were put on record.
    func events() async throws -> [String] {
        try await platform.database.query("SELECT payload FROM outbox_events ORDER BY id").compactMap {
            try JSONValue(parsing: try $0.text("payload"))["type"]?.string
        }
    }
}

/// What was admitted when, looked through from the start.
struct AdmittedLog {
    private(set) var entries: [(time: Int64, cost: Int64)] = []

    mutating func add(_ time: Int64, _ cost: Int64) { entries.append((time, cost)) }

    /// The most that any window of a length holds.
    func most(in span: Int64) -> Int64 {
        let sorted = entries.sorted { $0.time < $1.time }
        var (most, sum, first): (Int64, Int64, Int) = (0, 0, 0)
        for entry in sorted {
            sum += entry.cost
            while sorted[first].time <= entry.time - span {
                sum -= sorted[first].cost
                first += 1
            }
            most = max(most, sum)
        }
        return most
    }
}

/// A clock that tests turn.
final class Clock: Sendable {
    private let value = Atomic<Int64>(0)
    init(_ now: Int64 = 0) { self.now = now }
    var now: Int64 {
        get { value.load(ordering: .sequentiallyConsistent) }
        set { value.store(newValue, ordering: .sequentiallyConsistent) }
    }
}
