import Contracts
import Foundation
import TestSupport
import Testing

@testable import EventBus

@Suite(.serialized) struct FeedReaderTests {
    /// Partitions are read one after the other in long stretches, so that the numbers come far out of order.
    @Test func allThatIsThereIsToldBeforeTheReaderIsReady() async throws {
        let broker = try await KafkaBroker(topics: [revoked: 3, events: 1])
        let outbox = try await TestOutbox(.sqlite)
        try await outbox.write((0..<6_000).map { makeEvent($0, key: "key-\($0 % 50)") })
        let relay = RunningRelay(outbox.source(), kafka(broker))
        try await eventually("published", within: .seconds(30)) { relay.relay.statistics.published == 6_000 }

        let early = Box(0)
        let reader = FeedReader(
            topics: [revoked], kafka: kafka(broker), since: .seconds(900), registeredOutboxes: ["test/main"],
            logger: quiet)
        let seen = Box((events: [String: Int](), whenCaughtUp: 0))
        let task = Task {
            try await reader.run { item in
                switch item {
                case .event(let event):
                    if !reader.isCaughtUp, reader.staleness() == nil { early.update { $0 += 1 } }
                    seen.update { $0.events[event.id, default: 0] += 1 }
                case .caughtUp: seen.update { $0.whenCaughtUp = $0.events.count }
                case .heartbeat, .gap: break
                }
            }
        }
        try await eventually("caught up", within: .seconds(20)) { reader.isCaughtUp }
        #expect(seen.value.whenCaughtUp == 6_000)
        #expect(seen.value.events.values.allSatisfy { $0 == 1 })
        #expect(early.value == 6_000, "not ready and not fresh before that")
        #expect(reader.statistics.repeats == 0)
        task.cancel()
        try await task.value
        await relay.stop()
    }

    @Test func repeatsAreKnownByTheirNumbersWhereverTheyStand() async throws {
        let broker = try await KafkaBroker(topics: [revoked: 2])
        let publisher = try RawPublisher(kafka(broker))
        let other = try RawPublisher(kafka(broker), outbox: "other")
        let feed = RunningFeed(kafka(broker))
        for sequence: Int64 in [1, 2, 3, 1, 2, 3, 4] { try await publisher.event(sequence) }
        try await publisher.event(2, partition: 1)
        // The same numbers of another source are other events.
        for sequence: Int64 in [1, 2] { try await other.event(sequence, number: Int(sequence) + 100) }
        try await eventually("all") { feed.reader.statistics.events + feed.reader.statistics.repeats == 10 }
        #expect(feed.numbers.sorted() == [1, 2, 3, 4, 101, 102])
        #expect(feed.reader.statistics.repeats == 4)
        await feed.stop()
    }

    @Test func whatIsNoEventIsCountedAndPassedOver() async throws {
        let broker = try await KafkaBroker(topics: [revoked: 1])
        let publisher = try RawPublisher(kafka(broker))
        let feed = RunningFeed(kafka(broker))
        try await publisher.raw(KafkaRecord(topic: revoked, value: Array("nonsense".utf8)))
        try await publisher.raw(
            KafkaRecord(topic: revoked, value: [0xff], headers: [("ce_specversion", [0xff]), ("ce_id", [])]))
        try await publisher.event(1)
        try await eventually { feed.now.events.count == 1 }
        #expect(feed.reader.statistics.malformed == 2)
        await feed.stop()
    }

