import Cedar
import Contracts
import EventBus
import Foundation
import JOSE
import Logging
import ServiceKit
import ServiceLifecycle
import StrictJSON
import Synchronization

/// Keeps a `PolicyReplica` at what policy-service says: bundles are fetched with their ETag, changes are applied as the
/// feed tells of them, and the last good ones are kept on disk.
public final class PolicyClient: Service {
    private struct State {
        var tags: [PolicyStatement.Kind: String] = [:]
        /// When policy-service last signed that what is here is what it has, milliseconds since the epoch. An answer that
        /// is played back later makes nothing younger.
        var signedAt: [PolicyStatement.Kind: Int64] = [:]
        /// From when on the feed is known without a gap, milliseconds since the epoch.
        var feedFrom = Int64.max
        /// The highest numbers that the feed has told of.
        var announcedPolicies: Int64 = -1
        var announcedEntities: Int64 = -1
        /// How many changes the feed told of that could not be read, and how many of them the last fetch made good.
        var unread = 0
        var madeGood = 0
        /// When something was last taken over.
        var appliedAt: Int64 = 0
        var failing = false
        /// Why a bundle did not come last, for the log.
        var fault = ""

        /// When both bundles were last known to be what policy-service has.
        var confirmedAt: Int64? {
            guard let policies = signedAt[.policies], let entities = signedAt[.entities] else { return nil }
            return min(policies, entities)
        }
    }

    /// How far (milliseconds) back the feed is read at first.
    private static let lookback: Int64 = 60_000

    /// How far (milliseconds) replicas of policy-service may be behind each other.
    private static let replicaLag: Int64 = 10_000

    package let replica = PolicyReplica()
    private let configuration: PolicyClientConfiguration
    private let source: PolicySource
    private let keys: any VerificationKeys
    private let feed: FeedReader?
    private let files: PolicyFiles?
    private let clock: @Sendable () -> Int64
    private let logger: Logger
    private let state = Mutex(State())
    private let loop: FetchLoop
    private let applied: Counter
    private let refused: Counter
    /// Told of everything that was not taken.
    private let onRefusal: Mutex<(@Sendable (PolicyStatement.Kind, PolicyReplica.Refusal) -> Void)?> = Mutex(nil)

    init(
        _ configuration: PolicyClientConfiguration, url: String, transport: HTTPTransport,
        token: any ServiceTokenSource,
        keys: any VerificationKeys, kafka: KafkaConfiguration?, metrics: MetricsRegistry, logger: Logger,
        clock: @escaping @Sendable () -> Int64 = { WallClock.milliseconds() }
    ) {
        self.configuration = configuration
        source = PolicySource(url: url, transport: transport, token: token, keys: keys)
        self.keys = keys
        self.clock = clock
        self.logger = logger
        files = configuration.cacheDirectory.map { PolicyFiles(folder: $0) }
        feed = kafka.map {
            FeedReader(
                topics: [Topic.policyChanged.rawValue], kafka: $0, since: .milliseconds(PolicyClient.lookback),
                registeredOutboxes: ["policy-service/main"], logger: logger)
        }
        loop = FetchLoop(every: configuration.refreshEvery)
        applied = metrics.counter("policy_changes_applied_total", help: "Policies and entities taken over.")
        refused = metrics.counter("policy_bundles_refused_total", help: "Bundles and changes not taken.")
        metrics.gauge("policy_staleness_seconds", help: "For how long policies may have been others.") { [weak self] in
            guard let self else { return nil }
            return self.staleness(now: self.clock()).map { $0 / .seconds(1) }
        }
        metrics.gauge("policy_sequence", help: "The number of the activation that is decided by.") { [weak self] in
            self?.replica.policySequence.map { Double($0) }
        }
    }

    /// What is told of everything that is not taken: signed by nobody known, older than what was here, or broken.
    package func onRefusal(_ body: @escaping @Sendable (PolicyStatement.Kind, PolicyReplica.Refusal) -> Void) {
        onRefusal.withLock { $0 = body }
    }

    // MARK: Freshness

    /// For how long it is not known what policy-service decides by; nil when it never was.
    public func staleness(now: Int64) -> Duration? {
        guard replica.snapshot != nil else { return nil }
        let known = state.withLock { $0 }
        // The feed vouches for what is here only where it goes on from it, and as far as all that it told of has been taken
        // over: it says nothing of what changed before it was read.
        let isWhole =
            known.confirmedAt.map { $0 >= known.feedFrom } ?? false
            && hasAllThatWasAnnounced
        let heard = isWhole ? feed.flatMap { $0.isCaughtUp ? $0.completeUpTo : nil } : nil
        let confirmed = [known.confirmedAt, heard]
        return confirmed.compactMap { $0 }.max().map { .milliseconds(max(0, now - $0)) }
    }

