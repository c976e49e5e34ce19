import Contracts
import Database
import Foundation
import TestSupport
import Testing

@testable import EventBus

@Suite(.serialized) struct SQLRelayTests {
    let outbox = SQLOutbox(name: "main")

    @Test(arguments: SQLDialect.allCases)
    func eventsArriveOnceInOrderAndNumbered(_ dialect: SQLDialect) async throws {
        let broker = try await KafkaBroker(topics: [revoked: 2, events: 1])
        let store = try await OutboxDatabase(dialect)
        let relay = RunningRelay(outbox.source(on: store.database), kafka(broker))
        let feed = RunningFeed(kafka(broker), topics: [revoked, events])
        for start in stride(from: 0, to: 300, by: 30) {
            try await store.commit((start..<(start + 30)).map { makeEvent($0) }, to: outbox)
            try await store.commit([makeEvent(start, topic: events)], to: outbox)
            relay.relay.nudge()
        }
        try await eventually("all events") { feed.now.events.count == 310 }
        expectGapless(feed.now.events, count: 310)
        #expect(feed.now.gaps.isEmpty)
        let stored = try await contents(of: revoked, kafka(broker))
        #expect(stored.count == 300)
        for (key, list) in Dictionary(grouping: stored, by: \.key) {
            let numbers = list.compactMap { $0.json()?["number"]?.int }
            #expect(numbers == numbers.sorted(), "events of \(key ?? "") in order")
        }
        let source = try #require(EventSource(stored[0].source))
        #expect((source.service, source.outbox, source.topic) == ("test", "main", revoked))
        await relay.stop()
        await feed.stop()
    }

    @Test(arguments: SQLDialect.allCases)
    func anotherRelayTakesOverFromOneThatDied(_ dialect: SQLDialect) async throws {
        let broker = try await KafkaBroker(topics: [revoked: 1, events: 1])
        let store = try await OutboxDatabase(dialect)
        let first = RunningRelay(outbox.source(on: store.database), kafka(broker)) { $0.releasesLease = false }
        try await eventually("the first leads") { first.relay.statistics.isLeading }
        let second = RunningRelay(outbox.source(on: store.database), kafka(broker))
        let feed = RunningFeed(kafka(broker))
        var written = 0
        for _ in 0..<10 {
            try await store.commit((written..<(written + 5)).map { makeEvent($0) }, to: outbox)
            written += 5
            first.relay.nudge()
        }
        try await eventually("the first relays") { feed.now.events.count == 50 }
        #expect(!second.relay.statistics.isLeading)
        await first.stop()
        let died = ContinuousClock.now
        try await store.commit((50..<60).map { makeEvent($0) }, to: outbox)
        try await eventually("the second relays") { feed.now.events.count == 60 }
        #expect(ContinuousClock.now - died < .seconds(4), "the bound is 3 s, with some grace for a busy machine")
        #expect(second.relay.statistics.isLeading)
        expectGapless(try await contents(of: revoked, kafka(broker)), count: 60)
        await second.stop()
        await feed.stop()
    }

    @Test(arguments: SQLDialect.allCases)
    func aSourceRefusesWhoeverLostTheLease(_ dialect: SQLDialect) async throws {
        let store = try await OutboxDatabase(dialect)
        let source = outbox.source(on: store.database)
        let old = try #require(try await source.acquire(holder: "old", ttl: .milliseconds(1)))
        _ = try await source.open(old)
        try await store.commit([makeEvent(1)], to: outbox)
        let batch = try await source.take(limit: 10, old)
        #expect(batch.records.map(\.sequence) == [1])
        let new = try await eventuallyValue { try await source.acquire(holder: "new", ttl: .seconds(5)) }
        #expect(new.fence > old.fence)
        await #expect(throws: OutboxError.self) { try await source.confirm(batch, [], old) }
        await #expect(throws: OutboxError.self) { try await source.take(limit: 10, old) }
        await #expect(throws: OutboxError.self) { try await source.republish([revoked], old) }
        // What the old one had numbered comes again from the new one, under the same number.
        #expect(try await source.take(limit: 10, new).records == batch.records)
    }