    @Test func aGapIsReportedOnlyAfterEverythingWasReadAgain() async throws {
        let broker = try await KafkaBroker(topics: [revoked: 2])
        let publisher = try RawPublisher(kafka(broker))
        let feed = RunningFeed(kafka(broker)) { $0.rereadEvery = .milliseconds(300) }
        let past = WallClock.milliseconds() - 60_000
        for partition: Int32 in [0, 1] { try await publisher.heartbeat(0, partition: partition, watermark: past) }
        try await publisher.event(1)
        try await publisher.event(4, partition: 1)
        try await eventually("both events") { feed.now.events.count == 2 }
        #expect(feed.now.gaps.isEmpty)
        for partition: Int32 in [0, 1] { try await publisher.heartbeat(4, partition: partition) }
        try await eventually("the gap") { !feed.now.gaps.isEmpty }
        #expect(feed.now.gaps == [FeedGap(source: publisher.source.description, sequences: 2...3)])
        #expect(feed.reader.statistics.rereads == 1)
        #expect(feed.reader.statistics.gaps == 1)
        #expect(feed.now.events.count == 2, "reading again tells nothing twice")

        // Reported once; and what turns up after all is told.
        for partition: Int32 in [0, 1] { try await publisher.heartbeat(4, partition: partition) }
        try await publisher.event(2)
        try await eventually("the late one") { feed.numbers.contains(2) }
        #expect(feed.now.gaps.count == 1)
        try await eventually("fresh") { (feed.reader.staleness() ?? .seconds(60)) < .seconds(10) }
        await feed.stop()
    }

    /// While something is missing and cannot be looked for yet, the feed does not pretend to know everything.
    @Test func aFeedThatMissesSomethingIsStale() async throws {
        let broker = try await KafkaBroker(topics: [revoked: 1])
        let publisher = try RawPublisher(kafka(broker))
        let feed = RunningFeed(kafka(broker)) { $0.rereadEvery = .seconds(3_600) }
        let past = WallClock.milliseconds() - 60_000
        try await publisher.heartbeat(0, watermark: past)
        try await publisher.event(2)
        try await publisher.heartbeat(2)
        // The first time it looks at once, finds nothing and says so.
        try await eventually("the first gap") { feed.now.gaps.count == 1 }
        try await publisher.heartbeat(2, watermark: WallClock.milliseconds() - 30_000)
        try await publisher.event(4)
        try await publisher.heartbeat(4)
        try await publisher.event(5)
        try await eventually("all read") { feed.numbers == [2, 4, 5] }
        #expect(try #require(feed.reader.staleness()) >= .seconds(30), "number 3 is missing")
        try await publisher.event(3)
        try await publisher.heartbeat(5)
        try await eventually("fresh") { (feed.reader.staleness() ?? .seconds(60)) < .seconds(10) }
        await feed.stop()
    }

    /// The log of a broker that lost its state has grown past the place where the reader was, before it reads on.
    @Test func aReaderThatWasPassedByARefilledBrokerMissesNothing() async throws {
        let broker = try await KafkaBroker(topics: [revoked: 1])
        let before = try RawPublisher(kafka(broker))
        let feed = RunningFeed(kafka(broker)) { $0.rereadEvery = .milliseconds(300) }
        try await before.heartbeat(0)
        for sequence: Int64 in 1...5 { try await before.event(sequence) }
        try await eventually("before") { feed.now.events.count == 5 }
        try await broker.loseState()
        // Fetches are refused until all is there.
        try await broker.fail(api: 1, code: 6, count: 10_000)
        let after = try RawPublisher(kafka(broker))
        for sequence: Int64 in 1...20 { try await after.event(sequence) }
        try await after.heartbeat(20)
        try await broker.command("clear 1")
        try await eventually("after", within: .seconds(15)) { feed.now.events.count == 20 }
        #expect(feed.now.gaps.isEmpty)
        #expect(Set(feed.now.events.compactMap(\.sequence)) == Set(1...20))
        await feed.stop()
    }

