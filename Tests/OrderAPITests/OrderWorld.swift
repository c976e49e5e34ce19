import Contracts
import Database
import EventBus
import Foundation
import Logging
import StrictJSON
import Synchronization
import TestSupport

@testable import OrderAPI

let quiet = Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() })

/// The PostgreSQL server that these tests share; each has a database of its own in it.
enum SharedPostgres {
    private static let server = Task { try await PostgresServer() }
    static func get() async throws -> PostgresServer { try await server.value }
}

/// A store over a database of its own, and a clock that tests turn.
final class OrderWorld: Sendable {
    static let start: Int64 = 1_800_000_000_000

    let database: any Database
    let store: OrderStore
    private let time = Mutex(OrderWorld.start)
    private let folder: TemporaryDirectory?

    init(_ dialect: SQLDialect) async throws {
        let url: String
        if dialect == .sqlite {
            let folder = try TemporaryDirectory("jts-orders")
            self.folder = folder
            url = "sqlite://\(folder.path)/orders.db"
        } else {
            folder = nil
            url = try await SharedPostgres.get().makeDatabase()
        }
        database = try await DatabaseFactory.open(url: url, logger: quiet)
        try await OrderMigrations.run(on: database)
        store = OrderStore(database: database, outbox: OrderEvents.outbox, nudge: {})
    }

    /// Milliseconds since the epoch.
    var now: Int64 { time.withLock { $0 } }
    func advance(milliseconds: Int64) { time.withLock { $0 += milliseconds } }

    func act(_ subject: String = "usr_maria") -> Act {
        Act(subject: subject, sessionID: "ses_1", at: now, requestID: "req_1")
    }

    func order(_ owner: String = "usr_maria", _ terms: Order.Terms = .plain) -> Order {
        Order(id: UUID().uuidString.lowercased(), owner: owner, terms: terms, placedAt: now)
    }

    @discardableResult
    func place(_ owner: String = "usr_maria", _ terms: Order.Terms = .plain, key: String? = nil) async throws -> Order?
    {
        try await store.place(order(owner, terms), key: key, act(owner))
    }

    /// What stands in the outbox, in order.
    func events() async throws -> [OutboxEvent] {
        try await database.query("SELECT payload FROM outbox_events WHERE outbox = 'main' ORDER BY id")
            .compactMap { OutboxEvent(encoded: try $0.text("payload").utf8) }
    }

    func types() async throws -> [String] { try await events().map(\.type) }

    func count() async throws -> Int64 {
        try await database.query("SELECT COUNT(*) AS n FROM orders").first?.int("n") ?? 0
    }
}

extension Order.Terms {
    static let plain = Order.Terms(symbol: "EURUSD", side: .buy, quantity: 100)
}

let orderPlaced = "org.jts.security.order-placed"
let orderCancelled = "org.jts.security.order-cancelled"

/// Runs `body` on a world of its own.
func withWorld(_ dialect: SQLDialect = .sqlite, _ body: (OrderWorld) async throws -> Void) async throws {
    let world = try await OrderWorld(dialect)
    do {
        try await body(world)
    } catch {
        await world.database.shutdown()
        throw error
    }
    await world.database.shutdown()
}
