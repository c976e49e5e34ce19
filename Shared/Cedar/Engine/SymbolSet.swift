/// An immutable set of entity numbers with membership in constant time: open addressing, at most half full.
struct SymbolSet: Sendable {
    /// The set without its ownership, for those who know that it lives.
    ///
    /// Unchecked, as it is a pointer to what never changes.
    struct View: @unchecked Sendable {
        /// `vacant` where nothing is. Their number is a power of two.
        fileprivate let slots: UnsafePointer<Int32>?
        fileprivate let mask: Int32
        let count: Int32

        static let empty = View(slots: nil, mask: 0, count: 0)
    }

    private let storage: FixedArray<Int32>?
    let view: View

    static let empty = SymbolSet([])
    fileprivate static let vacant = Int32.min

    init(_ symbols: some Sequence<Int32>) {
        let unique = Set(symbols)
        guard !unique.isEmpty else {
            storage = nil
            view = .empty
            return
        }
        var capacity = 2
        while capacity < unique.count * 2 { capacity *= 2 }
        var slots = [Int32](repeating: SymbolSet.vacant, count: capacity)
        for symbol in unique {
            var index = SymbolSet.hash(symbol) & (capacity - 1)
            while slots[index] != SymbolSet.vacant { index = (index + 1) & (capacity - 1) }
            slots[index] = symbol
        }
        let storage = FixedArray(slots)
        self.storage = storage
        view = View(slots: storage.start, mask: Int32(capacity - 1), count: Int32(unique.count))
    }

    var count: Int { Int(view.count) }
    func contains(_ symbol: Int32) -> Bool { view.contains(symbol) }
    func forEach(_ body: (Int32) -> Void) { view.forEach(body) }

    @inline(__always)
    static func hash(_ symbol: Int32) -> Int {
        Int(truncatingIfNeeded: (UInt64(UInt32(bitPattern: symbol)) &* 0x9E37_79B9_7F4A_7C15) >> 32)
    }
}

extension SymbolSet.View {
    @inline(__always)
    func contains(_ symbol: Int32) -> Bool {
        guard let slots else { return false }
        var index = SymbolSet.hash(symbol) & Int(mask)
        while true {
            let found = slots[index]
            if found == symbol { return true }
            if found == SymbolSet.vacant { return false }
            index = (index + 1) & Int(mask)
        }
    }

    @inline(__always)
    func forEach(_ body: (Int32) -> Void) {
        guard let slots else { return }
        for index in 0...Int(mask) where slots[index] != SymbolSet.vacant { body(slots[index]) }
    }

    /// Whether both have something in common; the smaller of both is gone through.
    func intersects(_ other: SymbolSet.View) -> Bool {
        let (few, many) = count < other.count ? (self, other) : (other, self)
        guard let slots = few.slots, many.count > 0 else { return false }
        for index in 0...Int(few.mask) where slots[index] != SymbolSet.vacant {
            if many.contains(slots[index]) { return true }
        }
        return false
    }
}
