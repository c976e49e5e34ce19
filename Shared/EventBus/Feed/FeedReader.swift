import Contracts
import Foundation
import Logging
import Synchronization

/// Reads feeds: every partition, without a group, from a given age on, each event once.
///
/// Events are dropped as repeated by (source, sequence), never by offset, so that it does no harm when an outbox is
/// published again. When numbers are missing everything is read again; a gap is reported if they still are.
package final class FeedReader: Sendable {
    package struct Options: Sendable {
        package var topics: [String]
        /// Where to begin: how old the oldest event of interest is.
        package var since: Duration
        /// The outboxes (`service/outbox`) that the feeds consist of; staleness is measured over all of them.
        package var registeredOutboxes: [String]
        /// How long a broker may hold back its answer for want of news. Brokers answer at once when there is news, but
        /// librdkafka's mock does not.
        package var fetchWait: Duration = .milliseconds(10)
        /// How often the topics are looked up for new partitions.
        package var refreshEvery: Duration = .seconds(30)
        /// Between two attempts at reading everything again.
        package var rereadEvery: Duration = .seconds(10)
        /// Milliseconds since the epoch: `since` counts back from there.
        package var clock: @Sendable () -> Int64 = { WallClock.milliseconds() }

        package init(topics: [String], since: Duration, registeredOutboxes: [String]) {
            self.topics = topics
            self.since = since
            self.registeredOutboxes = registeredOutboxes
        }
    }

    package typealias Handler = @Sendable (FeedItem) -> Void

    let kafka: KafkaConfiguration
    let options: Options
    let logger: Logger
    private let shared = Mutex(Shared())

    private struct Shared {
        var state = FeedState()
        var isCaughtUp = false
        var isRunning = false
        var isRereadWanted = false
        var statistics = FeedStatistics()
    }

    package init(_ options: Options, kafka: KafkaConfiguration, logger: Logger) {
        self.options = options
        self.kafka = kafka
        self.logger = logger
    }

    package convenience init(
        topics: [String], kafka: KafkaConfiguration, since: Duration, registeredOutboxes: [String], logger: Logger
    ) {
        self.init(
            Options(topics: topics, since: since, registeredOutboxes: registeredOutboxes), kafka: kafka,
            logger: logger)
    }

    // MARK: - Reading

    /// Reads until the task is cancelled. `handler` runs on the reader's own thread, one item after the other.
    /// - Throws: `.configuration` when librdkafka does not take the settings. A broker that cannot be reached is no
    ///   error: the feed gets stale.
    package func run(_ handler: @escaping Handler) async throws(KafkaError) {
        guard
            shared.withLock({ shared in
                defer { shared.isRunning = true }
                return !shared.isRunning
            })
        else { throw .configuration("this reader is running already") }
        defer { shared.withLock { $0.isRunning = false } }
        let consumer = try KafkaConsumer(
            kafka,
            [
                // Never joined; librdkafka wants a name for `assign`.
                "group.id": "jts-feed-\(UUID().uuidString.lowercased())",
                "auto.offset.reset": "earliest",
                "fetch.wait.max.ms": "\(options.fetchWait.milliseconds)",
            ], callbacks: KafkaCallbacks(logger: logger))
        let stop = StopFlag()
        await withTaskCancellationHandler {
            await withCheckedContinuation { (continuation: CheckedContinuation<Void, Never>) in
                let thread = Thread {
                    FeedSession(reader: self, consumer: consumer, handler: handler).run { stop.isSet }
                    consumer.close()
                    continuation.resume()
                }
                thread.name = "kafka-feed"
                thread.start()
            }
        } onCancel: {
            stop.set()
        }
    }

    /// The items as a sequence; reading begins with it and ends with it. At most `buffer` items wait: beyond them the
    /// reader waits for whoever iterates.
    package func items(buffer: Int = 1_024) -> FeedItems { FeedItems(self, buffer: buffer) }

    /// Has everything that the topics keep be read once more, soon: where reading began is not to be relied on. What was
    /// told is not told again.
    package func readAgain() { shared.withLock { $0.isRereadWanted = true } }

    // MARK: - Freshness

    /// All that was there when reading began has been handled.
    package var isCaughtUp: Bool { shared.withLock { $0.isCaughtUp } }

    /// For how long it is not known what was published: the worst of all registered outboxes. nil when one was not heard
    /// at all yet, and while not caught up.
    /// - Parameter now: milliseconds since the epoch.
    package func staleness(now: Int64 = WallClock.milliseconds()) -> Duration? {
        completeUpTo.map { .milliseconds(max(0, now - $0)) }
    }

    /// Up to when (milliseconds since the epoch, by the clock of whoever publishes) all that was published is known, of
    /// the worst registered outbox; nil as for `staleness`.
    package var completeUpTo: Int64? {
        shared.withLock { shared in
            guard shared.isCaughtUp else { return nil }
            var worst = Int64.max
            for outbox in options.registeredOutboxes {
                guard let complete = shared.state.completeUpTo(of: outbox, topics: options.topics) else { return nil }
                worst = min(worst, complete)
            }
            return worst
        }
    }

    /// `staleness` of one outbox.
    package func staleness(of outbox: String, now: Int64 = WallClock.milliseconds()) -> Duration? {
        shared.withLock {
            $0.state.staleness(of: outbox, topics: options.topics, now: now).map { .milliseconds($0) }
        }
    }

    package var statistics: FeedStatistics { shared.withLock { $0.statistics } }

    // MARK: - For the session

    func update<T: Sendable>(_ body: (inout FeedState, inout FeedStatistics) -> T) -> T {
        shared.withLock { body(&$0.state, &$0.statistics) }
    }

    var isRereadWanted: Bool { shared.withLock { $0.isRereadWanted } }
    func setRereading() { shared.withLock { $0.isRereadWanted = false } }
    func setCaughtUp() { shared.withLock { $0.isCaughtUp = true } }
}

/// A flag that is set once.
final class StopFlag: Sendable {
    private let value = Mutex(false)
    var isSet: Bool { value.withLock { $0 } }
    func set() { value.withLock { $0 = true } }
}
