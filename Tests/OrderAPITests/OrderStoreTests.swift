import Database
import StrictJSON
import Testing

@testable import OrderAPI

/// What holds for orders in SQL, on both databases.
@Suite(.serialized) struct OrderStoreTests {
    @Test(arguments: SQLDialect.allCases)
    func anOrderAndItsEventAreOneStep(_ dialect: SQLDialect) async throws {
        try await withWorld(dialect) { world in
            let terms = Order.Terms(symbol: "BTC/USD", side: .sell, quantity: 3, limitPrice: Price("64000.5"))
            let placed = try #require(try await world.place("usr_maria", terms))
            #expect(try await world.store.order(placed.id, of: "usr_maria") == placed)
            let event = try #require(try await world.events().first)
            #expect(event.type == orderPlaced)
            #expect(event.topic == "security.events")
            #expect(event.subject == "usr_maria")
            #expect(event.time == OrderWorld.start)
            #expect(
                event.data == [
                    "outcome": "success", "at_ms": .int(OrderWorld.start), "subject": "usr_maria",
                    "session_id": "ses_1", "request_id": "req_1",
                    "fields": [
                        "order_id": .string(placed.id), "symbol": "BTC/USD", "side": "sell", "quantity": 3,
                        "limit_price": "64000.5",
                    ],
                ])
        }
    }

    /// An order that cannot be told of is not placed, and stays open when its cancellation cannot be.
    @Test(arguments: SQLDialect.allCases)
    func withoutItsEventNothingChanges(_ dialect: SQLDialect) async throws {
        try await withWorld(dialect) { world in
            let placed = try #require(try await world.place())
            try await world.database.execute("ALTER TABLE outbox_events RENAME TO elsewhere")
            await #expect(throws: DatabaseError.self) { try await world.place() }
            await #expect(throws: DatabaseError.self) { try await world.store.cancel(placed.id, world.act()) }
            #expect(try await world.count() == 1)
            #expect(try await world.store.order(placed.id, of: "usr_maria") == placed)
        }
    }

    @Test(arguments: SQLDialect.allCases)
    func aKeyPlacesOneOrder(_ dialect: SQLDialect) async throws {
        try await withWorld(dialect) { world in
            let first = try #require(try await world.place(key: "k"))
            world.advance(milliseconds: 5_000)
            #expect(try await world.place(key: "k") == first)
            #expect(try await world.types() == [orderPlaced])
            // Other terms are another request.
            for terms in [
                Order.Terms(symbol: "EURUSD", side: .buy, quantity: 101),
                Order.Terms(symbol: "EURUSD", side: .sell, quantity: 100),
                Order.Terms(symbol: "EURCHF", side: .buy, quantity: 100),
                Order.Terms(symbol: "EURUSD", side: .buy, quantity: 100, limitPrice: Price("1")),
            ] {
                #expect(try await world.place("usr_maria", terms, key: "k") == nil)
            }
            // Keys are each owner's own, and none is no key.
            #expect(try await world.place("usr_otto", key: "k")?.owner == "usr_otto")
            #expect(try await world.place()?.id != world.place()?.id)
            #expect(try await world.count() == 4)
        }
    }

    @Test(arguments: SQLDialect.allCases)
    func aKeyPlacesOneOrderHoweverManyAskAtOnce(_ dialect: SQLDialect) async throws {
        try await withWorld(dialect) { world in
            let ids = try await withThrowingTaskGroup(of: String?.self) { group in
                for _ in 0..<20 { group.addTask { try await world.place(key: "same")?.id } }
                return try await group.reduce(into: [String?]()) { $0.append($1) }
            }
            #expect(ids.count == 20)
            #expect(Set(ids).count == 1)
            #expect(ids.first != .some(nil))
            #expect(try await world.count() == 1)
            #expect(try await world.types() == [orderPlaced])
        }
    }

    @Test(arguments: SQLDialect.allCases)
    func cancellingTwiceIsCancellingOnce(_ dialect: SQLDialect) async throws {
        try await withWorld(dialect) { world in
            let placed = try #require(try await world.place(key: "k"))
            world.advance(milliseconds: 1_000)
            let cancelled = try #require(try await world.store.cancel(placed.id, world.act()))
            #expect(cancelled.status == .cancelled)
            #expect(cancelled.cancelledAt == OrderWorld.start + 1_000)
            world.advance(milliseconds: 1_000)
            #expect(try await world.store.cancel(placed.id, world.act()) == cancelled)
            #expect(try await world.types() == [orderPlaced, orderCancelled])
            #expect(try await world.events().last?.data["fields"]?["order_id"]?.string == placed.id)
            // Repeating the placement does not bring it back.
            #expect(try await world.place(key: "k") == cancelled)
        }
    }

    @Test(arguments: SQLDialect.allCases)
    func nobodyTouchesTheOrdersOfOthers(_ dialect: SQLDialect) async throws {
        try await withWorld(dialect) { world in
            let placed = try #require(try await world.place())
            #expect(try await world.store.order(placed.id, of: "usr_otto") == nil)
            #expect(try await world.store.cancel(placed.id, world.act("usr_otto")) == nil)
            #expect(try await world.store.cancelAll(world.act("usr_otto")) == 0)
            #expect(try await world.store.list(of: "usr_otto", after: nil, limit: 10).orders.isEmpty)
            #expect(try await world.store.order(placed.id, of: "usr_maria") == placed)
            #expect(try await world.types() == [orderPlaced])
        }
    }

    /// Page by page everything comes, newest first, once, also what was placed in the same millisecond.
    @Test(arguments: SQLDialect.allCases)
    func pagesMakeUpTheList(_ dialect: SQLDialect) async throws {
        try await withWorld(dialect) { world in
            var placed: [String] = []
            for number in 0..<23 {
                if number.isMultiple(of: 5) { world.advance(milliseconds: 1) }
                placed.append(try #require(try await world.place()).id)
                try await world.place("usr_otto")
            }
            var (seen, times, place): ([String], [Int64], OrderStore.Place?) = ([], [], nil)
            repeat {
                let page = try await world.store.list(of: "usr_maria", after: place, limit: 4)
                #expect(page.orders.count == 4 || page.next == nil)
                seen += page.orders.map(\.id)
                times += page.orders.map(\.placedAt)
                place = page.next
            } while place != nil
            #expect(seen.count == 23)
            #expect(Set(seen) == Set(placed))
            #expect(times == times.sorted(by: >))
            #expect(try await world.store.list(of: "usr_maria", after: nil, limit: 23).next == nil)
        }
    }

    @Test(arguments: SQLDialect.allCases)
    func everythingOpenIsCancelledEachWithItsEvent(_ dialect: SQLDialect) async throws {
        try await withWorld(dialect) { world in
            // More than two transactions' worth, written at once.
            let count = 2 * OrderStore.batch + 3
            let orders = (0..<count).map { _ in world.order() }
            try await world.database.write { connection in
                for order in orders {
                    try connection.execute(
                        """
                        INSERT INTO orders (id, owner, symbol, side, quantity, status, placed_at)
                        VALUES (?, ?, 'EURUSD', 'buy', 1, 'open', ?)
                        """, [.text(order.id), .text(order.owner), .int(order.placedAt)])
                }
            }
            let other = try #require(try await world.place("usr_otto"))
            _ = try await world.store.cancel(orders[0].id, world.act())
            #expect(try await world.store.cancelAll(world.act()) == count - 1)
            #expect(try await world.store.cancelAll(world.act()) == 0)
            #expect(try await world.store.order(other.id, of: "usr_otto")?.status == .open)
            let told = try await world.events().filter { $0.type == orderCancelled }
            #expect(told.count == count)
            #expect(
                Set(told.compactMap { $0.data["fields"]?["order_id"]?.string }) == Set(orders.map(\.id)))
        }
    }
}
