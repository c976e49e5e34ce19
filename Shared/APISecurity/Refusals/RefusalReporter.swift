import Contracts
import Logging
import ServiceLifecycle
import StrictJSON
import Synchronization

/// Where refusals are put on record.
package protocol RefusalSink: Sendable {
    /// Puts all of the events on record, or none of them.
    /// - Parameter events: at most `RefusalBatches.size`.
    /// - Throws: when they may not be on record: they are told again, with what comes after.
    func record(_ events: [SecurityEvent]) async throws
}

/// How refusals are handed to a sink.
package enum RefusalBatches {
    package static let size = 200
}

/// Puts refusals on record, identical ones once a second.
///
/// `note` is for the path of a request: it takes a lock for one look into a table and waits for nothing else. Run the
/// reporter as a service that starts after its sink's and before the HTTP server: what was counted when the server has
/// stopped is told before the sink stops. While the sink fails, refusals go on being counted, in bounded memory.
package final class RefusalReporter<Key: Hashable & Sendable, Detail: Sendable>: Service {
    package typealias Tally = RefusalTally<Key, Detail>

    private let counter: Mutex<RefusalCounter<Key, Detail>>
    private let sink: any RefusalSink
    private let kind: SecurityEvent.Kind
    private let event: @Sendable (Tally) -> SecurityEvent
    private let clock: @Sendable () -> Int64
    private let interval: Duration
    private let logger: Logger

    /// - Parameters:
    ///   - kind: of the event that tells of refusals that could only be counted, with the reason `overflow`.
    ///   - capacity: distinct refusals that are told apart within a second.
    ///   - interval: how long the first refusal of its kind waits at most.
    ///   - clock: milliseconds since the epoch.
    ///   - event: what is put on record of a tally.
    package init(
        kind: SecurityEvent.Kind, sink: any RefusalSink, capacity: Int = 10_000,
        interval: Duration = .milliseconds(200), clock: @escaping @Sendable () -> Int64 = { WallClock.milliseconds() },
        logger: Logger, event: @escaping @Sendable (Tally) -> SecurityEvent
    ) {
        counter = Mutex(RefusalCounter(capacity: capacity))
        self.sink = sink
        self.kind = kind
        self.event = event
        self.clock = clock
        self.interval = interval
        self.logger = logger
    }

    /// Counts a refusal.
    package func note(_ key: Key, _ detail: Detail) {
        let now = clock()
        counter.withLock { $0.count(key, detail, at: now) }
    }

    /// Tells until the service is asked to stop, and then what is left.
    package func run() async throws {
        var isFailing = false
        while await pause(interval) {
            let now = clock()
            await tell(counter.withLock { $0.take(at: now) }, &isFailing)
        }
        await flush()
    }

    /// Tells everything now. What the sink does not take within a few attempts is lost, and the log says how much.
    package func flush() async {
        var isFailing = false
        var left = 0
        for attempt in 0..<3 {
            if attempt > 0 { try? await Task.sleep(for: .milliseconds(300)) }
            let now = clock()
            left = await tell(counter.withLock { $0.takeAll(at: now) }, &isFailing)
            if left == 0 { return }
        }
        logger.error("refusals are not on record", metadata: ["refusals": "\(left)"])
    }

    /// - Returns: how many refusals could not be told of. They were given back.
    @discardableResult
    private func tell(_ batch: RefusalCounter<Key, Detail>.Batch, _ isFailing: inout Bool) async -> Int {
        let tallies = batch.tallies
        var told = 0
        do {
            while told < tallies.count {
                let chunk = tallies[told..<min(told + RefusalBatches.size, tallies.count)]
                try await sink.record(chunk.map(event))
                told += chunk.count
            }
        } catch {
            return giveBack(tallies[told...], batch.overflow, error, &isFailing)
        }
        if let overflow = batch.overflow {
            do {
                try await sink.record([overflow.event(kind)])
            } catch {
                return giveBack([], overflow, error, &isFailing)
            }
        }
        if isFailing, !tallies.isEmpty || batch.overflow != nil {
            isFailing = false
            logger.info("refusals are put on record again")
        }
        return 0
    }

    private func giveBack(
        _ tallies: ArraySlice<Tally>, _ overflow: RefusalOverflow?, _ error: any Error, _ isFailing: inout Bool
    ) -> Int {
        counter.withLock { $0.giveBack(tallies, overflow) }
        if !isFailing { logger.warning("refusals cannot be put on record now", metadata: ["error": "\(error)"]) }
        isFailing = true
        return tallies.reduce(overflow?.count ?? 0) { $0 + $1.count }
    }

    /// - Returns: false when it is time to stop. Only the pause is cut short by that, never the telling.
    private func pause(_ duration: Duration) async -> Bool {
        let slept: Void? = try? await cancelWhenGracefulShutdown { try await Task.sleep(for: duration) }
        return slept != nil && !Task.isCancelled && !Task.isShuttingDownGracefully
    }
}

extension RefusalOverflow {
    /// Says how many refusals were not told apart.
    func event(_ kind: SecurityEvent.Kind) -> SecurityEvent {
        SecurityEvent(
            kind, outcome: .refused, reason: "overflow", at: first,
            fields: ["refusals": .int(Int64(count)), "last_at_ms": .int(last)], trace: nil)
    }
}
