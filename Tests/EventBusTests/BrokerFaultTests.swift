import Database
import Foundation
import TestSupport
import Testing

@testable import EventBus

@Suite(.serialized) struct BrokerFaultTests {
    let outbox = SQLOutbox(name: "main")

    enum Loss: String, CaseIterable, Sendable { case withinTheProcess, ofTheProcess }

    @Test(arguments: Loss.allCases, OutboxKind.allCases)
    func whatABrokerLostIsPublishedAgainUnderTheSameNumbers(_ loss: Loss, _ kind: OutboxKind) async throws {
        let broker = try await KafkaBroker(topics: [revoked: 2, events: 1])
        let store = try await TestOutbox(kind)
        let relay = RunningRelay(store.source(), kafka(broker))
        let feed = RunningFeed(kafka(broker))
        try await store.write((0..<40).map { makeEvent($0) })
        relay.relay.nudge()
        try await eventually { feed.now.events.count == 40 }
        let before = try await contents(of: revoked, kafka(broker))
        switch loss {
        case .withinTheProcess: try await broker.loseState(downFor: 0.3)
        case .ofTheProcess: try await broker.restart()
        }
        try await store.write((40..<45).map { makeEvent($0) })
        relay.relay.nudge()
        try await eventually("all again", within: .seconds(25)) {
            Set((try? await contents(of: revoked, kafka(broker)).map(\.id)) ?? []).count == 45
        }
        let after = try await contents(of: revoked, kafka(broker))
        expectGapless(before + after, count: 45)
        expectOrderPerKey(
            after.reduce(into: []) { list, event in
                if !list.contains(where: { $0.id == event.id }) { list.append(event) }
            })
        // A reader from before tells only what is new; one that begins now tells all.
        try await eventually("the old reader") { feed.now.events.count == 45 }
        #expect(feed.now.gaps.isEmpty)
        let fresh = RunningFeed(kafka(broker))
        try await eventually("a new reader") { fresh.now.events.count == 45 }
        #expect(relay.relay.statistics.republications >= 1)
        await relay.stop()
        await feed.stop()
        await fresh.stop()
    }

    /// The relay finds out at its start, from what it had stored, also when others have filled the broker meanwhile.
    @Test func aRelayThatStartsLaterNoticesTheLoss() async throws {
        let broker = try await KafkaBroker(topics: [revoked: 1, events: 1])
        let store = try await OutboxDatabase(.sqlite)
        let relay = RunningRelay(outbox.source(on: store.database), kafka(broker))
        try await store.commit((0..<3).map { makeEvent($0) }, to: outbox)
        relay.relay.nudge()
        try await eventually { relay.relay.statistics.published == 3 }
        await relay.stop()
        try await broker.restart()
        let other = try KafkaProducer(kafka(broker), logger: quiet)
        for number in 0..<50 {
            let source = EventSource(service: "other", outbox: "main", epoch: 1, topic: revoked)
            let event = makeEvent(number).cloudEvent(source: source, sequence: Int64(number + 1))
            _ = try await other.send(event.record())
        }
        let next = RunningRelay(outbox.source(on: store.database), kafka(broker))
        try await eventually("published again") {
            try await contents(of: revoked, kafka(broker)).filter { $0.source.hasPrefix("test/") }.count == 3
        }
        #expect(next.relay.statistics.republications == 1)
        await next.stop()
    }

    @Test func nothingIsPublishedAgainWhenNothingWasLost() async throws {
        let broker = try await KafkaBroker(topics: [revoked: 1, events: 1])
        let store = try await OutboxDatabase(.sqlite)
        for round in 0..<2 {
            let relay = RunningRelay(outbox.source(on: store.database), kafka(broker))
            try await store.commit([makeEvent(round)], to: outbox)
            relay.relay.nudge()
            try await eventually { relay.relay.statistics.published == 1 }
            #expect(relay.relay.statistics.republications == 0)
            await relay.stop()
        }
        #expect(try await contents(of: revoked, kafka(broker)).count == 2)
    }

    /// Three outboxes, each with a broker of its own, wait the same ten seconds.
    @Test func eventsWaitForABrokerThatIsAway() async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            for kind in OutboxKind.allCases { group.addTask { try await waitForABrokerThatIsAway(kind) } }
            try await group.waitForAll()
        }
    }

    private func waitForABrokerThatIsAway(_ kind: OutboxKind) async throws {
        let broker = try await KafkaBroker(topics: [revoked: 1, events: 1])
        let store = try await TestOutbox(kind)
        let relay = RunningRelay(store.source(), kafka(broker)) { $0.publishTimeout = .seconds(1) }
        let feed = RunningFeed(kafka(broker))
        try await store.write([makeEvent(0)])
        relay.relay.nudge()
        try await eventually { feed.now.events.count == 1 && feed.reader.staleness() != nil }
        try await broker.setReachable(false)
        try await store.write((1..<20).map { makeEvent($0) })
        relay.relay.nudge()
        try await eventually("staleness grows", within: .seconds(25)) {
            (feed.reader.staleness() ?? .zero) > .seconds(10)
        }
        #expect(feed.now.events.count == 1, "\(kind)")
        #expect(relay.relay.statistics.isLeading, "the lease is kept meanwhile")
        #expect(relay.relay.statistics.backlog == 19, "\(kind)")
        try await broker.setReachable(true)
        try await eventually("all events", within: .seconds(20)) { feed.now.events.count == 20 }
        try await eventually("fresh again") { (feed.reader.staleness() ?? .seconds(9)) < .seconds(2) }
        try await eventually("no backlog") { relay.relay.statistics.backlog == 0 }
        expectGapless(feed.now.events, count: 20)
        await relay.stop()
        await feed.stop()
    }

    /// Errors that a broker answers with, each the next few times: produce, init producer id, add partitions, end
    /// transaction; not the leader, request timed out, not the coordinator, connection cut.
    @Test(arguments: [(0, 6), (0, 7), (0, -195), (22, 16), (24, 15), (24, -195), (26, 14), (26, -195)])
    func errorsOfTheBrokerLoseAndRepeatNothing(_ fault: (api: Int, code: Int)) async throws {
        let broker = try await KafkaBroker(topics: [revoked: 2, events: 1])
        let store = try await OutboxDatabase(.sqlite)
        let relay = RunningRelay(outbox.source(on: store.database), kafka(broker)) { $0.publishTimeout = .seconds(2) }
        let feed = RunningFeed(kafka(broker))
        for round in 0..<3 {
            try await store.commit((0..<5).map { makeEvent(round * 5 + $0) }, to: outbox)
            try await broker.fail(api: fault.api, code: fault.code, count: 2)
            relay.relay.nudge()
        }
        try await eventually("all events", within: .seconds(30)) { feed.now.events.count == 15 }
        expectGapless(try await contents(of: revoked, kafka(broker)), count: 15)
        await relay.stop()
        await feed.stop()
    }
}
