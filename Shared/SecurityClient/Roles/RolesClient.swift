import Contracts
import EventBus
import Foundation
import JOSE
import Logging
import ServiceKit
import ServiceLifecycle
import StrictJSON
import Synchronization

/// Keeps somebody at what policy-service says of roles: asked for when the feed tells of a change, and every while anyway.
///
/// The feed is a hint and nothing else: what is taken is signed, and never older than what was taken before.
package final class RolesClient: Service {
    /// What became of something that arrived.
    package enum Outcome: Sendable, Hashable {
        case applied
        /// It is not newer than what is kept.
        case known
        /// It does not follow on what is kept: the whole has to be fetched.
        case incomplete
    }

    private struct State {
        /// Of the answer that nothing changed after the number.
        var tag: (sequence: Int64, value: String)?
        /// What was kept when it was last looked at, and since when, milliseconds since the epoch.
        var kept: Int64 = .min
        var keptSince: Int64 = 0
        /// The highest number that the feed has told of.
        var announced: Int64 = -1
        /// When policy-service last signed what is kept, milliseconds since the epoch.
        var heardAt: Int64?
        var needsWhole = false
        var failing = false
        /// Why nothing came last, for the log.
        var fault = ""
    }

    /// How far (milliseconds) back the feed is read at first.
    private static let lookback: Int64 = 60_000
    /// How far (milliseconds) replicas of policy-service may be behind each other.
    private static let replicaLag: Int64 = 10_000
    /// How often it is asked for what the feed told of. Nobody signs the feed: it may tell of what there is not.
    private static let tries = 8

    private let configuration: PolicyClientConfiguration
    private let url: String
    private let transport: HTTPTransport
    private let token: any ServiceTokenSource
    private let keys: any VerificationKeys
    private let taker: any RolesTaker
    private let feed: FeedReader?
    private let clock: @Sendable () -> Int64
    private let logger: Logger
    private let state = Mutex(State())
    private let loop: FetchLoop
    private let applied: Counter
    private let refused: Counter
    private let onRefusal: Mutex<(@Sendable (PolicyReplica.Refusal) -> Void)?> = Mutex(nil)

    init(
        _ configuration: PolicyClientConfiguration, url: String, transport: HTTPTransport,
        token: any ServiceTokenSource, keys: any VerificationKeys, taker: any RolesTaker, kafka: KafkaConfiguration?,
        metrics: MetricsRegistry, logger: Logger, clock: @escaping @Sendable () -> Int64
    ) {
        self.configuration = configuration
        self.url = url
        self.transport = transport
        self.token = token
        self.keys = keys
        self.taker = taker
        self.clock = clock
        self.logger = logger
        feed = kafka.map {
            FeedReader(
                topics: [Topic.policyChanged.rawValue], kafka: $0, since: .milliseconds(RolesClient.lookback),
                registeredOutboxes: ["policy-service/main"], logger: logger)
        }
        loop = FetchLoop(every: configuration.refreshEvery, pace: .milliseconds(20))
        applied = metrics.counter("roles_changes_applied_total", help: "Changes of roles taken over.")
        refused = metrics.counter("roles_bundles_refused_total", help: "Bundles of roles not taken.")
        metrics.gauge("roles_staleness_seconds", help: "For how long roles may have been others.") { [weak self] in
            guard let self else { return nil }
            return self.staleness(now: self.clock()).map { $0 / .seconds(1) }
        }
    }

    /// A client of the policy-service that is configured; nil when none is.
    /// - Parameter kafka: nil: no feed is read.
    /// - Throws: when a certificate file or the keys of policy-service cannot be read.
    package convenience init?(
        _ configuration: PolicyClientConfiguration, security: HTTPTransportSecurity, token: any ServiceTokenSource,
        taker: any RolesTaker, kafka: KafkaConfiguration?, metrics: MetricsRegistry, logger: Logger,
        clock: @escaping @Sendable () -> Int64 = { WallClock.milliseconds() }
    ) throws {
        guard let url = configuration.url else { return nil }
        let transport = try HTTPTransport(security)
        let keys = try configuration.keys(at: url, transport: transport, logger: logger)
        self.init(
            configuration, url: url, transport: transport, token: token, keys: keys, taker: taker, kafka: kafka,
            metrics: metrics, logger: logger, clock: clock)
    }

    /// What is told of everything that is not taken: signed by nobody known, older than what is kept, or broken.
    package func onRefusal(_ body: @escaping @Sendable (PolicyReplica.Refusal) -> Void) {
        onRefusal.withLock { $0 = body }
    }

    /// For how long it is not known whether roles are what policy-service says; nil when it was not heard yet.
    package func staleness(now: Int64) -> Duration? {
        state.withLock { $0.heardAt }.map { .milliseconds(max(0, now - $0)) }
    }

    // MARK: Running

    package func run() async throws {
        try await cancelWhenGracefulShutdown { [self] in
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { [self] in await fetchAgainAndAgain() }
                if let feed { group.addTask { [self] in try await feed.run { [self] in handle($0) } } }
                try await group.waitForAll()
            }
        }
    }

    private func fetchAgainAndAgain() async {
        await loop.run { [self] failures in
            let isFetched = await fetch()
            if isFetched, failures >= RolesClient.tries { state.withLock { $0.announced = -1 } }
            return isFetched && hasAllThatWasAnnounced ? .complete : .missing(longest: 10_000)
        }
    }

    private var hasAllThatWasAnnounced: Bool { state.withLock { $0.announced <= $0.kept } }

    /// Runs on the reader's thread, one item after the other.
    private func handle(_ item: FeedItem) {
        switch item {
        case .event(let event): hear(event)
        case .gap: loop.wake()
        case .heartbeat, .caughtUp: break
        }
    }

    /// Takes a hint that there is something to be fetched.
    package func hear(_ event: CloudEvent) {
        guard event.type == "org.jts.policy.roles-changed", let sequence = event.json()?["sequence"]?.int else {
            return
        }
        // One that is heard once more tells nothing new.
        let isNew = state.withLock { state in
            state.announced = max(state.announced, sequence)
            return sequence > state.kept
        }
        if isNew { loop.wake() }
    }

    // MARK: Fetching

    /// Asks policy-service once.
    /// - Returns: whether what is kept now is what it told.
    @discardableResult
    package func fetch() async -> Bool {
        let isFetched = await ask()
        let told = state.withLock { state -> Bool in
            defer { state.failing = !isFetched }
            return state.failing == isFetched
        }
        if told {
            if isFetched {
                logger.info("roles are fetched")
            } else {
                logger.warning(
                    "roles cannot be fetched",
                    metadata: ["url": "\(url)", "reason": "\(state.withLock { $0.fault })"])
            }
        }
        return isFetched
    }

    private func ask() async -> Bool {
        let kept: Int64
        do { kept = try await taker.sequence() } catch { return failed("what is kept cannot be read: \(error)") }
        note(kept)
        guard let token = try? await token.token() else { return failed("no token for this service") }
        let (needsWhole, tag) = state.withLock { ($0.needsWhole, $0.tag) }
        let after = needsWhole || kept < 0 ? nil : kept
        var headers = [("Authorization", "Bearer " + token.exposed), ("Accept", "application/json")]
        if let after, let tag, tag.sequence == after { headers.append(("If-None-Match", tag.value)) }
        guard
            let answer = try? await transport.send(
                "GET", url + "/v1/bundles/roles" + (after.map { "?after=\($0)" } ?? ""), headers: headers,
                limit: RolesBundle.maximumBytes, timeout: .seconds(30))
        else { return failed("no answer") }
        // A permission that was missing may have been given since.
        if answer.status == 401 || answer.status == 403 { self.token.forget() }
        guard let text = answer.header("policy-statement"), answer.status == 200 || answer.status == 304 else {
            return failed("status \(answer.status)")
        }
        do {
            let statement = try await verified(text)
            guard statement.sequence >= kept else {
                throw Fault.refused(.rollback(sequence: statement.sequence, have: kept))
            }
            if answer.status == 304 {
                guard statement.sequence == kept else { return failed("unchanged, but for another number") }
                confirm(statement)
                return true
            }
            return try await take(statement, answer, kept: kept)
        } catch Fault.refused(let refusal) {
            refuse(refusal)
            return failed("refused: \(refusal)")
        } catch {
            return failed("\(error)")
        }
    }

    private enum Fault: Error { case refused(PolicyReplica.Refusal), keysUnavailable }

    private func verified(_ text: String) async throws(Fault) -> PolicyStatement {
        if let id = PolicyStatement.keyID(of: text) {
            // Fetches the keys when this one is not known yet.
            let key: VerificationKey?
            do { key = try await keys.key(id.id, algorithm: id.algorithm) } catch { throw .keysUnavailable }
            guard key != nil else {
                throw .refused(.untrusted("signed with a key that policy-service does not have"))
            }
        }
        do throws(PolicyStatement.Fault) {
            return try PolicyStatement(verifying: text, kind: .roles, issuer: configuration.issuer) {
                keys.keyAtHand($0, algorithm: $1)
            }
        } catch {
            switch error {
            case .untrusted(let reason): throw .refused(.untrusted(reason))
            case .unknownKey: throw .keysUnavailable
            }
        }
    }

    private func take(
        _ statement: PolicyStatement, _ answer: HTTPTransport.Answer, kept: Int64
    ) async throws -> Bool {
        do { try statement.check(answer.body) } catch { throw Fault.refused(.untrusted("\(error)")) }
        let bundle: RolesBundle
        do { bundle = try RolesBundle(body: answer.body) } catch { throw Fault.refused(.invalid("\(error)")) }
        guard bundle.sequence == statement.sequence, bundle.from == statement.from else {
            throw Fault.refused(.untrusted("the statement speaks of other numbers"))
        }
        let outcome = try await taker.take(bundle)
        if outcome == .incomplete {
            state.withLock { $0.needsWhole = true }
            return failed("a change that does not follow on what is kept")
        }
        if outcome == .applied { applied.increment() }
        // Where another replica was quicker what is kept may be newer still.
        note(max(kept, bundle.sequence))
        state.withLock { state in
            state.needsWhole = false
            // What did not change after a number has a tag that is good for as long as the number is.
            state.tag = outcome == .known ? answer.header("etag").map { (kept, $0) } : nil
        }
        confirm(statement)
        return true
    }

    private func note(_ kept: Int64) {
        let now = clock()
        state.withLock { state in
            guard kept != state.kept else { return }
            (state.kept, state.keptSince) = (kept, now)
        }
    }

    private func confirm(_ statement: PolicyStatement) {
        // No clock that is ahead of this one makes anything younger, and no old answer that is played back.
        let at = min(clock(), min(max(0, statement.issuedAt), Int64.max / 1_000) * 1_000)
        state.withLock { $0.heardAt = max($0.heardAt ?? at, at) }
    }

    private func failed(_ reason: String) -> Bool {
        state.withLock { $0.fault = reason }
        return false
    }

    private func refuse(_ refusal: PolicyReplica.Refusal) {
        if case .rollback = refusal, clock() - state.withLock({ $0.keptSince }) < RolesClient.replicaLag {
            // A replica of policy-service that is a moment behind is no attacker. It is not taken in any case.
            return
        }
        refused.increment()
        logger.error("roles were refused", metadata: ["reason": "\(refusal)"])
        onRefusal.withLock { $0 }?(refusal)
    }
}

/// Keeps what `RolesClient` brings.
package protocol RolesTaker: Sendable {
    /// The number of what is kept; negative: nothing yet.
    func sequence() async throws -> Int64

    /// Takes over what is newer, whole or not at all.
    func take(_ bundle: RolesBundle) async throws -> RolesClient.Outcome
}
