import Contracts
import Foundation
import NIOPosix
import Redis
import TestSupport
import Testing

@testable import EventBus

@Suite(.serialized) struct RedisRelayTests {
    @Test func eventsArriveOnceInOrderAndNumbered() async throws {
        let broker = try await KafkaBroker(topics: [revoked: 2, events: 1])
        let fixture = try await RedisOutboxFixture(tags: 64)
        let relay = RunningRelay(fixture.source(), kafka(broker))
        let feed = RunningFeed(kafka(broker), topics: [revoked, events])
        for start in stride(from: 0, to: 600, by: 60) {
            try await fixture.write((start..<(start + 60)).map { makeEvent($0, key: "key-\($0 % 23)") })
            try await fixture.write([makeEvent(start, topic: events)])
            relay.relay.nudge()
        }
        try await eventually("all events") { feed.now.events.count == 610 }
        expectGapless(feed.now.events, count: 610)
        #expect(feed.now.gaps.isEmpty)
        let stored = try await contents(of: revoked, kafka(broker))
        #expect(stored.count == 600)
        expectOrderPerKey(stored)
        let source = try #require(EventSource(stored[0].source))
        #expect((source.service, source.outbox, source.topic) == ("test", "main", revoked))
        try await eventually("fresh") { (feed.reader.staleness() ?? .seconds(9)) < .seconds(3) }
        await relay.stop()
        await feed.stop()
    }

    /// Something new is there whenever the relay looks.
    @Test func heartbeatsComeUnderSteadyLoad() async throws {
        let broker = try await KafkaBroker(topics: [revoked: 1, events: 1])
        let fixture = try await RedisOutboxFixture()
        let relay = RunningRelay(fixture.source(), kafka(broker))
        let feed = RunningFeed(kafka(broker))
        try await eventually("fresh") { (feed.reader.staleness() ?? .seconds(9)) < .seconds(2) }
        let isOver = Box(false)
        try await withThrowingTaskGroup(of: Void.self) { group in
            for writer in 0..<4 {
                group.addTask {
                    while !isOver.value { try await fixture.write([makeEvent(writer)]) }
                }
            }
            defer { isOver.update { $0 = true } }
            let before = feed.now.heartbeats.count
            try await eventually("heartbeats") { feed.now.heartbeats.count >= before + 3 }
            isOver.update { $0 = true }
            try await group.waitForAll()
        }
        #expect(!feed.now.events.isEmpty)
        expectGapless(feed.now.events)
        await relay.stop()
        await feed.stop()
    }

    /// A relay dies after Kafka has acknowledged a batch and before the outbox knows: the next sends the same again.
    @Test func aCrashBetweenPublishingAndConfirmingRepeatsAndLosesNothing() async throws {
        let broker = try await KafkaBroker(topics: [revoked: 2, events: 1])
        let fixture = try await RedisOutboxFixture()
        let dying = fixture.source()
        let lease = try #require(try await dying.acquire(holder: "dying", ttl: .milliseconds(500)))
        let opened = try await dying.open(lease)
        try await fixture.write((0..<20).map { makeEvent($0) })
        let batch = try await dying.take(limit: 100, lease)
        #expect(batch.records.map(\.sequence) == Array(1...20))
        let producer = try KafkaProducer(kafka(broker), logger: quiet)
        for record in batch.records {
            let source = EventSource(service: "test", outbox: "main", epoch: opened.epoch, topic: revoked)
            _ = try await producer.send(record.event.cloudEvent(source: source, sequence: record.sequence).record())
        }
        // Events that it has not seen.
        try await fixture.write((20..<25).map { makeEvent($0) })

        let feed = RunningFeed(kafka(broker))
        let next = RunningRelay(fixture.source(), kafka(broker))
        try await eventually("all events") { feed.now.events.count == 25 }
        let stored = try await contents(of: revoked, kafka(broker))
        #expect(stored.count == 45, "twenty of them twice")
        expectGapless(stored, count: 25)
        try await eventually("the repeats") { feed.reader.statistics.repeats == 20 }
        await next.stop()
        await feed.stop()
    }

    @Test func anotherRelayTakesOverFromOneThatDied() async throws {
        let broker = try await KafkaBroker(topics: [revoked: 1, events: 1])
        let fixture = try await RedisOutboxFixture()
        let first = RunningRelay(fixture.source(), kafka(broker)) { $0.releasesLease = false }
        try await eventually("the first leads") { first.relay.statistics.isLeading }
        let second = RunningRelay(fixture.source(), kafka(broker))
        let feed = RunningFeed(kafka(broker))
        try await fixture.write((0..<20).map { makeEvent($0) })
        try await eventually("the first relays") { feed.now.events.count == 20 }
        #expect(!second.relay.statistics.isLeading)
        await first.stop()
        let died = ContinuousClock.now
        try await fixture.write((20..<30).map { makeEvent($0) })
        try await eventually("the second relays") { feed.now.events.count == 30 }
        #expect(ContinuousClock.now - died < .seconds(4), "the bound is 3 s, with some grace for a busy machine")
        expectGapless(try await contents(of: revoked, kafka(broker)), count: 30)
        await second.stop()
        await feed.stop()
    }

