import Foundation
import TestSupport
import Testing

@testable import EventBus

/// A relay that is stopped between reading a batch and publishing it, and goes on when another has long taken over.
@Suite(.serialized) struct RelayFencingTests {
    @Test(arguments: OutboxKind.allCases)
    func aRelayThatOutlivedItsLeaseWritesNothing(_ kind: OutboxKind) async throws {
        let broker = try await KafkaBroker(topics: [revoked: 2, events: 1])
        try await expectNothingOfARelayThatOutlivedItsLease(kind, kafka(broker), trustsItsLease: false)
    }

    /// The mock broker does not look at transactional ids: what a relay writes that even then believes to have the lease
    /// are repeats under the same numbers, and its store refuses it right after.
    @Test(arguments: OutboxKind.allCases)
    func whatItWouldWriteAreRepeats(_ kind: OutboxKind) async throws {
        let broker = try await KafkaBroker(topics: [revoked: 2, events: 1])
        let outbox = try await TestOutbox(kind)
        let stalling = StallingSource(outbox.source(), trustsItsLease: true)
        let old = RunningRelay(stalling, kafka(broker)) { $0.leaseTTL = .seconds(1) }
        let feed = RunningFeed(kafka(broker))
        try await eventually("the old one leads") { old.relay.statistics.isLeading }
        stalling.stall()
        try await outbox.write((0..<10).map { makeEvent($0) })
        old.relay.nudge()
        try await eventually("it has read a batch") { stalling.isStalled }
        let new = RunningRelay(outbox.source(), kafka(broker))
        try await eventually("the new one relays all that") { feed.now.events.count == 10 }
        stalling.goOn()
        try await eventually("the store refuses the old one") { !old.relay.statistics.isLeading }
        try await outbox.write((10..<20).map { makeEvent($0) })
        try await eventually("all") { feed.now.events.count == 20 }
        expectGapless(try await contents(of: revoked, kafka(broker)), count: 20)
        #expect(old.relay.statistics.published == 0)
        await new.stop()
        await old.stop()
        await feed.stop()
    }
}

/// Stops a relay between reading a batch and publishing it until another has taken over, and checks that it then
/// writes nothing.
/// - Parameter trustsItsLease: it tries, because its clock stood still with it, and only the broker can refuse it.
func expectNothingOfARelayThatOutlivedItsLease(
    _ kind: OutboxKind, _ broker: KafkaConfiguration, trustsItsLease: Bool
) async throws {
    let outbox = try await TestOutbox(kind)
    let stalling = StallingSource(outbox.source(), trustsItsLease: trustsItsLease)
    let old = RunningRelay(stalling, broker) { $0.leaseTTL = .seconds(1) }
    try await outbox.write((0..<10).map { makeEvent($0) })
    try await eventually("the old one relays") { old.relay.statistics.published == 10 }

    stalling.stall()
    try await outbox.write((10..<20).map { makeEvent($0) })
    old.relay.nudge()
    try await eventually("it has read a batch") { stalling.isStalled }
    let new = RunningRelay(outbox.source(), broker)
    try await eventually("the new one relays all that") { new.relay.statistics.published == 10 }
    let failures = old.relay.statistics.failures
    stalling.goOn()
    try await eventually("the old one gives up") { !old.relay.statistics.isLeading }
    if trustsItsLease {
        // It did try, and the broker would not have it.
        #expect(old.relay.statistics.failures > failures)
        #expect(old.relay.statistics.lastError?.contains("fenced") == true)
    }
    try await outbox.write((20..<30).map { makeEvent($0) })
    new.relay.nudge()
    try await eventually("the new one goes on") { new.relay.statistics.published == 20 }

    let stored = try await contents(of: revoked, broker)
    #expect(stored.count == 30, "nothing was written twice")
    expectGapless(stored, count: 30)
    #expect(old.relay.statistics.published == 10)
    await new.stop()
    await old.stop()
}
