import Foundation
import Logging
import ServiceLifecycle
import Synchronization

/// Brings the events of one outbox to Kafka, in order, at least once, each with its number.
///
/// Any number of replicas run one for the same outbox; the one that has the lease works, and another takes over within
/// the lease's time and a poll. That two never write at once does not depend on clocks: the store refuses whoever has
/// lost the lease, and the broker whoever is not the last to have registered the outbox' transactional id.
package final class OutboxRelay: Service {
    package struct Options: Sendable {
        package var leaseTTL: Duration = .seconds(2)
        package var renewEvery: Duration = .milliseconds(500)
        /// How often the lease is asked for by those who do not have it.
        package var acquireEvery: Duration = .milliseconds(250)
        /// How often the store is asked for what other replicas have written; `nudge` tells of what this one has.
        package var pollEvery: Duration = .milliseconds(100)
        package var heartbeatEvery: Duration = .seconds(1)
        package var pruneEvery: Duration = .seconds(30)
        package var batchSize = 500
        /// How long Kafka may take for one batch.
        package var publishTimeout: Duration = .seconds(10)
        /// False leaves the lease to run out, as if the process had died.
        package var releasesLease = true

        package init() {}
    }

    let source: any OutboxSource
    let serviceName: String
    let kafka: KafkaConfiguration
    let heartbeatTopics: [String]
    let options: Options
    let logger: Logger
    /// Names this relay, differently at each start.
    let holder: String
    /// Rings when there is something to relay, and when it is time to stop.
    let wakeup = Wakeup()
    /// Rings only when it is time to stop.
    let stopSignal = Wakeup()
    private let shared = Mutex(Shared())

    private struct Shared {
        var statistics = OutboxRelayStatistics()
        var isStopping = false
    }

    /// - Parameters:
    ///   - serviceName: the first part of `ce_source`.
    ///   - heartbeatTopics: the feeds that this outbox is part of.
    package init(
        source: any OutboxSource, serviceName: String, kafka: KafkaConfiguration, heartbeatTopics: [String],
        options: Options = Options(), logger: Logger
    ) {
        self.source = source
        self.serviceName = serviceName
        self.kafka = kafka
        self.heartbeatTopics = heartbeatTopics
        self.options = options
        var logger = logger
        logger[metadataKey: "outbox"] = "\(serviceName)/\(source.name)"
        self.logger = logger
        holder = UUID().uuidString.lowercased()
    }

    /// Says that there is something to relay. To be called after the commit; costs next to nothing.
    package func nudge() { wakeup.wake() }

    package var statistics: OutboxRelayStatistics { shared.withLock { $0.statistics } }

    var isStopping: Bool { shared.withLock { $0.isStopping } }

    func count(_ change: (inout OutboxRelayStatistics) -> Void) { shared.withLock { change(&$0.statistics) } }

    /// Works until the task is cancelled or the service shuts down; then relays what is there and gives the lease back.
    package func run() async {
        await withTaskCancellationOrGracefulShutdownHandler {
            // A task of its own: the last pass must not be cut by the cancellation that asks for it.
            await Task { await self.loop() }.value
        } onCancelOrGracefulShutdown: {
            self.shared.withLock { $0.isStopping = true }
            self.stopSignal.wake()
            self.wakeup.wake()
        }
    }

    private func loop() async {
        while !isStopping {
            do throws(OutboxError) {
                if let lease = try await source.acquire(holder: holder, ttl: options.leaseTTL) {
                    await lead(lease)
                    continue
                }
            } catch {
                fail("cannot ask for the lease", error)
            }
            await stopSignal.wait(upTo: options.acquireEvery)
        }
    }

    private func lead(_ granted: OutboxLease) async {
        logger.info("relaying", metadata: ["fence": "\(granted.fence)"])
        count {
            $0.isLeading = true
            $0.takeovers += 1
        }
        let term = OutboxRelayTerm(relay: self, lease: granted)
        let renewing = Task { await term.keepLease() }
        await term.work()
        renewing.cancel()
        await term.end()
        count { $0.isLeading = false }
        logger.info("no longer relaying", metadata: ["fence": "\(granted.fence)"])
    }

    func fail(_ what: String, _ error: any Error) {
        let text = "\(error)"
        let isNew = shared.withLock { shared in
            defer { shared.statistics.lastError = text }
            shared.statistics.failures += 1
            return shared.statistics.lastError != text
        }
        logger.log(level: isNew ? .warning : .debug, "\(what)", metadata: ["error": "\(text)"])
    }
}

/// What a relay has done, for metrics.
package struct OutboxRelayStatistics: Sendable, Equatable {
    package var isLeading = false
    /// How often this relay got the lease.
    package var takeovers = 0
    package var published = 0
    package var batches = 0
    package var heartbeats = 0
    /// How often the broker was found to have lost its state.
    package var republications = 0
    package var failures = 0
    package var lastError: String?
    /// Everything committed up to here has been published, milliseconds since the epoch.
    package var watermark: Int64?
    /// Events that wait, as of the last count.
    package var backlog = 0
    /// How long the last batch took from being read to being acknowledged.
    package var lastBatchDuration: Duration = .zero

    package init() {}
}
