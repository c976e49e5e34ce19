import APISecurity
import Cedar
import SecurityClient

/// Asks the policies whether an order may be placed or cancelled: in this process, whatever becomes of policy-service.
struct OrderPolicy: Sendable {
    /// Nil where no policy-service is configured: then the permission of the route is all that is asked for.
    let authorizer: Authorizer?
    /// Stands in for the market's price where an order names none. A real service asks its market data.
    let referencePrice: Double

    /// - Throws: `Problem` 403 with the policies that decided, 503 when it cannot be decided.
    func require(_ action: String, _ order: Order, _ context: APIContext) throws(Problem) {
        guard let authorizer else { return }
        let entity = try entity(order, isNew: action == "orders:place", authorizer)
        try context.authorize(action, on: entity.uid, entities: [entity], with: authorizer)
    }

    /// The order as policies see it: at the desk of its owner.
    private func entity(
        _ order: Order, isNew: Bool, _ authorizer: Authorizer
    ) throws(Problem) -> Entity {
        let owner = EntityUID(type: "User", id: CedarString(order.owner))
        let desk = authorizer.entity(owner)?.parents.filter { $0.type == "Desk" }.min()
        let instrument = EntityUID(type: "Instrument", id: CedarString(order.terms.symbol))
        if isNew {
            guard desk != nil else { throw .forbidden("no-desk", detail: "You are at no desk.") }
            guard authorizer.entity(instrument) != nil else {
                throw .forbidden("unknown-instrument", detail: "The symbol is not traded here.")
            }
        }
        // Cancelling takes risk away, and does not fail for want of a desk.
        let place = desk ?? EntityUID(type: "Desk", id: "none")
        return Entity(
            uid: EntityUID(type: "Order", id: CedarString(order.id)),
            attributes: [
                "owner": .entity(owner),
                "instrument": .entity(instrument), "desk": .entity(place),
                "notional": .int(order.terms.notional(referencePrice: referencePrice)),
            ], parents: [place, instrument])
    }
}

extension Order.Terms {
    /// What the order is worth, in whole units and rounded up: a limit is never undershot by rounding.
    func notional(referencePrice: Double) -> Int64 {
        let price = limitPrice.flatMap { Double($0.text) } ?? referencePrice
        return Int64(exactly: (Double(quantity) * price).rounded(.up)) ?? .max
    }
}