    @Test func stalenessIsThatOfTheOldestOutboxAndPartition() async throws {
        let broker = try await KafkaBroker(topics: [revoked: 2])
        let main = try RawPublisher(kafka(broker))
        let other = try RawPublisher(kafka(broker), outbox: "other")
        let feed = RunningFeed(kafka(broker), outboxes: ["test/main", "test/other"])
        let old = WallClock.milliseconds() - 100_000
        try await main.heartbeat(0, partition: 0)
        try await eventually("one heartbeat") { feed.now.heartbeats.count == 1 && feed.reader.isCaughtUp }
        #expect(feed.reader.staleness(of: "test/main") == nil, "the other partition was not heard")
        try await main.heartbeat(0, partition: 1, watermark: old)
        try await eventually("two heartbeats") { feed.reader.staleness(of: "test/main") != nil }
        #expect(try #require(feed.reader.staleness(of: "test/main")) >= .seconds(100))
        #expect(feed.reader.staleness() == nil, "the other outbox was not heard")
        for partition: Int32 in [0, 1] { try await other.heartbeat(0, partition: partition) }
        try await main.heartbeat(0, partition: 1)
        try await eventually("fresh") { (feed.reader.staleness() ?? .seconds(60)) < .seconds(10) }
        await feed.stop()
    }

    @Test func stalenessGrowsWhenTheRelayStopsAndEndsWhenOneWorksAgain() async throws {
        let broker = try await KafkaBroker(topics: [revoked: 2, events: 1])
        let outbox = try await TestOutbox(.sqlite)
        let feed = RunningFeed(kafka(broker))
        let relay = RunningRelay(outbox.source(), kafka(broker))
        try await eventually("fresh") { (feed.reader.staleness() ?? .seconds(60)) < .seconds(2) }
        await relay.stop()
        try await eventually("stale") { (feed.reader.staleness() ?? .zero) > .seconds(3) }
        let next = RunningRelay(outbox.source(), kafka(broker))
        try await eventually("fresh again") { (feed.reader.staleness() ?? .seconds(60)) < .seconds(2) }
        await next.stop()
        await feed.stop()
    }

    @Test func aSequenceHoldsTheReaderBackWhenItsConsumerIsSlow() async throws {
        let broker = try await KafkaBroker(topics: [revoked: 1])
        let publisher = try RawPublisher(kafka(broker))
        for sequence: Int64 in 1...300 { try await publisher.event(sequence) }
        let reader = FeedReader(
            topics: [revoked], kafka: kafka(broker), since: .seconds(900), registeredOutboxes: [], logger: quiet)
        var told: [Int64] = []
        for try await item in reader.items(buffer: 4) {
            guard case .event(let event) = item else { continue }
            told.append(event.sequence ?? 0)
            if told.count == 10 {
                // Four wait, one is with the thread that waits for room.
                try await eventually("full") { reader.statistics.events == 15 }
                try await Task.sleep(for: .milliseconds(300))
                #expect(reader.statistics.events == 15)
            }
            if told.count == 200 { break }
        }
        #expect(told == Array(1...200))
        // Leaving the loop ends the reading; the reader goes on where it knows it was.
        let rest = try await eventuallyValue("a second reading") { () -> [Int64]? in
            var rest: [Int64] = []
            do {
                for try await item in reader.items() {
                    if case .event(let event) = item { rest.append(event.sequence ?? 0) }
                    if rest.last == 300 { break }
                }
            } catch KafkaError.configuration {
                return nil  // The thread of the first is still about to end.
            }
            return rest
        }
        // What the first reading had taken and nobody asked for is gone with it.
        #expect(rest == Array((301 - Int64(rest.count))...300))
        #expect((90...100).contains(rest.count))
    }

    @Test func aSequenceEndsWithItsTask() async throws {
        let broker = try await KafkaBroker(topics: [revoked: 1])
        let reader = FeedReader(
            topics: [revoked], kafka: kafka(broker), since: .seconds(900), registeredOutboxes: [], logger: quiet)
        let items = Box(0)
        let task = Task { for try await _ in reader.items() { items.update { $0 += 1 } } }
        try await eventually("caught up") { items.value == 1 }
        task.cancel()
        try await task.value
    }
}
