/// A set of values: without order and repetition.
public struct ValueSet: Sendable, Hashable {
    /// In the order of `Value`, each once.
    public let elements: [Value]

    public init(_ elements: some Sequence<Value>) {
        var unique: [Value] = []
        for element in elements.sorted() where unique.last != element { unique.append(element) }
        self.elements = unique
    }

    public var isEmpty: Bool { elements.isEmpty }

    public func contains(_ value: Value) -> Bool {
        var (low, high) = (0, elements.count)
        while low < high {
            let middle = (low + high) / 2
            if elements[middle] < value { low = middle + 1 } else { high = middle }
        }
        return low < elements.count && elements[low] == value
    }

    public func isSuperset(of other: ValueSet) -> Bool { other.elements.allSatisfy(contains) }
    public func isDisjoint(with other: ValueSet) -> Bool { !other.elements.contains(where: contains) }
}

extension ValueSet: Comparable {
    public static func < (left: ValueSet, right: ValueSet) -> Bool { Value.set(left) < .set(right) }
}