    public func isFresh(now: Int64) -> Bool {
        staleness(now: now).map { $0 < configuration.staleAfter } ?? false
    }

    // MARK: Running

    public func run() async throws {
        let start = clock()
        state.withLock { $0.feedFrom = start - PolicyClient.lookback }
        startFromDisk()
        try await cancelWhenGracefulShutdown { [self] in
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { [self] in await fetchAgainAndAgain() }
                if let feed { group.addTask { [self] in try await feed.run { [self] in handle($0) } } }
                try await group.waitForAll()
            }
        }
    }

    /// Takes what the last run left. It is as old as its signatures; when that is too old, nothing is known of its
    /// freshness until policy-service is heard.
    package func startFromDisk() {
        guard let files else { return }
        for kind in [PolicyStatement.Kind.policies, .entities] {
            guard let stored = files.read(kind) else { continue }
            // With the youngest statement of it, which counts for its age.
            let isTaken =
                files.renewed(kind, stored).map { take(kind, $0.statement, $0.body, from: "disk") } ?? false
                || take(kind, stored.statement, stored.body, from: "disk")
            if !isTaken { logger.notice("what was kept on disk is not taken", metadata: ["kind": "\(kind.rawValue)"]) }
        }
        if !isFresh(now: clock()) { state.withLock { $0.signedAt = [:] } }
    }

    /// Whether everything that the feed told of was taken over.
    var hasAllThatWasAnnounced: Bool {
        let known = state.withLock { $0 }
        return known.announcedPolicies <= replica.policySequence ?? -1
            && known.announcedEntities <= replica.entitySequence ?? -1 && known.madeGood == known.unread
    }

    private func fetchAgainAndAgain() async {
        await loop.run { [self] _ in
            // An event may be quicker than the replica that is asked: then it is asked again, and what is known to be missing
            // is asked for once a second at least.
            let isFetched = await fetch()
            guard hasAllThatWasAnnounced else { return .missing(longest: 1_000) }
            return isFetched ? .complete : .missing(longest: 10_000)
        }
    }

    /// Asks for both bundles.
    /// - Returns: false when one did not come.
    @discardableResult
    package func fetch() async -> Bool {
        let unread = state.withLock { $0.unread }
        let policies = await fetch(.policies)
        let entities = await fetch(.entities)
        let isWhole = policies && entities
        let told = state.withLock { state -> Bool in
            defer { state.failing = !isWhole }
            if isWhole { state.madeGood = max(state.madeGood, unread) }
            return state.failing == isWhole
        }
        if told {
            if isWhole {
                logger.info("policies are fetched")
            } else {
                logger.warning(
                    "policies cannot be fetched",
                    metadata: ["url": "\(source.url)", "reason": "\(state.withLock { $0.fault })"])
            }
        }
        return isWhole
    }

    private func fetch(_ kind: PolicyStatement.Kind) async -> Bool {
        let answer: PolicySource.Answer
        do throws(PolicySource.Failure) {
            answer = try await source.ask(kind, tag: state.withLock { $0.tags[kind] })
        } catch {
            switch error {
            case .none(let reason): return failed(reason)
            case .unknownKey:
                refuse(
                    kind, .untrusted("signed with a key that policy-service does not have"), from: "policy-service")
                return failed("refused")
            }
        }
        guard let body = answer.body else {
            guard isCurrent(kind, answer.statement) else { return false }
            keep { try $0.renew(kind, answer.statement) }
            return true
        }
        guard take(kind, answer.statement, body, from: "policy-service") else { return failed("refused") }
        state.withLock { $0.tags[kind] = answer.tag }
        keep { try $0.write(kind, PolicyFiles.Stored(statement: answer.statement, body: body)) }
        return true
    }

    private func failed(_ reason: String) -> Bool {
        state.withLock { $0.fault = reason }
        return false
    }

    /// Whether what is here is what a statement of now speaks of.
    private func isCurrent(_ kind: PolicyStatement.Kind, _ text: String) -> Bool {
        guard let statement = verified(kind, text) else { return false }
        guard statement.sequence == (kind == .policies ? replica.policySequence : replica.entitySequence) else {
            return false
        }
        confirm(kind, statement)
        return true
    }

    private func confirm(_ kind: PolicyStatement.Kind, _ statement: PolicyStatement) {
        // No clock that is ahead of this one makes anything younger.
        let at = min(clock(), min(max(0, statement.issuedAt), Int64.max / 1_000) * 1_000)
        state.withLock { $0.signedAt[kind] = max($0.signedAt[kind] ?? at, at) }
    }

    private func keep(_ write: (PolicyFiles) throws -> Void) {
        guard let files else { return }
        do { try write(files) } catch {
            logger.warning("policies cannot be kept on disk", metadata: ["error": "\(error)"])
        }
    }

    // MARK: The feed

    /// Runs on the reader's thread, one item after the other.
    func handle(_ item: FeedItem) {
        switch item {
        case .event(let event): apply(event)
        case .gap:
            let now = clock()
            state.withLock { $0.feedFrom = now }
            wake()
        case .heartbeat, .caughtUp: break
        }
    }

    /// Has the bundles fetched soon.
    private func wake() { loop.wake() }

    private func apply(_ event: CloudEvent) {
        guard let json = event.json(), let statement = json["statement"]?.string else { return }
        switch event.type {
        case "org.jts.policy.policies-activated":
            guard let activated = verified(.policies, statement) else { return missed() }
            state.withLock { $0.announcedPolicies = max($0.announcedPolicies, activated.sequence) }
            if activated.sequence > replica.policySequence ?? -1 { wake() }
        case "org.jts.policy.entities-changed":
            guard let changed = verified(.delta, statement) else { return missed() }
            state.withLock { $0.announcedEntities = max($0.announcedEntities, changed.sequence) }
            guard let body = json["body"]?.string else { return wake() }
            if !take(changed, Array(body.utf8), from: "the feed") { wake() }
        default: break
        }
    }

    /// A change was told of, and not which: signed with a key that is not known yet, or by nobody known. The feed vouches for
    /// nothing until policy-service was asked.
    private func missed() {
        state.withLock { $0.unread += 1 }
        wake()
    }

    // MARK: Taking

    private func verified(_ kind: PolicyStatement.Kind, _ text: String) -> PolicyStatement? {
        do throws(PolicyStatement.Fault) {
            return try PolicyStatement(verifying: text, kind: kind, issuer: configuration.issuer) {
                keys.keyAtHand($0, algorithm: $1)
            }
        } catch {
            // An unknown key may be one that has just been made: it is fetched with the next bundle.
            if case .untrusted(let reason) = error { refuse(kind, .untrusted(reason), from: "the statement") }
            return nil
        }
    }

    /// - Returns: whether what is here is now at least what was told.
    private func take(_ kind: PolicyStatement.Kind, _ text: String, _ body: [UInt8], from source: String) -> Bool {
        guard let statement = verified(kind, text) else { return false }
        return take(statement, body, from: source)
    }

    private func take(_ statement: PolicyStatement, _ body: [UInt8], from source: String) -> Bool {
        let kind = statement.kind
        do throws(PolicyReplica.Refusal) {
            let outcome: PolicyReplica.Outcome =
                switch kind {
                case .policies: try replica.takePolicies(statement, body: body)
                case .entities: try replica.takeEntities(statement, body: body)
                case .delta: try replica.takeDelta(statement, body: body)
                // Not what is decided by: others take them.
                case .roles, .shadow: throw .invalid("\(kind.rawValue) is not taken here")
                }
            if outcome == .applied {
                applied.increment()
                let now = clock()
                state.withLock { $0.appliedAt = now }
            }
            if outcome != .incomplete, kind != .delta { confirm(kind, statement) }
            return outcome != .incomplete
        } catch {
            refuse(kind, error, from: source)
            return false
        }
    }

    private func refuse(_ kind: PolicyStatement.Kind, _ refusal: PolicyReplica.Refusal, from source: String) {
        if case .rollback = refusal, clock() - state.withLock({ $0.appliedAt }) < PolicyClient.replicaLag {
            // A replica of policy-service that is a moment behind is no attacker. It is not taken in any case.
            return
        }
        refused.increment()
        logger.error(
            "policies were refused",
            metadata: ["kind": "\(kind.rawValue)", "from": "\(source)", "reason": "\(refusal)"])
        onRefusal.withLock { $0 }?(kind, refusal)
    }
}
