/// How large a document from outside may be.
public struct JSONLimits: Sendable, Equatable {
    public var maxBytes: Int
    /// Arrays and objects within each other.
    public var maxDepth: Int
    /// Members and elements, all together.
    public var maxMembers: Int
    /// Whether strings may hold U+0000. Databases and C interfaces cut texts there, so that it is for documents that reach
    /// neither.
    public var allowsNUL: Bool

    public init(maxBytes: Int = 1 << 20, maxDepth: Int = 32, maxMembers: Int = 10_000, allowsNUL: Bool = false) {
        self.maxBytes = maxBytes
        self.maxDepth = maxDepth
        self.maxMembers = maxMembers
        self.allowsNUL = allowsNUL
    }

    public static let standard = JSONLimits()
}

/// Why a text is no JSON document that we take, and where.
public struct JSONParseError: Error, Sendable, Equatable, CustomStringConvertible {
    public enum Reason: String, Sendable, Equatable {
        case unexpectedEnd = "unexpected end"
        case unexpectedByte = "unexpected character"
        case trailingBytes = "something follows the value"
        case byteOrderMark = "byte order mark"
        case invalidUTF8 = "invalid UTF-8"
        case loneSurrogate = "lone surrogate"
        case controlCharacter = "control character in a string"
        case invalidEscape = "invalid escape"
        case nul = "NUL in a string"
        case invalidNumber = "invalid number"
        case numberOutOfRange = "number out of range"
        case duplicateKey = "duplicate key"
        case tooDeep = "nested too deeply"
        case tooLarge = "too large"
        case tooManyMembers = "too many members"
    }

    public var reason: Reason
    /// Bytes from the start.
    public var offset: Int

    public init(_ reason: Reason, at offset: Int) {
        self.reason = reason
        self.offset = offset
    }

    public var description: String { "\(reason.rawValue) at byte \(offset)" }
}
