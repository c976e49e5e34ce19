import APISecurity
import Contracts
import Foundation
import Hummingbird
import StrictJSON

/// `/v1/orders`: each caller's own orders.
struct OrdersAPI: Sendable {
    let orders: OrderStore
    let policy: OrderPolicy

    /// Each route states the permission that it needs. What a permission does to the platform's exposure decides what
    /// happens when it cannot be known whether a token was revoked: nobody places orders then, and everybody cancels.
    func register(on router: SecureRouter) {
        router.post("/v1/orders", .permission(.placeOrders), use: place)
        router.get("/v1/orders", .permission(.viewOrders), use: list)
        router.get("/v1/orders/{order}", .permission(.viewOrders), use: show)
        router.delete("/v1/orders/{order}", .permission(.cancelOrders), use: cancel)
        router.post("/v1/orders/cancel-all", .permission(.cancelOrders), use: cancelAll)
    }

    @Sendable func place(_ request: Request, _ context: APIContext) async throws -> Response {
        let act = try context.act()
        let key = try IdempotencyKey.of(request)?.value
        var fields = try await request.fields(context)
        let symbol = fields.string("symbol", length: 1...32, pattern: .symbol)
        let side = fields.choice("side", of: Order.Side.self, standIn: .buy)
        let quantity = fields.int("quantity", in: Order.Terms.quantities)
        let limitPrice = fields.optionalString("limit_price", length: 1...32, pattern: .price).flatMap(Price.init)
        try fields.finish()
        let order = Order(
            id: UUID().uuidString.lowercased(), owner: act.subject,
            terms: Order.Terms(symbol: symbol, side: side, quantity: quantity, limitPrice: limitPrice),
            placedAt: act.at)
        try policy.require("orders:place", order, context)
        guard let placed = try await orders.place(order, key: key, act) else { throw OrderProblems.keyReused }
        var response = Response.json(placed.json(), status: .created)
        response.headers[.location] = "/v1/orders/\(placed.id)"
        return response
    }

    @Sendable func list(_ request: Request, _ context: APIContext) async throws -> Response {
        try context.query.allow("limit", "cursor")
        let page = try Page(context.query)
        let (found, next) = try await orders.list(
            of: try context.act().subject, after: try page.place(), limit: page.limit)
        return .json([
            "orders": .array(found.map { $0.json() }),
            "next_cursor": next.map { .string(Page.cursor($0.json)) } ?? .null,
        ])
    }

    @Sendable func show(_ request: Request, _ context: APIContext) async throws -> Response {
        guard let order = try await orders.order(try context.orderID(), of: try context.act().subject) else {
            throw Problem.notFound()
        }
        return .json(order.json())
    }

    /// Answers the same however often it is asked.
    @Sendable func cancel(_ request: Request, _ context: APIContext) async throws -> Response {
        let (id, act) = (try context.orderID(), try context.act())
        guard let found = try await orders.order(id, of: act.subject) else { throw Problem.notFound() }
        try policy.require("orders:cancel", found, context)
        guard let order = try await orders.cancel(id, act) else { throw Problem.notFound() }
        return .json(order.json())
    }

    @Sendable func cancelAll(_ request: Request, _ context: APIContext) async throws -> Response {
        .json(["cancelled": .int(Int64(try await orders.cancelAll(try context.act())))])
    }
}

extension APIContext {
    /// The caller, now, in this request.
    func act() throws(Problem) -> Act {
        let identity = try requireIdentity()
        return Act(subject: identity.subject, sessionID: identity.sessionID, at: receivedAt, requestID: requestID)
    }

    /// The order that the path names.
    /// - Throws: `Problem` 404 for what names no order.
    func orderID() throws -> String {
        let text = try parameters.require("order")
        guard let id = UUID(uuidString: text)?.uuidString.lowercased(), id == text else { throw Problem.notFound() }
        return id
    }
}

extension TextPattern {
    static let symbol = TextPattern("a symbol of capital letters, digits and . _ - /", matches: Symbol.isValid)
    static let price = TextPattern("a decimal such as 1.0825, more than zero") { Price($0) != nil }
}

extension Page {
    /// Where the last page ended.
    func place() throws(Problem) -> OrderStore.Place? {
        guard let cursor else { return nil }
        guard let parts = cursor.array, parts.count == 2, let placedAt = parts[0].int, let id = parts[1].string,
            UUID(uuidString: id) != nil
        else { throw .badRequest("bad-cursor", detail: "The cursor is none of ours.") }
        return OrderStore.Place(placedAt: placedAt, id: id)
    }
}

extension OrderStore.Place {
    fileprivate var json: JSONValue { [.int(placedAt), .string(id)] }
}
