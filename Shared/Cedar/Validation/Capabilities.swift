/// That an attribute or a tag is there, which a policy has made sure of before.
struct Capability: Hashable, Sendable {
    enum Key: Hashable, Sendable {
        case attribute(CedarString)
        case tag(Expr)
    }

    /// Of what; expressions that look the same have the same value.
    let expr: Expr
    let key: Key
}

/// What is known to be there: before an expression, or after it when it was true.
struct Capabilities: Sendable {
    private var all: Set<Capability> = []

    static let none = Capabilities()

    init() {}
    init(_ one: Capability) { all = [one] }

    var isEmpty: Bool { all.isEmpty }
    func contains(_ one: Capability) -> Bool { !all.isEmpty && all.contains(one) }

    func union(_ other: Capabilities) -> Capabilities {
        if other.all.isEmpty { return self }
        if all.isEmpty { return other }
        var result = self
        result.all.formUnion(other.all)
        return result
    }

    func intersection(_ other: Capabilities) -> Capabilities {
        if all.isEmpty || other.all.isEmpty { return .none }
        var result = self
        result.all.formIntersection(other.all)
        return result
    }
}
