/// A limit that a request falls under, and what the request charges there.
package struct AppliedLimit: Sendable {
    let compiled: CompiledLimit
    /// Of the request, by the limit's rule.
    package let cost: Int64
    /// What is charged first; with shares, the part of the request's own.
    package let counter: LimitCounter
    /// What is charged instead when the cost does not fit into `counter`: the surplus that all share.
    package let surplus: LimitCounter?

    package var limit: Limit { compiled.limit }
    package var name: String { compiled.limit.name }
    package var algorithm: LimitAlgorithm { compiled.limit.algorithm }
    /// Where it stands in its set, from 0.
    package var position: Int { compiled.position }
    /// The counters, in the order in which they are tried.
    package var counters: [LimitCounter] { surplus.map { [counter, $0] } ?? [counter] }
}

/// One counter in the store.
package struct LimitCounter: Sendable, Hashable {
    /// `rl:{tag}…`; what stands in the braces decides the slot of Redis Cluster.
    package let key: String
    /// How much may be used here.
    package let quantity: Int64

    /// What stands in the braces: counters of the same tag can be decided in one script.
    package var tag: Substring {
        guard let start = key.firstIndex(of: "{"), let end = key[start...].firstIndex(of: "}") else { return key[...] }
        return key[key.index(after: start)..<end]
    }
}
