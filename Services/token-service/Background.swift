import Logging
import ServiceKit
import ServiceLifecycle

/// Does something when the service shuts down.
struct ShutdownHook: Service {
    let work: @Sendable () async -> Void

    func run() async throws {
        try? await gracefulShutdown()
        await work()
    }
}

/// What every replica does again and again.
enum Upkeep {
    static func tasks(
        _ platform: Platform, keys: SigningKeys, follower: RevocationFollower, revocations: Revocations,
        sessions: Sessions, roles: RoleFollower
    ) -> [any Service] {
        let configuration = platform.configuration
        let clock = platform.clock
        func task(_ name: String, _ interval: Duration, _ work: @escaping @Sendable () async throws -> Void)
            -> any Service
        {
            PeriodicTask(name: name, interval: interval, logger: platform.logger, work: work)
        }
        // Keys rotate daily in earnest and every second in tests; a quarter of the time is early enough for both.
        let keyCheck = min(1_000, max(200, configuration.keyRotation / 4))
        return [
            task("looking after signing keys", .milliseconds(keyCheck)) { try await keys.maintain() },
            task("reading revocations", .milliseconds(500)) { try await follower.follow() },
            task("settling ended sessions", .seconds(2)) { try await sessions.sweep(olderThan: 5_000) },
            task("keeping sealed values under the present key", .seconds(20)) {
                try await Rewrapping(platform).run()
            },
            task("going by other replicas' roles", .seconds(1)) { try await roles.follow() },
            task("forgetting old revocations", .seconds(300)) { try await revocations.purge(now: clock()) },
        ]
    }
}
