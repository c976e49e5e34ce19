import Database
import EventBus

/// Orders in SQL. A change and the event that tells of it are one transaction.
struct OrderStore: Sendable {
    /// A place in the list of somebody's orders, which runs from the newest to the oldest.
    struct Place: Sendable, Equatable {
        var placedAt: Int64
        var id: String
    }

    /// Orders that one transaction cancels at most, so that none holds the database for long.
    static let batch = 500

    let database: any Database
    let outbox: SQLOutbox
    /// Tells the relay that something was committed.
    let nudge: @Sendable () -> Void

    /// Places an order, or finds the one that was placed under the same key before.
    /// - Parameter key: names the request among its owner's; the order is kept under it for good.
    /// - Returns: nil when the key came with other terms before.
    func place(_ order: Order, key: String?, _ act: Act) async throws(DatabaseError) -> Order? {
        let placed = try await database.write { connection -> Order? in
            let inserted = try connection.execute(
                """
                INSERT INTO orders (id, owner, idempotency_key, symbol, side, quantity, limit_price, status, placed_at)
                VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
                ON CONFLICT (owner, idempotency_key) DO NOTHING
                """,
                [
                    .text(order.id), .text(order.owner), key.map(SQLValue.text) ?? .null, .text(order.terms.symbol),
                    .text(order.terms.side.rawValue), .int(Int64(order.terms.quantity)),
                    order.terms.limitPrice.map { .text($0.text) } ?? .null, .text(order.status.rawValue),
                    .int(order.placedAt),
                ])
            guard inserted == 0, let key else {
                try outbox.append(OrderEvents.placed(order, act), connection)
                return order
            }
            let earlier = try connection.query(
                OrderRows.select + " WHERE owner = ? AND idempotency_key = ?", [.text(order.owner), .text(key)])
            guard let found = try earlier.first.map(OrderRows.order), found.terms == order.terms else { return nil }
            return found
        }
        nudge()
        return placed
    }

    /// - Returns: nil when `owner` has no such order.
    func order(_ id: String, of owner: String) async throws(DatabaseError) -> Order? {
        try await database.read { try OrderRows.find(id, of: owner, $0) }
    }

    /// The owner's orders, the newest first, after `place`; and where to go on.
    func list(
        of owner: String, after place: Place?, limit: Int
    ) async throws(DatabaseError) -> (orders: [Order], next: Place?) {
        try await database.read { connection in
            let start = place ?? Place(placedAt: .max, id: "")
            let rows = try connection.query(
                OrderRows.select
                    + " WHERE owner = ? AND (placed_at, id) < (?, ?) ORDER BY placed_at DESC, id DESC LIMIT ?",
                [.text(owner), .int(start.placedAt), .text(start.id), .int(Int64(limit) + 1)])
            let orders = try rows.prefix(limit).map(OrderRows.order)
            guard rows.count > limit, let last = orders.last else { return (orders, nil) }
            return (orders, Place(placedAt: last.placedAt, id: last.id))
        }
    }

    /// Cancels an order of the caller's. One that is cancelled already stays as it is and is told of once.
    /// - Returns: nil when the caller has no such order.
    func cancel(_ id: String, _ act: Act) async throws(DatabaseError) -> Order? {
        let cancelled = try await database.write { try cancel(id, act, $0) }
        nudge()
        return cancelled
    }

    /// Cancels whatever the caller has open, in transactions of `batch` orders.
    /// - Returns: how many were cancelled.
    func cancelAll(_ act: Act) async throws(DatabaseError) -> Int {
        var count = 0
        while true {
            let cancelled = try await database.write { connection in
                let open = try connection.query(
                    "SELECT id FROM orders WHERE owner = ? AND status = 'open' LIMIT ?"
                        + connection.dialect.forUpdate, [.text(act.subject), .int(Int64(OrderStore.batch))])
                for row in open { _ = try cancel(try row.text("id"), act, connection) }
                return open.count
            }
            nudge()
            count += cancelled
            if cancelled < OrderStore.batch { return count }
        }
    }

    private func cancel(_ id: String, _ act: Act, _ connection: any SQLConnection) throws -> Order? {
        let changed = try connection.execute(
            "UPDATE orders SET status = ?, cancelled_at = ? WHERE id = ? AND owner = ? AND status = 'open'",
            [.text(Order.Status.cancelled.rawValue), .int(act.at), .text(id), .text(act.subject)])
        guard let order = try OrderRows.find(id, of: act.subject, connection) else { return nil }
        if changed > 0 { try outbox.append(OrderEvents.cancelled(order, act), connection) }
        return order
    }
}

/// How a row becomes an order.
enum OrderRows {
    static let select =
        "SELECT id, owner, symbol, side, quantity, limit_price, status, placed_at, cancelled_at FROM orders"

    static func find(_ id: String, of owner: String, _ connection: any SQLConnection) throws -> Order? {
        try connection.query(select + " WHERE id = ? AND owner = ?", [.text(id), .text(owner)]).first.map(order)
    }

    static func order(_ row: SQLRow) throws -> Order {
        guard let side = Order.Side(rawValue: try row.text("side")),
            let status = Order.Status(rawValue: try row.text("status"))
        else { throw DatabaseError.sql("an order has a side or a status that is not known") }
        return Order(
            id: try row.text("id"), owner: try row.text("owner"),
            terms: Order.Terms(
                symbol: try row.text("symbol"), side: side, quantity: Int(try row.int("quantity")),
                limitPrice: try row.optionalText("limit_price").flatMap(Price.init)),
            status: status, placedAt: try row.int("placed_at"), cancelledAt: try row.optionalInt("cancelled_at"))
    }
}