    @Test func aSourceRefusesWhoeverLostTheLease() async throws {
        let fixture = try await RedisOutboxFixture()
        let source = fixture.source()
        let old = try #require(try await source.acquire(holder: "old", ttl: .milliseconds(1)))
        _ = try await source.open(old)
        try await fixture.write([makeEvent(1)])
        let batch = try await source.take(limit: 10, old)
        let other = fixture.source()
        let new = try await eventuallyValue { try await other.acquire(holder: "new", ttl: .seconds(5)) }
        #expect(new.fence > old.fence)
        #expect(try await source.renew(old, ttl: .seconds(1)) == nil)
        try await fixture.write([makeEvent(2)])
        await #expect(throws: OutboxError.self) { try await source.confirm(batch, [], old) }
        await #expect(throws: OutboxError.self) { try await source.take(limit: 10, old) }
        await #expect(throws: OutboxError.self) { try await source.republish([revoked], old) }
        await #expect(throws: OutboxError.self) { try await source.prune(old) }
        await #expect(throws: OutboxError.self) { try await source.open(old) }
        // What the old one had numbered comes again from the new one, under the same number.
        _ = try await other.open(new)
        let again = try await other.take(limit: 10, new)
        #expect(again.records.first == batch.records.first)
        #expect(again.records.map(\.sequence) == [1, 2])
    }

    /// More than one step of pruning deletes at once.
    @Test func publishedEventsAreKeptUpToABoundAndWaitingOnesAllOfThem() async throws {
        let fixture = try await RedisOutboxFixture(tags: 1)
        let source = fixture.source(retention: OutboxRetention(standard: .seconds(3_600), maxEvents: 50))
        let lease = try #require(try await source.acquire(holder: "a", ttl: .seconds(60)))
        _ = try await source.open(lease)
        let key = fixture.outbox.key(tag: 0)
        let event = makeEvent(0).encoded()
        _ = try await fixture.redis.run(
            RedisScript("for i = 1, 2500 do " + RedisOutbox.luaAppend(key: "KEYS[1]", event: "ARGV[1]") + " end"),
            keys: [key], arguments: [.string(event)])
        #expect(try await source.backlog() == 2_500)
        var taken = 0
        while taken < 2_500 {
            let batch = try await source.take(limit: 500, lease)
            taken += batch.records.count
            try await source.confirm(batch, [], lease)
        }
        #expect(try await fixture.redis.send(["XLEN", .string(key)]).int == 0, "what has moved need not stay")
        #expect(try await source.backlog() == 0)
        try await fixture.write((0..<60).map { makeEvent($0) })
        // Little moves at once; what was taken and not confirmed comes again.
        var waiting = 0
        while try await source.backlog() > waiting { waiting = try await source.take(limit: 500, lease).records.count }
        #expect(waiting == 60)
        try await source.prune(lease)
        try await source.republish([revoked], lease)
        #expect(try await source.backlog() == 60, "what is not published stays, and it is more than the bound")
    }

    @Test func whatIsTooOldLeaves() async throws {
        let fixture = try await RedisOutboxFixture(tags: 1)
        let source = fixture.source(retention: OutboxRetention(standard: .milliseconds(1), maxEvents: 1_000))
        let lease = try #require(try await source.acquire(holder: "a", ttl: .seconds(60)))
        _ = try await source.open(lease)
        try await fixture.write((0..<5).map { makeEvent($0) })
        try await source.confirm(try await source.take(limit: 3, lease), [], lease)
        try await Task.sleep(for: .milliseconds(20))
        try await source.prune(lease)
        try await source.republish([revoked], lease)
        #expect(try await source.take(limit: 10, lease).records.map(\.sequence) == [4, 5])
    }

    /// The streams lie in several slots, and each is written by a script of its own.
    @Test func worksOnACluster() async throws {
        let broker = try await KafkaBroker(topics: [revoked: 2, events: 1])
        let cluster = try await RedisCluster()
        let redis = RedisClient(
            try RedisConfiguration(url: cluster.url), eventLoopGroup: MultiThreadedEventLoopGroup.singleton,
            logger: quiet)
        let outbox = RedisOutbox(name: "main", tags: 16)
        let relay = RunningRelay(outbox.source(on: redis), kafka(broker))
        let feed = RunningFeed(kafka(broker))
        try await outbox.write((0..<200).map { makeEvent($0, key: "key-\($0 % 23)") }, on: redis)
        relay.relay.nudge()
        try await eventually("all events") { feed.now.events.count == 200 }
        let stored = try await contents(of: revoked, kafka(broker))
        #expect(stored.count == 200)
        expectGapless(stored, count: 200)
        expectOrderPerKey(stored)
        var nodesWithStreams = 0
        for node in cluster.nodes where !(try await node.cli(["KEYS", "main:out:*"])).isEmpty { nodesWithStreams += 1 }
        #expect(nodesWithStreams > 1)
        await relay.stop()
        await feed.stop()
        await redis.shutdown()
    }
}

/// Events of one key stand in the order in which they were written.
func expectOrderPerKey(_ events: [CloudEvent], sourceLocation: SourceLocation = #_sourceLocation) {
    for (key, list) in Dictionary(grouping: events, by: \.key) {
        let numbers = list.compactMap { $0.json()?["number"]?.int }
        #expect(numbers == numbers.sorted(), "events of \(key ?? "")", sourceLocation: sourceLocation)
    }
}
