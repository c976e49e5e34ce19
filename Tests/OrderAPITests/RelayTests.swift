import Contracts
import EventBus
import Foundation
import StrictJSON
import Synchronization
import TestSupport
import Testing

@testable import OrderAPI

/// Orders and Kafka.
@Suite(.serialized) struct RelayTests {
    /// Kafka is down: orders are cancelled all the same. It comes back: everything is told, in order.
    @Test func whatHappenedWhileKafkaWasDownIsToldAfterwards() async throws {
        let broker = try await KafkaBroker(topics: ["security.events": 1])
        try await broker.setReachable(false)
        let kafka = KafkaConfiguration(bootstrapServers: broker.bootstrapServers)
        try await withWorld { world in
            let relay = OrderEvents.relay(
                on: world.database, kafka: kafka, retention: .seconds(86_400), logger: quiet)
            let relaying = Task { await relay.run() }
            let store = OrderStore(database: world.database, outbox: OrderEvents.outbox, nudge: relay.nudge)
            let placed = try #require(try await store.place(world.order(), key: nil, world.act()))
            let cancelled = try await store.cancel(placed.id, world.act())
            #expect(cancelled?.status == .cancelled)

            let seen = Mutex<[CloudEvent]>([])
            let reader = FeedReader(
                FeedReader.Options(
                    topics: ["security.events"], since: .seconds(900), registeredOutboxes: ["order-api/main"]),
                kafka: kafka, logger: quiet)
            let reading = Task {
                try? await reader.run { item in
                    if case .event(let event) = item { seen.withLock { $0.append(event) } }
                }
            }
            let waiting = try await world.database.query(
                "SELECT COUNT(*) AS n FROM outbox_events WHERE published_ms IS NULL")
            #expect(try waiting.first?.int("n") == 2)
            try await broker.setReachable(true)
            try await eventually("the events", within: .seconds(30)) { seen.withLock { $0.count } >= 2 }
            let told = seen.withLock { $0 }
            #expect(told.map(\.type) == [orderPlaced, orderCancelled])
            #expect(told.map(\.sequence) == [1, 2])
            #expect(told.allSatisfy { EventSource($0.source)?.outboxName == "order-api/main" })
            #expect(told.allSatisfy { $0.json()?["fields"]?["order_id"]?.string == placed.id })
            reading.cancel()
            relaying.cancel()
            await reading.value
            await relaying.value
        }
    }
}
