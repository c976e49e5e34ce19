/// How many permits to ask for at a time: as many as are spent in the life of a block, and a quarter more. Too small a block
/// costs round trips; what is left of too large a one was taken from others for nothing.
package struct LeaseSizing: Sendable, Hashable {
    /// The next block.
    package private(set) var size: Int64
    package let smallest: Int64
    package let largest: Int64

    /// Blocks of `quantity` are at most a part of it, so that what holders leave unspent stays within a stated bound.
    ///
    /// - Parameter part: one over so much; 20 holders that each leave a whole block unspent take all.
    package init(quantity: Int64, part: Int64 = 20, smallest: Int64 = 1) {
        self.smallest = max(smallest, 1)
        largest = min(max(quantity / max(part, 1), self.smallest), Bounds.cost)
        size = min(max(self.smallest, 4), largest)
    }

    /// Whether a block saves anything: one that holds a single permit is a check of its own.
    package var isWorthwhile: Bool { size > 1 }

    /// A block has been used up or is over.
    ///
    /// - Parameters:
    ///   - lived: milliseconds from the grant until then.
    ///   - lifetime: milliseconds it had.
    package mutating func finished(spent: Int64, granted: Int64, lived: Int64, lifetime: Int64) {
        let spent = min(max(spent, 0), Bounds.cost)
        guard spent >= granted else {
            // Not all was needed. One slow moment does not undo what was learned.
            size = clamped(max(spent + spent / 4 + 1, size - size / 4 - 1))
            return
        }
        // Used up early: what would have been spent in the whole life, at most four times as much at once.
        let demand = spent * max(lifetime, 1) / max(min(lived, lifetime), 1)
        size = clamped(min(demand + demand / 4 + 1, max(size, 1) * 4))
    }

    private func clamped(_ value: Int64) -> Int64 { min(max(value, smallest), largest) }
}
