/// A string of the language: a sequence of Unicode scalar values.
///
/// Two are equal when their scalars are, as the language defines it; Swift's own comparison would also take
/// canonically equivalent texts for the same, so that two parties could disagree about who somebody is.
/// Order is that of the UTF-8 bytes, which is that of the scalars.
public struct CedarString: Sendable {
    public let string: String

    public init(_ string: some StringProtocol) {
        var string = String(string)
        // Comparison works on contiguous UTF-8.
        string.makeContiguousUTF8()
        self.string = string
    }
}

extension CedarString: Hashable, Comparable {
    public static func == (left: CedarString, right: CedarString) -> Bool {
        let (a, b) = (left.string.utf8, right.string.utf8)
        let same = a.withContiguousStorageIfAvailable { a in
            b.withContiguousStorageIfAvailable { b in a.count == b.count && a.elementsEqual(b) }
        }
        // Both are contiguous by construction.
        return (same ?? nil) ?? a.elementsEqual(b)
    }

    public func hash(into hasher: inout Hasher) {
        var string = string
        string.withUTF8 { hasher.combine(bytes: UnsafeRawBufferPointer($0)) }
        hasher.combine(0xFF as UInt8)
    }

    public static func < (left: CedarString, right: CedarString) -> Bool {
        left.string.utf8.lexicographicallyPrecedes(right.string.utf8)
    }
}

extension CedarString: ExpressibleByStringLiteral, CustomStringConvertible {
    public init(stringLiteral value: String) { self.init(value) }
    public var description: String { string }
}
