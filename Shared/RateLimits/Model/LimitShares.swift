/// How the quantity of a limit is divided, so that nobody starves another: each named value has a part of its own, all
/// others have one together, and a surplus is for whoever comes.
package struct LimitShares: Sendable, Hashable {
    /// The descriptor that tells whose part it is.
    package var by: String
    package var weights: [String: Int64]
    /// The weight of the part that all those have together who are not named; 0 leaves them the surplus.
    package var others: Int64
    /// Of the quantity, in percent, 0 to 100.
    package var surplusPercent: Int64

    package init(by: String, weights: [String: Int64], others: Int64 = 1, surplusPercent: Int64 = 0) {
        self.by = by
        self.weights = weights
        self.others = others
        self.surplusPercent = surplusPercent
    }

    /// What is divided by weight; with `surplus` it is the quantity.
    package func guaranteed(of quantity: Int64) -> Int64 { quantity - surplus(of: quantity) }

    package func surplus(of quantity: Int64) -> Int64 {
        quantity / 100 * surplusPercent + quantity % 100 * surplusPercent / 100
    }

    /// The part of a value (nil: of those not named), rounded down: the parts never sum to more than the quantity.
    package func part(of value: String?, quantity: Int64) -> Int64 {
        let total = weights.values.reduce(others, +)
        guard total > 0 else { return 0 }
        let weight = value.flatMap { weights[$0] } ?? others
        let (high, low) = guaranteed(of: quantity).multipliedFullWidth(by: weight)
        return total.dividingFullWidth((high, low)).quotient
    }
}
