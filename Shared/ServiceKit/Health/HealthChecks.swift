import Logging
import Synchronization

/// The checks of what a service depends on, behind `/readyz`.
///
/// A run asks all dependencies at the same time and takes two seconds at most; its result serves whoever asks within the
/// next second, and concurrent callers share one run, so that probes cannot flood the dependencies.
public final class HealthChecks: Sendable {
    public typealias Check = @Sendable () async throws -> Void

    struct Registration: Sendable {
        let name: String
        let isRequired: Bool
        let check: Check
    }

    /// What one run found.
    struct Outcome: Sendable {
        let name: String
        let isRequired: Bool
        /// nil when the dependency is up.
        let error: String?
    }

    private struct State {
        var registrations: [Registration] = []
        var isDraining = false
        var latest: (outcomes: [Outcome], at: ContinuousClock.Instant)?
        var running: Task<[Outcome], Never>?
        /// Changes with the registrations: a run that began before does not count for those after.
        var generation = 0
        /// What was last written to the log about each dependency.
        var logged: [String: String] = [:]
    }

    private let state = Mutex(State())
    private let checkLimit: Duration
    private let cacheTime: Duration
    private let logger: Logger

    public convenience init() { self.init(checkLimit: .seconds(2), cacheTime: .seconds(1)) }

    init(checkLimit: Duration, cacheTime: Duration, logger: Logger = Logger(label: "health")) {
        self.checkLimit = checkLimit
        self.cacheTime = cacheTime
        self.logger = logger
    }

    /// Adds a dependency.
    /// - Parameters:
    ///   - isRequired: whether the service is of use without it.
    ///   - check: returns when the dependency is up and throws why not. It is cancelled after two seconds.
    public func register(_ name: String, isRequired: Bool = true, check: @escaping Check) {
        state.withLock { state in
            state.registrations.removeAll { $0.name == name }
            state.registrations.append(Registration(name: name, isRequired: isRequired, check: check))
            state.latest = nil
            state.running = nil
            state.generation += 1
        }
    }

    /// From now on the service is not ready, whatever it depends on.
    public func startDraining() { state.withLock { $0.isDraining = true } }

    public var isDraining: Bool { state.withLock { $0.isDraining } }

    public func report() async -> HealthReport {
        let dependencies = await outcomes().map {
            HealthReport.Dependency(name: $0.name, isRequired: $0.isRequired, isUp: $0.error == nil)
        }
        return HealthReport(isDraining: isDraining, dependencies: dependencies)
    }

    /// The latest run's, or a new one's when that is too old.
    func outcomes() async -> [Outcome] {
        enum Next {
            case known([Outcome])
            case wait(Task<[Outcome], Never>)
        }
        let next: Next = state.withLock { state in
            if let latest = state.latest, ContinuousClock.now - latest.at < cacheTime { return .known(latest.outcomes) }
            if let running = state.running { return .wait(running) }
            let (registrations, generation) = (state.registrations, state.generation)
            // On its own: the run is everybody's, and does not end because one of those who wait for it does.
            let run = Task.detached { await self.run(registrations, generation) }
            state.running = run
            return .wait(run)
        }
        switch next {
        case .known(let outcomes): return outcomes
        case .wait(let run): return await run.value
        }
    }

    private func run(_ registrations: [Registration], _ generation: Int) async -> [Outcome] {
        let errors = await withTaskGroup(of: (Int, String?).self) { group in
            for (index, registration) in registrations.enumerated() {
                group.addTask { (index, await Self.ask(registration.check, within: self.checkLimit)) }
            }
            return await group.reduce(into: [String?](repeating: nil, count: registrations.count)) { $0[$1.0] = $1.1 }
        }
        let outcomes = zip(registrations, errors).map {
            Outcome(name: $0.name, isRequired: $0.isRequired, error: $1)
        }
        let changes = state.withLock { state in
            if state.generation == generation {
                state.latest = (outcomes, ContinuousClock.now)
                state.running = nil
            }
            return Self.changes(outcomes, &state.logged)
        }
        for change in changes { log(change) }
        return outcomes
    }

    /// Returns why the dependency is down, nil when it is up. Does not wait for a check that takes no notice of its
    /// cancellation.
    private static func ask(_ check: @escaping Check, within limit: Duration) async -> String? {
        let (answers, answer) = AsyncStream.makeStream(of: String?.self, bufferingPolicy: .bufferingOldest(1))
        let asking = Task {
            do {
                try await check()
                answer.yield(nil)
            } catch { answer.yield(Redaction.scrub("\(error)")) }
        }
        let limiting = Task {
            guard (try? await Task.sleep(for: limit)) != nil else { return }
            answer.yield("no answer within \(limit)")
        }
        defer {
            asking.cancel()
            limiting.cancel()
        }
        for await error in answers { return error }
        return "cancelled"
    }

    private static func changes(_ outcomes: [Outcome], _ logged: inout [String: String]) -> [Outcome] {
        outcomes.filter { outcome in
            guard logged[outcome.name] != outcome.error else { return false }
            logged[outcome.name] = outcome.error
            return true
        }
    }

    private func log(_ outcome: Outcome) {
        if let error = outcome.error {
            logger.warning("a dependency is down", metadata: ["dependency": "\(outcome.name)", "error": "\(error)"])
        } else {
            logger.info("a dependency is up again", metadata: ["dependency": "\(outcome.name)"])
        }
    }
}
