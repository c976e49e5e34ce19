extension JSONValue {
    /// Parses one document strictly by RFC 8259. Refused besides what the grammar forbids: duplicate keys, lone
    /// surrogates, a byte order mark, U+0000 in strings, invalid UTF-8, numbers beyond a double, and what exceeds
    /// `limits`.
    public init(
        parsing bytes: UnsafeBufferPointer<UInt8>, limits: JSONLimits = .standard
    ) throws(JSONParseError) {
        var parser = JSONParser(bytes, limits: limits)
        self = try parser.document()
    }

    public init(parsing bytes: [UInt8], limits: JSONLimits = .standard) throws(JSONParseError) {
        // A typed error does not pass through `withUnsafeBufferPointer`'s closure in every toolchain: carry it by hand.
        let result = bytes.withUnsafeBufferPointer { buffer -> Result<JSONValue, JSONParseError> in
            var parser = JSONParser(buffer, limits: limits)
            do throws(JSONParseError) { return .success(try parser.document()) } catch { return .failure(error) }
        }
        self = try result.get()
    }

    public init(parsing bytes: some Sequence<UInt8>, limits: JSONLimits = .standard) throws(JSONParseError) {
        try self.init(parsing: Array(bytes), limits: limits)
    }

    public init(parsing text: String, limits: JSONLimits = .standard) throws(JSONParseError) {
        try self.init(parsing: Array(text.utf8), limits: limits)
    }
}

/// A recursive-descent parser whose depth is bounded by its limits.
///
/// Strings and numbers are read by the extensions in files of their own. Every read of `bytes` is preceded by a
/// comparison of `index` with the count: nothing is assumed to follow the buffer.
struct JSONParser {
    let bytes: UnsafeBufferPointer<UInt8>
    var index = 0
    let limits: JSONLimits
    private var depth = 0
    private var members = 0

    /// Deeper nesting than this is refused whatever the limits say: the parser recurses, and stacks of threads are small.
    static let deepestNesting = 512

    init(_ bytes: UnsafeBufferPointer<UInt8>, limits: JSONLimits) {
        self.bytes = bytes
        self.limits = limits
    }

    mutating func document() throws(JSONParseError) -> JSONValue {
        guard bytes.count <= limits.maxBytes else { throw error(.tooLarge) }
        if bytes.count >= 3, bytes[0] == 0xEF, bytes[1] == 0xBB, bytes[2] == 0xBF { throw error(.byteOrderMark) }
        skipSpace()
        let value = try value()
        skipSpace()
        guard index == bytes.count else { throw error(.trailingBytes) }
        return value
    }

    func error(_ reason: JSONParseError.Reason) -> JSONParseError { JSONParseError(reason, at: index) }

    @inline(__always)
    private mutating func skipSpace() {
        while index < bytes.count, bytes[index] <= 0x20 {
            switch bytes[index] {
            case 0x20, 0x09, 0x0A, 0x0D: index += 1
            default: return
            }
        }
    }

    private mutating func value() throws(JSONParseError) -> JSONValue {
        guard index < bytes.count else { throw error(.unexpectedEnd) }
        switch bytes[index] {
        case UInt8(ascii: "\""): return .string(try string().text)
        case UInt8(ascii: "{"): return .object(try object())
        case UInt8(ascii: "["): return .array(try array())
        case UInt8(ascii: "t"): return try literal("true", .bool(true))
        case UInt8(ascii: "f"): return try literal("false", .bool(false))
        case UInt8(ascii: "n"): return try literal("null", .null)
        case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): return try number()
        default: throw error(.unexpectedByte)
        }
    }

    private mutating func literal(_ text: StaticString, _ value: JSONValue) throws(JSONParseError) -> JSONValue {
        for offset in 0..<text.utf8CodeUnitCount {
            guard index < bytes.count else { throw error(.unexpectedEnd) }
            guard bytes[index] == text.utf8Start[offset] else { throw error(.unexpectedByte) }
            index += 1
        }
        return value
    }

    // MARK: Arrays and objects

    /// Steps over the opening bracket; true when the closing one follows at once.
    @inline(__always)
    private mutating func enter(closing: UInt8) throws(JSONParseError) -> Bool {
        depth += 1
        guard depth <= limits.maxDepth, depth <= JSONParser.deepestNesting else { throw error(.tooDeep) }
        index += 1
        skipSpace()
        guard index < bytes.count, bytes[index] == closing else { return false }
        leave()
        return true
    }

    @inline(__always)
    private mutating func leave() {
        index += 1
        depth -= 1
    }

    /// After an element: true when another one follows, false when the bracket closes.
    @inline(__always)
    private mutating func another(closing: UInt8) throws(JSONParseError) -> Bool {
        skipSpace()
        guard index < bytes.count else { throw error(.unexpectedEnd) }
        if bytes[index] == UInt8(ascii: ",") {
            index += 1
            skipSpace()
            return true
        }
        guard bytes[index] == closing else { throw error(.unexpectedByte) }
        leave()
        return false
    }

    @inline(__always)
    private mutating func countMember() throws(JSONParseError) {
        members += 1
        guard members <= limits.maxMembers else { throw error(.tooManyMembers) }
    }

    private mutating func array() throws(JSONParseError) -> [JSONValue] {
        let closing = UInt8(ascii: "]")
        var elements: [JSONValue] = []
        if try enter(closing: closing) { return elements }
        repeat {
            try countMember()
            elements.append(try value())
        } while try another(closing: closing)
        return elements
    }

    private mutating func object() throws(JSONParseError) -> JSONObject {
        let closing = UInt8(ascii: "}")
        var found: [(key: String, value: JSONValue)] = []
        if try enter(closing: closing) { return JSONObject(distinct: found) }
        found.reserveCapacity(8)
        var names = SeenNames()
        repeat {
            try countMember()
            guard index < bytes.count else { throw error(.unexpectedEnd) }
            guard bytes[index] == UInt8(ascii: "\"") else { throw error(.unexpectedByte) }
            let start = index
            let name = try string()
            guard names.insert(name, among: found) else { throw JSONParseError(.duplicateKey, at: start) }
            skipSpace()
            guard index < bytes.count else { throw error(.unexpectedEnd) }
            guard bytes[index] == UInt8(ascii: ":") else { throw error(.unexpectedByte) }
            index += 1
            skipSpace()
            found.append((name.text, try value()))
        } while try another(closing: closing)
        return JSONObject(distinct: found)
    }
}

/// Tells whether an object has a name already.
///
/// One bit of 64 for each name lets nearly all comparisons of a small object be left out; from a certain size on names
/// are looked up in a set, so that a hostile document does not cost its size squared.
private struct SeenNames {
    /// Up to this many names are compared one by one.
    private static let searched = 48

    private var marks: UInt64 = 0
    private var names: Set<[UInt8]> = []

    /// False when `name` is among the members `found` so far.
    mutating func insert(
        _ name: JSONParser.ParsedString, among found: [(key: String, value: JSONValue)]
    ) -> Bool {
        if found.count < SeenNames.searched {
            let isMarked = marks & name.mark != 0
            marks |= name.mark
            return !isMarked || !found.contains { $0.key.sameBytes(as: name.text) }
        }
        if names.isEmpty { names = Set(found.map { Array($0.key.utf8) }) }
        return names.insert(Array(name.text.utf8)).inserted
    }
}