    @Test func aLateCommitWithALowerIdIsNotPassedOver() async throws {
        let broker = try await KafkaBroker(topics: [revoked: 1, events: 1])
        let store = try await OutboxDatabase(.postgres)
        // Patience beyond the test: what follows waits for the oldest open transaction, as the rule is.
        let relay = RunningRelay(
            outbox.source(on: store.database, patience: .seconds(600)), kafka(broker), topics: [revoked])
        let feed = RunningFeed(kafka(broker))
        let isOpen = Box(false)
        let mayCommit = Box(false)
        let outbox = outbox
        async let late: Void = store.database.write { connection in
            try outbox.append(makeEvent(1), connection)
            isOpen.update { $0 = true }
            while !mayCommit.value { usleep(5_000) }
        }
        try await eventually { isOpen.value }
        try await store.commit([makeEvent(2)], to: outbox)
        relay.relay.nudge()
        let heartbeats = feed.now.heartbeats.count
        try await eventually("heartbeats while a transaction is open") { feed.now.heartbeats.count >= heartbeats + 2 }
        #expect(feed.now.events.isEmpty)
        let stuck = feed.now.heartbeats.last?.watermark ?? 0
        #expect(WallClock.milliseconds() - stuck > 500, "the watermark stays before what is held back")
        mayCommit.update { $0 = true }
        try await late
        try await eventually("both") { feed.now.events.count == 2 }
        #expect(feed.numbers == [1, 2])
        await relay.stop()
        await feed.stop()
    }

    @Test func aTransactionLeftOpenHoldsEventsBackOnlyForSoLong() async throws {
        let broker = try await KafkaBroker(topics: [revoked: 1, events: 1])
        let store = try await OutboxDatabase(.postgres)
        let relay = RunningRelay(
            outbox.source(on: store.database, patience: .milliseconds(300)), kafka(broker), topics: [revoked])
        let feed = RunningFeed(kafka(broker))
        let isOpen = Box(false)
        let mayCommit = Box(false)
        let outbox = outbox
        async let late: Void = store.database.write { connection in
            try outbox.append(makeEvent(1), connection)
            isOpen.update { $0 = true }
            while !mayCommit.value { usleep(5_000) }
        }
        try await eventually { isOpen.value }
        try await store.commit([makeEvent(2)], to: outbox)
        try await eventually("the later one") { feed.numbers == [2] }
        mayCommit.update { $0 = true }
        try await late
        try await eventually("both") { feed.numbers == [2, 1] }
        expectGapless(feed.now.events, count: 2)
        await relay.stop()
        await feed.stop()
    }

    @Test func urgentTopicsGoFirst() async throws {
        let store = try await OutboxDatabase(.sqlite)
        let source = outbox.source(on: store.database, urgentTopics: [revoked])
        let lease = try #require(try await source.acquire(holder: "a", ttl: .seconds(10)))
        _ = try await source.open(lease)
        try await store.commit((0..<50).map { makeEvent($0, topic: events) } + [makeEvent(50)], to: outbox)
        let batch = try await source.take(limit: 10, lease)
        #expect(batch.records.count == 10)
        #expect(batch.records.first?.event.topic == revoked)
        #expect(batch.hasMore)
    }

    @Test(arguments: SQLDialect.allCases)
    func publishedEventsLeaveWhenTheirTimeIsUp(_ dialect: SQLDialect) async throws {
        let store = try await OutboxDatabase(dialect)
        let source = outbox.source(
            on: store.database,
            retention: OutboxRetention(
                byTopic: [revoked: .seconds(3_600), "brief": .zero], standard: .seconds(3_600), maxEvents: 2))
        let lease = try #require(try await source.acquire(holder: "a", ttl: .seconds(10)))
        _ = try await source.open(lease)
        try await store.commit(
            (0..<5).map { makeEvent($0) } + (5..<9).map { makeEvent($0, topic: events) }
                + (9..<12).map { makeEvent($0, topic: "brief") }, to: outbox)
        try await source.confirm(try await source.take(limit: 100, lease), [], lease)
        try await store.commit([makeEvent(12)], to: outbox)
        try await eventually("pruning") {
            try await source.prune(lease)
            return try await store.database.query("SELECT topic FROM outbox_events WHERE topic = 'brief'").isEmpty
        }
        let left = try await store.database.query("SELECT topic, seq FROM outbox_events ORDER BY id")
        // A topic with a time of its own keeps it, however many there are; of the others the newest stay.
        #expect(
            try left.map { try $0.text("topic") }
                == Array(repeating: revoked, count: 5) + [events, events, revoked])
        #expect(
            try left.map { try $0.optionalInt("seq") } == [1, 2, 3, 4, 5, 3, 4, nil], "what is not published stays")
        #expect(try await source.backlog() == 1)
    }

    @Test func anEventThatKafkaWouldNotTakeIsRefusedWhenItIsWritten() async throws {
        let store = try await OutboxDatabase(.sqlite)
        var event = makeEvent(1)
        event.data = .string(String(repeating: "x", count: OutboxEvent.maxBytes))
        let tooLarge = event
        await #expect(throws: DatabaseError.self) { try await store.commit([tooLarge], to: outbox) }
        #expect(try await store.database.query("SELECT id FROM outbox_events").isEmpty)
    }
}
