import JOSE
import Logging
import ServiceKit
import ServiceLifecycle
import Synchronization

/// The keys of an issuer, fetched from its JWK Set (RFC 7517 section 5).
///
/// Fetched once however many ask; again before they expire, with `If-None-Match`; and on an unknown key id, at a bounded
/// rate, so that nobody can drive requests to the issuer with made-up ids: whoever names one too early waits for the next
/// fetch, for it may be a key made a moment ago. A fetch that fails leaves the keys as they
/// are, for a time. Run it as a service to have keys refreshed while no token comes.
public final class RemoteJWKS: VerificationKeys, Service {
    public struct Options: Sendable {
        /// How long an answer that says nothing of its age is used.
        public var standardAge: Duration = .seconds(300)
        /// What `max-age` is held between.
        public var ages: ClosedRange<Duration> = .seconds(1) ... .seconds(3_600)
        /// At least so much lies between two fetches that unknown key ids bring about.
        public var unknownKeyInterval: Duration = .seconds(1)
        /// For how long an unknown id may wait for that; beyond it, nothing can be said about the token.
        public var longestWait: Duration = .seconds(1)
        /// How many may wait for that at a time, so that made-up ids cannot keep a service busy.
        public var maxWaiting = 64
        /// How long keys are used whose refresh fails. No token lives as long.
        public var keptOnFailure: Duration = .seconds(3_600)
        public var timeout: Duration = .seconds(3)
        /// Bytes of the document.
        public var maxBytes = 262_144
        public var maxKeys = 64
        /// A file that holds the keys that were fetched last, mode 0600; nil: none. They are gone by where they have never been
        /// fetched since the start and cannot be.
        public var keptIn: String?

        public init() {}
    }

    public struct Statistics: Sendable, Equatable {
        public var fetches = 0
        public var failures = 0
        /// Answers that nothing has changed.
        public var unchanged = 0
        public var keys = 0
    }

    private struct State {
        var table = KeyTable()
        /// Of an earlier run, until keys are fetched.
        var kept: KeyTable?
        var entityTag: String?
        var flight: Task<Bool, Never>?
        /// A fetch that begins when the interval has passed, and those who wait for it.
        var next: Task<Bool, Never>?
        var waiting = 0
        var fetched: ContinuousClock.Instant?
        var refreshAt: ContinuousClock.Instant?
        var discardAt: ContinuousClock.Instant?
        var lastAttempt: ContinuousClock.Instant?
        var consecutiveFailures = 0
        var statistics = Statistics()
    }

    private enum Outcome {
        case fetched(KeyTable, [JWK], entityTag: String?, age: Duration)
        case unchanged(age: Duration)
        case failed(String)
    }

    public let url: String
    private let options: Options
    private let transport: HTTPTransport
    private let logger: Logger
    private let state = Mutex(State())
    private let generations = Atomic<UInt64>(0)

    public convenience init(
        url: String, options: Options = Options(), security: HTTPTransportSecurity = HTTPTransportSecurity(),
        logger: Logger
    ) throws {
        self.init(url: url, options: options, transport: try HTTPTransport(security), logger: logger)
    }

    init(url: String, options: Options, transport: HTTPTransport, logger: Logger) {
        self.url = url
        self.options = options
        self.transport = transport
        self.logger = logger
        guard let kept = options.keptIn.flatMap({ KeptJWKS(path: $0).read(options) }) else { return }
        state.withLock {
            $0.kept = KeyTable(kept)
            $0.refreshAt = .now
        }
    }

    public var statistics: Statistics { state.withLock { $0.statistics } }

    /// Keys were fetched and may still be used.
    public var hasKeys: Bool { state.withLock { $0.fetched != nil && !RemoteJWKS.areTooOld($0, .now) } }

    // MARK: - Keys

    public var generation: UInt64 { generations.load(ordering: .acquiring) }

    public func keyAtHand(_ keyID: String, algorithm: JWSAlgorithm) -> VerificationKey? {
        let now = ContinuousClock.now
        let (key, isDue) = state.withLock { state -> (VerificationKey?, Bool) in
            guard !RemoteJWKS.areTooOld(state, now) else { return (nil, false) }
            let isDue = state.flight == nil && state.refreshAt.map { $0 <= now } ?? false
            return ((state.kept ?? state.table)[keyID, algorithm], isDue)
        }
        // Nobody waits for a refresh while there are keys.
        if isDue { _ = fetching() }
        return key
    }

    public func key(_ keyID: String, algorithm: JWSAlgorithm) async throws(KeysUnavailable) -> VerificationKey? {
        // What was kept may have been withdrawn since: it is gone by where nothing can be fetched.
        let isDue = state.withLock { $0.kept != nil && ($0.flight != nil || ($0.refreshAt ?? .now) <= .now) }
        if isDue { await refresh() }
        if let key = keyAtHand(keyID, algorithm: algorithm) { return key }
        if let flight = state.withLock({ $0.flight }) {
            guard await flight.value else { throw KeysUnavailable() }
            if let key = keyAtHand(keyID, algorithm: algorithm) { return key }
        }
        // Only a fetch that begins from here on can tell that there is no such key: one may have been made since the last.
        guard await fetchedAnew() else { throw KeysUnavailable() }
        return keyAtHand(keyID, algorithm: algorithm)
    }

