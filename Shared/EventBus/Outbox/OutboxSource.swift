/// The right to relay an outbox, for a while.
package struct OutboxLease: Sendable, Hashable {
    package let outbox: String
    package let holder: String
    /// Grows with every change of hands.
    package let fence: Int64
    /// Until when it surely holds, by this machine's monotonic clock.
    package let validUntil: ContinuousClock.Instant

    package init(outbox: String, holder: String, fence: Int64, validUntil: ContinuousClock.Instant) {
        self.outbox = outbox
        self.holder = holder
        self.fence = fence
        self.validUntil = validUntil
    }

    package var isCurrent: Bool { ContinuousClock.now < validUntil }
}

/// An event with the number it was given, for good, before it was published for the first time.
package struct OutboxRecord: Sendable, Hashable {
    package let event: OutboxEvent
    package let epoch: Int64
    package let sequence: Int64

    package init(event: OutboxEvent, epoch: Int64, sequence: Int64) {
        self.event = event
        self.epoch = epoch
        self.sequence = sequence
    }
}

/// The next records to publish, in order.
package struct OutboxBatch: Sendable {
    package var records: [OutboxRecord]
    /// Up to where the outbox is published once these are; meaningful to the source alone.
    package var mark: String
    /// There may be more.
    package var hasMore: Bool
    /// When the oldest event was written that is committed and yet not in this batch or an earlier one, because it
    /// waits for others; nil when there is none.
    package var heldBackSince: Int64?

    package init(records: [OutboxRecord], mark: String = "", hasMore: Bool = false, heldBackSince: Int64? = nil) {
        self.records = records
        self.mark = mark
        self.hasMore = hasMore
        self.heldBackSince = heldBackSince
    }
}

/// Where an outbox' records stood in Kafka when they were acknowledged: what is compared to notice that the broker has
/// lost its state.
package struct AcknowledgedPosition: Sendable, Hashable {
    package let position: RecordPosition
    package let eventID: String

    package init(position: RecordPosition, eventID: String) {
        self.position = position
        self.eventID = eventID
    }
}

/// What is kept of published events, to publish them again when the broker has lost its state.
package struct OutboxRetention: Sendable {
    /// How long events of a topic are kept after they were published.
    package var byTopic: [String: Duration]
    package var standard: Duration
    /// No more than so many published events are kept, whatever their age.
    package var maxEvents: Int

    package init(byTopic: [String: Duration] = [:], standard: Duration = .seconds(86_400), maxEvents: Int = 200_000) {
        self.byTopic = byTopic
        self.standard = standard
        self.maxEvents = maxEvents
    }
}

package enum OutboxError: Error, Sendable {
    /// Another relay has the lease.
    case leaseLost
    /// The store lost what it knew of the numbers given: ask `open` for the new epoch.
    case epochChanged
    case unavailable(String)
    case tooLarge(bytes: Int)
}

/// An outbox as its relay sees it. Every change is made under the lease, and refused with `.leaseLost` without it.
package protocol OutboxSource: Sendable {
    /// Unique within the service, such as `main`.
    var name: String { get }

    func acquire(holder: String, ttl: Duration) async throws(OutboxError) -> OutboxLease?
    func renew(_ lease: OutboxLease, ttl: Duration) async throws(OutboxError) -> OutboxLease?
    func release(_ lease: OutboxLease) async

    /// The epoch in force and the last number given for each topic.
    func open(_ lease: OutboxLease) async throws(OutboxError) -> OutboxState
    /// The clock of the store, milliseconds since the epoch: everything committed before is seen by a later `take`.
    func clock() async throws(OutboxError) -> Int64
    /// Gives numbers to what is new and returns what has a number and is not published.
    func take(limit: Int, _ lease: OutboxLease) async throws(OutboxError) -> OutboxBatch
    /// The batch is in Kafka.
    func confirm(
        _ batch: OutboxBatch, _ positions: [AcknowledgedPosition], _ lease: OutboxLease
    ) async throws(OutboxError)
    /// The last acknowledged position on each partition.
    func acknowledged() async throws(OutboxError) -> [AcknowledgedPosition]
    /// The broker has lost these topics: all that is kept of them is to be published again, with its old numbers.
    func republish(_ topics: Set<String>, _ lease: OutboxLease) async throws(OutboxError)
    /// Deletes what need not be kept any longer.
    func prune(_ lease: OutboxLease) async throws(OutboxError)
    /// How many events wait to be published.
    func backlog() async throws(OutboxError) -> Int
}

package struct OutboxState: Sendable, Equatable {
    package var epoch: Int64
    package var lastSequences: [String: Int64]

    package init(epoch: Int64, lastSequences: [String: Int64]) {
        self.epoch = epoch
        self.lastSequences = lastSequences
    }
}
