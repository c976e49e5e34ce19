import Foundation
import Redis
import TestSupport
import Testing

@testable import EventBus

/// Redis that comes back with less than it had.
@Suite(.serialized) struct RedisLossTests {
    @Test func aRedisThatComesBackEmptyBeginsANewEpoch() async throws {
        let broker = try await KafkaBroker(topics: [revoked: 2, events: 1])
        let fixture = try await RedisOutboxFixture()
        let relay = RunningRelay(fixture.source(), kafka(broker))
        let feed = RunningFeed(kafka(broker))
        try await fixture.write((0..<20).map { makeEvent($0) })
        try await eventually("before") { feed.now.events.count == 20 }
        try await fixture.server.restart()
        try await fixture.writeWhenPossible((20..<40).map { makeEvent($0) })
        try await eventually("after", within: .seconds(20)) { feed.now.events.count == 40 }
        let stored = try await contents(of: revoked, kafka(broker))
        expectGapless(stored, count: 40)
        let epochs = Set(stored.compactMap { EventSource($0.source)?.epoch })
        #expect(epochs.count == 2)
        #expect(feed.now.gaps.isEmpty)
        try await eventually("fresh again") { (feed.reader.staleness() ?? .seconds(9)) < .seconds(3) }
        await relay.stop()
        await feed.stop()
    }

    /// Redis falls back to how it was a while ago, while the relay goes on with what it remembers.
    @Test(arguments: [false, true])
    func aRedisThatFellBackUsesNoNumberTwice(appendOnly: Bool) async throws {
        let broker = try await KafkaBroker(topics: [revoked: 2, events: 1])
        let fixture = try await RedisOutboxFixture(appendOnly: appendOnly)
        let relay = RunningRelay(fixture.source(), kafka(broker))
        let feed = RunningFeed(kafka(broker))
        try await fixture.write((0..<10).map { makeEvent($0) })
        try await eventually("before the snapshot") { feed.now.events.count == 10 }
        let snapshot = try await fixture.server.snapshot()
        try await fixture.write((10..<20).map { makeEvent($0) })
        try await eventually("after the snapshot") { feed.now.events.count == 20 }
        try await fixture.server.restore(snapshot)
        // The first of these would get the numbers 11 to 20 again.
        try await fixture.writeWhenPossible((20..<40).map { makeEvent($0) })
        try await eventually("after falling back", within: .seconds(20)) {
            Set(feed.numbers) == Set(0..<40)
        }
        expectGapless(try await contents(of: revoked, kafka(broker)), count: 40)
        #expect(feed.now.gaps.isEmpty)
        await relay.stop()
        await feed.stop()
    }

    /// What was numbered and not yet published when the snapshot was made keeps its epoch and its numbers.
    @Test func whatWaitedInASnapshotIsPublishedUnderItsOldNumbers() async throws {
        let broker = try await KafkaBroker(topics: [revoked: 1, events: 1])
        let fixture = try await RedisOutboxFixture()
        let first = fixture.source()
        let lease = try #require(try await first.acquire(holder: "first", ttl: .milliseconds(500)))
        let epoch = try await first.open(lease).epoch
        try await fixture.write((0..<5).map { makeEvent($0) })
        #expect(try await first.take(limit: 10, lease).records.count == 5)
        let snapshot = try await fixture.server.snapshot()
        try await fixture.server.restore(snapshot)
        try await fixture.writeWhenPossible((5..<8).map { makeEvent($0) })
        let feed = RunningFeed(kafka(broker))
        let relay = RunningRelay(fixture.source(), kafka(broker))
        try await eventually("all events") { feed.now.events.count == 8 }
        let told = feed.now.events
        #expect(told.prefix(5).allSatisfy { EventSource($0.source)?.epoch == epoch })
        #expect(told.suffix(3).allSatisfy { (EventSource($0.source)?.epoch ?? 0) > epoch })
        #expect(told.compactMap(\.sequence) == [1, 2, 3, 4, 5, 1, 2, 3])
        await relay.stop()
        await feed.stop()
    }

    /// A relay that holds numbers from before may not use them after, whatever it believes.
    @Test func aSourceRefusesNumbersFromBeforeARestart() async throws {
        let fixture = try await RedisOutboxFixture(appendOnly: true)
        let source = fixture.source()
        let lease = try #require(try await source.acquire(holder: "a", ttl: .seconds(60)))
        let before = try await source.open(lease)
        try await fixture.write([makeEvent(1)])
        let batch = try await source.take(limit: 10, lease)
        let snapshot = try await fixture.server.snapshot()
        try await fixture.server.restore(snapshot)
        try await fixture.writeWhenPossible([makeEvent(2)])
        await #expect(throws: OutboxError.self) { try await source.take(limit: 10, lease) }
        await #expect(throws: OutboxError.self) { try await source.confirm(batch, [], lease) }
        let again = try #require(try await source.acquire(holder: "a", ttl: .seconds(60)))
        let after = try await source.open(again)
        #expect(after.epoch > before.epoch)
        #expect(after.lastSequences.isEmpty)
        let records = try await source.take(limit: 10, again).records
        #expect(records.map(\.epoch) == [before.epoch, after.epoch])
        #expect(records.map(\.sequence) == [1, 1])
    }

    @Test func aPausedRedisStopsTheRelayAndNothingIsLost() async throws {
        let broker = try await KafkaBroker(topics: [revoked: 1, events: 1])
        let fixture = try await RedisOutboxFixture()
        let relay = RunningRelay(fixture.source(), kafka(broker))
        let feed = RunningFeed(kafka(broker))
        try await fixture.write((0..<5).map { makeEvent($0) })
        try await eventually("before") { feed.now.events.count == 5 && feed.reader.staleness() != nil }
        fixture.server.pause()
        try await eventually("stale", within: .seconds(15)) { (feed.reader.staleness() ?? .zero) > .seconds(3) }
        fixture.server.resume()
        try await fixture.writeWhenPossible((5..<10).map { makeEvent($0) })
        try await eventually("after", within: .seconds(15)) { feed.now.events.count == 10 }
        try await eventually("fresh again") { (feed.reader.staleness() ?? .seconds(9)) < .seconds(2) }
        expectGapless(try await contents(of: revoked, kafka(broker)), count: 10)
        await relay.stop()
        await feed.stop()
    }
}
