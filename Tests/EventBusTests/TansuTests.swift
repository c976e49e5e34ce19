import Foundation
import TestSupport
import Testing

@testable import EventBus

/// Against a broker that shares no code with librdkafka, whose mock cluster could share its mistakes.
@Suite(.serialized) struct TansuTests {
    @Test func anotherBrokerTakesAndGivesTheSame() async throws {
        let broker = try await TansuBroker(topics: [revoked: 2, events: 1, "\(revoked).dead": 1])
        let configuration = KafkaConfiguration(bootstrapServers: broker.bootstrapServers)

        // Joining a group takes a while; the rest goes on meanwhile.
        let member = try RunningQueue(
            configuration,
            handle: { event in
                if event.json()?["number"]?.int == 13 { throw SetAside("unlucky") }
            })
        let producer = try KafkaProducer(configuration, logger: quiet)
        let position = try await producer.send(KafkaRecord(topic: events, key: [1], value: [2], headers: [("h", [3])]))
        #expect(position == RecordPosition(partition: TopicPartition(topic: events, partition: 0), offset: 0))

        let outbox = try await TestOutbox(.sqlite)
        let relay = RunningRelay(outbox.source(), configuration)
        let feed = RunningFeed(configuration)
        for start in stride(from: 0, to: 100, by: 20) {
            try await outbox.write((start..<(start + 20)).map { makeEvent($0) })
            relay.relay.nudge()
        }
        try await eventually("all events", within: .seconds(20)) { feed.now.events.count == 100 }
        expectGapless(feed.now.events, count: 100)
        #expect(feed.now.gaps.isEmpty)
        try await eventually("fresh") { (feed.reader.staleness() ?? .seconds(9)) < .seconds(3) }
        let stored = try await contents(of: revoked, configuration)
        #expect(stored.count == 100)
        expectOrderPerKey(stored)

        // One that begins now is told all before it is ready.
        let late = RunningFeed(configuration)
        try await eventually("caught up", within: .seconds(20)) { late.reader.isCaughtUp }
        #expect(late.now.eventsWhenCaughtUp == 100)

        // A relay that starts again finds what it had written.
        await relay.stop()
        let next = RunningRelay(outbox.source(), configuration)
        try await outbox.write((100..<110).map { makeEvent($0) })
        try await eventually("ten more", within: .seconds(20)) { late.now.events.count == 110 }
        #expect(next.relay.statistics.republications == 0)

        try await eventually("the group's work", within: .seconds(60)) { member.handled.count == 109 }
        expectOrderPerKey(member.handled)
        #expect(try await records(of: "\(revoked).dead", configuration).count == 1)
        try await eventually("no lag", within: .seconds(20)) { member.queue.statistics.lag == 0 }
        await next.stop()
        await late.stop()
        await feed.stop()
        await member.stop()
    }

    /// librdkafka's mock cluster does not look at the transactional id, so that this needs a broker that does.
    @Test func theBrokerRefusesWhoeverIsNotTheLastToHaveRegistered() async throws {
        let broker = try await TansuBroker(topics: [revoked: 1])
        let configuration = KafkaConfiguration(bootstrapServers: broker.bootstrapServers)
        func records(_ numbers: Range<Int>) -> [KafkaRecord] {
            numbers.map { KafkaRecord(topic: revoked, value: Array("\($0)".utf8)) }
        }
        let old = try TransactionalProducer(configuration, transactionalID: "t", logger: quiet)
        try await old.start(topics: [revoked])
        #expect(try await old.publish(records(0..<5)).count == 5)
        let newer = try TransactionalProducer(configuration, transactionalID: "t", logger: quiet)
        try await newer.start(topics: [revoked])
        await #expect {
            _ = try await old.publish(records(5..<6))
        } throws: { error in
            if case KafkaError.fenced = error { true } else { false }
        }
        #expect(try await newer.publish(records(6..<7)).count == 1)
        await old.close()
        await newer.close()
    }

    /// A relay whose clock stood still with it believes to have the lease, and tries to publish what it holds.
    @Test func aRelayThatTrustsItsLeaseTooLongIsFenced() async throws {
        let broker = try await TansuBroker(topics: [revoked: 1, events: 1])
        let configuration = KafkaConfiguration(bootstrapServers: broker.bootstrapServers)
        try await expectNothingOfARelayThatOutlivedItsLease(.sqlite, configuration, trustsItsLease: true)
    }
}
