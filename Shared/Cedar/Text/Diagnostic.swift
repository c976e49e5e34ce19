/// What is wrong with a text or document, and where.
public struct Diagnostic: Error, Sendable, Hashable, CustomStringConvertible {
    public var message: String
    /// Nil for what has no place in a text, such as JSON, where `message` names the path.
    public var range: SourceRange?
    /// What could have stood there, for people.
    public var expected: [String]
    public var help: String?

    public init(_ message: String, at range: SourceRange? = nil, expected: [String] = [], help: String? = nil) {
        self.message = message
        self.range = range
        self.expected = expected
        self.help = help
    }

    public var description: String {
        var text = message
        if !expected.isEmpty { text += "; expected " + expected.joined(separator: " or ") }
        if let help { text += " (\(help))" }
        return text
    }
}

/// All that was found wrong with a text; never empty.
public struct Diagnostics: Error, Sendable, Hashable {
    public var all: [Diagnostic]

    public init(_ all: [Diagnostic]) { self.all = all }
    public init(_ one: Diagnostic) { all = [one] }
}

/// What is read from outside is bounded, so that nothing overflows the stack or fills the memory.
public struct Limits: Sendable, Hashable {
    /// Levels of nesting of an expression, a value or a type. Chains of `&&` and `||` count as one level.
    public var maximumNesting = 200
    /// Of a text or document.
    public var maximumBytes = 64 << 20

    public init() {}
}
