import Contracts
import EventBus
import Logging
import ServiceKit
import ServiceLifecycle
import Synchronization

/// Follows `security.session-revoked` into a `RevocationSet`: from the age of the oldest living token on, every
/// partition, without a consumer group.
///
/// Events that are lost for good (a gap) make the feed count as stale for as long as a token may live whose revocation
/// was among them: until the token lifetime and its slack have passed since the gap was noticed. Its staleness is then
/// told as at least a minute and at most a token's life, as nothing older can matter.
///
/// So does a time of day that is set by more than five seconds: where reading began, and what was old, had been decided
/// by another. The topic is then read again from its start.
public final class RevocationFeed: Service, RevocationFreshness {
    /// What is lost was published at most so long (milliseconds) before it was missed: numbers are compared at every
    /// heartbeat, and everything is read again within seconds.
    static let gapMargin: Int64 = 60_000

    let reader: FeedReader
    private let revocations: RevocationSet
    private let logger: Logger
    private let clock: @Sendable () -> Int64
    private let monotonic: @Sendable () -> Int64
    private let progress: Mutex<FeedProgress>
    private let applied: Counter
    private let unreadable: Counter
    private let gaps: Counter
    private let clockSteps: Counter
    private let delay: Histogram

    /// - Parameters:
    ///   - outboxes: whose events the feed consists of, `service/outbox`.
    ///   - lookback: milliseconds; how old the oldest revocation is that may concern a living token.
    ///   - clock: milliseconds since the epoch.
    ///   - monotonic: milliseconds that never go back.
    package init(
        kafka: KafkaConfiguration, revocations: RevocationSet, outboxes: [String] = ["token-service/main"],
        lookback: Int64 = RevocationSet.tokenLifetime + RevocationSet.slack, metrics: MetricsRegistry = .shared,
        logger: Logger, clock: @escaping @Sendable () -> Int64 = { WallClock.milliseconds() },
        monotonic: @escaping @Sendable () -> Int64 = { MonotonicClock.milliseconds() }
    ) {
        var options = FeedReader.Options(
            topics: [Topic.sessionRevoked.rawValue], since: .milliseconds(lookback), registeredOutboxes: outboxes)
        options.clock = clock
        reader = FeedReader(options, kafka: kafka, logger: logger)
        self.revocations = revocations
        self.logger = logger
        self.clock = clock
        self.monotonic = monotonic
        // The clock is watched from before it is first gone by.
        progress = Mutex(
            FeedProgress(
                lookback: lookback, gapMargin: RevocationFeed.gapMargin, longestGap: RevocationSet.tokenLifetime,
                wall: clock(), monotonic: monotonic()))
        applied = metrics.counter("security_feed_revocations_total", help: "Revocations read from the feed.")
        unreadable = metrics.counter(
            "security_feed_unreadable_total", help: "Events of the feed that were not understood.")
        gaps = metrics.counter("security_feed_gaps_total", help: "Ranges of events that were lost for good.")
        clockSteps = metrics.counter(
            "security_clock_steps_total", help: "How often the time of day was set by more than five seconds.")
        delay = metrics.histogram(
            "security_feed_delay_seconds", help: "From the decision of a revocation to its being applied here.")
        metrics.gauge(
            "security_feed_staleness_seconds", help: "For how long revocations may have been missed."
        ) { [weak self] in
            guard let self else { return nil }
            return self.staleness(now: self.clock()).map { $0 / .seconds(1) }
        }
    }

    /// All that was there when reading began has been applied.
    public var isCaughtUp: Bool { reader.isCaughtUp }

    public func staleness(now: Int64) -> Duration? {
        let elapsed = monotonic()
        return progress.withLock { $0.staleness(wall: now, monotonic: elapsed) }.map { .milliseconds($0) }
    }

    /// Reads until the service shuts down.
    /// - Throws: when Kafka's settings are refused. A broker that cannot be reached makes the feed stale.
    public func run() async throws {
        try await cancelWhenGracefulShutdown { [self] in
            try await reader.run { [self] item in handle(item) }
        }
    }

    /// Runs on the reader's thread, one item after the other.
    private func handle(_ item: FeedItem) {
        switch item {
        case .event(let event): apply(event)
        case .heartbeat, .caughtUp: noteProgress()
        case .gap(let gap):
            gaps.increment()
            noteGap(gap.source)
        }
    }

    private func apply(_ event: CloudEvent) {
        if let json = event.json(), let revocation = Revocation(json: json) {
            revocations.apply(revocation)
            applied.increment()
            if reader.isCaughtUp { delay.observe(.milliseconds(max(0, clock() - revocation.at))) }
        } else if event.type.hasPrefix("org.jts.") {
            // A revocation that this version cannot read is one that is missing.
            unreadable.increment()
            noteGap(event.source)
        }
    }

    private func noteProgress() {
        let (now, elapsed) = (clock(), monotonic())
        let complete = reader.completeUpTo
        let step = progress.withLock { progress in
            // Before the time of day is gone by.
            let step = progress.observe(wall: now, monotonic: elapsed)
            if let complete { progress.note(completeUpTo: complete, wall: now, monotonic: elapsed) }
            return step
        }
        guard let step else { return }
        clockSteps.increment()
        logger.error(
            "the time of day was set; tokens are introspected until none can be alive whose revocation was overlooked",
            metadata: ["milliseconds": "\(step)"])
        reader.readAgain()
    }

    private func noteGap(_ source: String) {
        let elapsed = monotonic()
        progress.withLock { $0.noteGap(monotonic: elapsed) }
        logger.error(
            "revocations are missing; tokens are introspected until none of them can be alive",
            metadata: ["source": "\(source)"])
    }
}
