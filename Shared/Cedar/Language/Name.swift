/// A possibly qualified name, `Id` or `Namespace::Id`: of an entity type, a common type or an extension function.
public struct Name: Hashable, Sendable, Comparable, CustomStringConvertible {
    /// `A::B::C`. Identifiers are ASCII, so that Swift's comparison is the language's.
    public let text: String

    /// Nil when this is not a path of identifiers, or one of them is a reserved word.
    public init?(_ text: some StringProtocol) {
        guard Name.isPath(text) else { return nil }
        self.text = String(text)
    }

    /// A name that is known to be well formed.
    init(unchecked text: String) { self.text = text }

    /// The last identifier.
    public var base: Substring {
        guard let end = lastSeparator else { return text[...] }
        return text[text.utf8.index(end, offsetBy: 2)...]
    }

    /// Everything before the last identifier; nil when the name stands alone.
    public var namespace: Substring? { lastSeparator.map { text[..<$0] } }

    /// This name inside a namespace.
    public func qualified(by namespace: some StringProtocol) -> Name {
        namespace.isEmpty ? self : Name(unchecked: "\(namespace)::\(text)")
    }

    /// The index of the last `::`.
    private var lastSeparator: String.Index? {
        guard let colon = text.utf8.lastIndex(of: UInt8(ascii: ":")) else { return nil }
        return text.utf8.index(before: colon)
    }

    public static func < (left: Name, right: Name) -> Bool {
        left.text.utf8.lexicographicallyPrecedes(right.text.utf8)
    }

    public var description: String { text }
}

extension Name: ExpressibleByStringLiteral {
    /// A name in source code: it must be one.
    public init(stringLiteral value: StaticString) {
        let text = "\(value)"
        precondition(Name.isPath(text), "not a name: \(text)")
        self.init(unchecked: text)
    }
}

extension Name {
    /// Words that are no identifiers of types, variables or functions.
    static let reserved: Set<String> = [
        "true", "false", "if", "then", "else", "in", "is", "like", "has", "__cedar",
    ]

    /// Whether this is `[_a-zA-Z][_a-zA-Z0-9]*`, reserved or not.
    public static func isWord(_ text: some StringProtocol) -> Bool {
        var isFirst = true
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "_"): break
            case UInt8(ascii: "0")...UInt8(ascii: "9") where !isFirst: break
            default: return false
            }
            isFirst = false
        }
        return !isFirst
    }

    /// Whether this is an identifier: a word that is not reserved.
    public static func isIdentifier(_ text: some StringProtocol) -> Bool {
        isWord(text) && !reserved.contains(String(text))
    }

    private static func isPath(_ text: some StringProtocol) -> Bool {
        var rest = Substring(text)
        while true {
            let end = rest.utf8.firstIndex(of: UInt8(ascii: ":")) ?? rest.endIndex
            guard isIdentifier(rest[..<end]) else { return false }
            guard end < rest.endIndex else { return true }
            rest = rest[end...]
            guard rest.utf8.starts(with: "::".utf8) else { return false }
            rest = rest.dropFirst(2)
        }
    }
}
