/// Which policies can match a request, without looking at the others.
///
/// Each policy stands in one place: under the entity that its principal or resource must be or be in, under its action,
/// under the value that an attribute must have, or among those that every request is held against. Of the places it could
/// stand in it takes the one that the fewest others want.
struct PolicyIndex {
    /// Policies under entities.
    struct Buckets {
        fileprivate struct Slot {
            var key: Int32
            var range: Range<Int32>
        }

        private let slots: FixedArray<Slot>?
        private let keys: FixedArray<Int32>?

        /// - Parameter places: where the policies of each entity stand in the index's order.
        init(_ places: [Int32: Range<Int32>]) {
            guard !places.isEmpty else {
                (slots, keys) = (nil, nil)
                return
            }
            var capacity = 2
            while capacity < places.count * 2 { capacity *= 2 }
            var slots = Array(repeating: Slot(key: .min, range: 0..<0), count: capacity)
            for (key, range) in places {
                var index = SymbolSet.hash(key) & (capacity - 1)
                while slots[index].key != .min { index = (index + 1) & (capacity - 1) }
                slots[index] = Slot(key: key, range: range)
            }
            self.slots = FixedArray(slots)
            keys = FixedArray(places.keys.sorted())
        }

        var view: View {
            View(slots: slots?.start, mask: (slots?.count ?? 1) - 1, keys: keys?.start, count: keys?.count ?? 0)
        }

        /// Without ownership: the index keeps what it points to.
        struct View {
            private let slots: UnsafePointer<Slot>?
            private let mask: Int
            private let keys: UnsafePointer<Int32>?
            private let count: Int

            fileprivate init(slots: UnsafePointer<Slot>?, mask: Int, keys: UnsafePointer<Int32>?, count: Int) {
                (self.slots, self.mask, self.keys, self.count) = (slots, mask, keys, count)
            }

            /// Calls `body` with each place under an entity and under what that is in.
            @inline(__always)
            func visit(_ entity: RequestHead.Side, _ body: (Int32) -> Void) {
                guard let slots, let keys else { return }
                visit(slots, entity.symbol, body)
                guard entity.ancestors.count > 0 else { return }
                if count < entity.ancestors.count {
                    for index in 0..<count where keys[index] != entity.symbol && entity.ancestors.contains(keys[index])
                    {
                        visit(slots, keys[index], body)
                    }
                } else {
                    entity.ancestors.forEach { symbol in
                        // A cycle through the request's own entities may lead back to it.
                        if symbol != entity.symbol { visit(slots, symbol, body) }
                    }
                }
            }

            @inline(__always)
            private func visit(_ slots: UnsafePointer<Slot>, _ symbol: Int32, _ body: (Int32) -> Void) {
                var index = SymbolSet.hash(symbol) & mask
                while slots[index].key != symbol {
                    if slots[index].key == .min { return }
                    index = (index + 1) & mask
                }
                var place = slots[index].range.lowerBound
                let end = slots[index].range.upperBound
                while place < end {
                    body(place)
                    place += 1
                }
            }
        }
    }

    /// Positions of policies, bucket by bucket.
    private let order: FixedArray<Int32>
    private let owners: [Buckets]
    private let principals: Buckets.View
    private let actions: Buckets.View
    private let resources: Buckets.View
    private let attributes: [AttributeIndex]
    private let everywhere: Range<Int32>

    init(_ heads: [PolicyHead], _ guards: [AttributeGuard?], _ program: inout ProgramBuilder) {
        var builder = PolicyIndexBuilder()
        for position in heads.indices { builder.count(heads[position], guards[position]) }
        for position in heads.indices { builder.place(Int32(position), heads[position], guards[position]) }
        owners = [builder.buckets(.principal), builder.buckets(.action), builder.buckets(.resource)]
        (principals, actions, resources) = (owners[0].view, owners[1].view, owners[2].view)
        attributes = builder.attributeIndices(&program)
        everywhere = builder.append(builder.rest)
        order = FixedArray(builder.order)
    }

    /// Calls `body` with the position of every policy that may match, each once.
    @inline(__always)
    func forEachCandidate(_ request: RequestHead, _ evaluation: Evaluation, _ body: (Int32) -> Void) {
        let order = order.start
        for place in everywhere { body(order[Int(place)]) }
        principals.visit(request.principal) { body(order[Int($0)]) }
        resources.visit(request.resource) { body(order[Int($0)]) }
        actions.visit(request.action) { body(order[Int($0)]) }
        if !attributes.isEmpty { for index in attributes { index.visit(evaluation) { body(order[Int($0)]) } } }
    }
}
