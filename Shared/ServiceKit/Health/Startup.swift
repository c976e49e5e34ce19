import Logging

/// The wait for what a service cannot start without.
public enum Startup {
    /// Waits until every required dependency is up, asking again after 100 ms to 5 s, with jitter. What is missing is
    /// logged when that changes.
    /// - Throws: `CancellationError`.
    public static func waitForDependencies(_ health: HealthChecks, logger: Logger) async throws {
        try await waitForDependencies(health, logger: logger) { try await Task.sleep(for: $0) }
    }

    static func waitForDependencies(
        _ health: HealthChecks, logger: Logger, sleep: (Duration) async throws -> Void
    ) async throws {
        var known: Set<String> = []
        var ceiling: Int64 = 100
        while true {
            try Task.checkCancellation()
            let missing = await health.outcomes().filter { $0.isRequired && $0.error != nil }
            let names = Set(missing.map(\.name))
            if names != known, !missing.isEmpty {
                logger.notice(
                    "waiting for what the service depends on",
                    metadata: [
                        "missing": .array(missing.map { .string($0.name) }),
                        "errors": .array(missing.map { .string(Redaction.scrub($0.error ?? "")) }),
                    ])
            }
            if missing.isEmpty {
                if !known.isEmpty { logger.notice("everything that the service depends on is there") }
                return
            }
            known = names
            try await sleep(.milliseconds(Int64.random(in: ceiling / 2...ceiling)))
            ceiling = min(5_000, ceiling * 2)
        }
    }
}