    /// Waits for a fetch that begins after the call.
    /// - Returns: whether it succeeded; false as well when it would take too long.
    private func fetchedAnew() async -> Bool {
        let now = ContinuousClock.now
        let (fetch, waits) = state.withLock { state -> (Task<Bool, Never>?, Bool) in
            guard state.flight == nil, let last = state.lastAttempt else { return (flight(&state), false) }
            let due = last + options.unknownKeyInterval
            if due <= now { return (flight(&state), false) }
            // After a failure nobody waits for what may fail again.
            guard state.fetched != nil, state.consecutiveFailures == 0, due - now <= options.longestWait,
                state.waiting < options.maxWaiting
            else { return (nil, false) }
            state.waiting += 1
            return (next(&state, at: due), true)
        }
        defer { if waits { state.withLock { $0.waiting -= 1 } } }
        return await fetch?.value ?? false
    }

    /// The fetch that unknown ids wait for.
    private func next(_ state: inout State, at due: ContinuousClock.Instant) -> Task<Bool, Never> {
        if let next = state.next { return next }
        // Not the caller's: others wait for it as well.
        let task = Task { [self] in
            try? await Task.sleep(until: due, clock: .continuous)
            let fetch = self.state.withLock { state in
                // Who comes from here on waits for another one.
                state.next = nil
                return flight(&state)
            }
            return await fetch.value
        }
        state.next = task
        return task
    }

    /// Fetches the keys, or waits for whoever is doing so.
    /// - Returns: whether the keys are known afterwards.
    @discardableResult
    public func refresh() async -> Bool { await fetching().value }

    /// Refreshes the keys whenever they are about to expire, until the service shuts down.
    public func run() async throws {
        try? await cancelWhenGracefulShutdown { [self] in
            while !Task.isCancelled {
                let due = state.withLock { $0.refreshAt } ?? .now
                if due > .now { try await Task.sleep(until: due, clock: .continuous) }
                // Somebody else may have fetched them meanwhile.
                if (state.withLock { $0.refreshAt } ?? .now) <= .now { await refresh() }
            }
        }
    }

    // MARK: - Fetching

    private static func areTooOld(_ state: State, _ now: ContinuousClock.Instant) -> Bool {
        state.discardAt.map { $0 <= now } ?? false
    }

    private func fetching() -> Task<Bool, Never> { state.withLock { flight(&$0) } }

    /// The fetch that is under way, or a new one.
    private func flight(_ state: inout State) -> Task<Bool, Never> {
        if let flight = state.flight { return flight }
        let entityTag = state.entityTag
        // Not the caller's: others wait for it as well.
        let task = Task { [self] in take(await fetch(entityTag)) }
        state.flight = task
        state.statistics.fetches += 1
        return task
    }

    private func fetch(_ entityTag: String?) async -> Outcome {
        var headers = [("Accept", "application/jwk-set+json, application/json")]
        if let entityTag { headers.append(("If-None-Match", entityTag)) }
        do {
            let answer = try await transport.send(
                "GET", url, headers: headers, limit: options.maxBytes, timeout: options.timeout)
            let stated = answer.header("cache-control").flatMap(CacheControl.maxAge).map { Duration.seconds($0) }
            let age = min(max(stated ?? options.standardAge, options.ages.lowerBound), options.ages.upperBound)
            switch answer.status {
            case 200:
                let set = try JWKSet(parsing: answer.body)
                guard set.keys.count <= options.maxKeys else { return .failed("more than \(options.maxKeys) keys") }
                return .fetched(KeyTable(set.keys), set.keys, entityTag: answer.header("etag"), age: age)
            case 304 where entityTag != nil: return .unchanged(age: age)
            default: return .failed("status \(answer.status)")
            }
        } catch {
            return .failed("\(error)")
        }
    }

    private func take(_ outcome: Outcome) -> Bool {
        if case .fetched(_, let keys, _, _) = outcome, let path = options.keptIn {
            do { try KeptJWKS(path: path).write(keys) } catch {
                logger.warning("keys cannot be kept on disk", metadata: ["error": "\(error)"])
            }
        }
        let now = ContinuousClock.now
        let (succeeded, fault) = state.withLock { state -> (Bool, String?) in
            state.flight = nil
            state.lastAttempt = now
            switch outcome {
            case .fetched(let table, _, let entityTag, let age):
                let withdraws = (state.kept ?? state.table).loses(to: table)
                state.table = table
                state.kept = nil
                state.entityTag = entityTag
                settle(&state, age, now)
                // After the table: whoever reads the new generation finds the new keys.
                if withdraws { generations.add(1, ordering: .releasing) }
                return (true, nil)
            case .unchanged(let age):
                state.statistics.unchanged += 1
                settle(&state, age, now)
                return (true, nil)
            case .failed(let fault):
                state.consecutiveFailures += 1
                state.statistics.failures += 1
                state.refreshAt = now + RemoteJWKS.backoff(state.consecutiveFailures)
                if RemoteJWKS.areTooOld(state, now), state.table.count > 0 {
                    state.table = KeyTable()
                    state.entityTag = nil
                    // Tokens that were verified before are not taken any more either.
                    generations.add(1, ordering: .releasing)
                }
                return (false, state.consecutiveFailures == 1 ? fault : nil)
            }
        }
        if let fault { logger.warning("fetching the issuer's keys fails", metadata: ["error": "\(fault)"]) }
        return succeeded
    }

    private func settle(_ state: inout State, _ age: Duration, _ now: ContinuousClock.Instant) {
        if state.consecutiveFailures > 0 { logger.info("the issuer's keys can be fetched again") }
        state.consecutiveFailures = 0
        state.statistics.keys = state.table.count
        state.fetched = now
        // Spread, so that the replicas of a service do not all ask at once.
        state.refreshAt = now + age * Double.random(in: 0.7...0.8)
        state.discardAt = now + age + options.keptOnFailure
    }

    /// A quarter of a second, doubled up to half a minute, spread by half.
    private static func backoff(_ failures: Int) -> Duration {
        .seconds(min(30, 0.25 * Double(1 << min(failures - 1, 10))) * Double.random(in: 0.75...1.25))
    }
}
