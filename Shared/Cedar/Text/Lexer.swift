/// Cuts a text into tokens, one at a time. White space and comments between them are skipped.
struct Lexer: Sendable {
    let bytes: [UInt8]
    /// Where the next token is looked for.
    private(set) var offset = 0
    private let keepsComments: Bool

    init(_ text: String, keepsComments: Bool = false) {
        bytes = Array(text.utf8)
        self.keepsComments = keepsComments
    }

    /// The text of a range.
    func text(_ range: SourceRange) -> String { String(decoding: bytes[range.lower..<range.upper], as: UTF8.self) }
    func text(of token: Token) -> String { text(token.range) }

    /// The next token; `.end` at the end, as often as it is asked for.
    mutating func next() -> Token {
        skipSpace()
        let start = offset
        guard start < bytes.count else { return Token(kind: .end, range: SourceRange(start, start)) }
        let kind = scan()
        return Token(kind: kind, range: SourceRange(start, offset))
    }

    private func byte(at index: Int) -> UInt8 { index < bytes.count ? bytes[index] : 0 }

    private mutating func skipSpace() {
        while offset < bytes.count {
            let byte = bytes[offset]
            if byte == UInt8(ascii: " ") || (0x09...0x0D).contains(byte) {
                offset += 1
            } else if byte == UInt8(ascii: "/"), self.byte(at: offset + 1) == UInt8(ascii: "/"), !keepsComments {
                skipComment()
            } else if byte >= 0x80, let length = wideSpaceLength() {
                offset += length
            } else {
                return
            }
        }
    }

    private mutating func skipComment() {
        while offset < bytes.count, bytes[offset] != UInt8(ascii: "\n"), bytes[offset] != UInt8(ascii: "\r") {
            offset += 1
        }
    }

    /// The bytes of the white space beyond ASCII that stands here, if any.
    private func wideSpaceLength() -> Int? {
        let (first, second, third) = (bytes[offset], byte(at: offset + 1), byte(at: offset + 2))
        switch (first, second, third) {
        case (0xC2, 0x85, _), (0xC2, 0xA0, _): return 2
        case (0xE1, 0x9A, 0x80): return 3
        case (0xE2, 0x80, 0x80...0x8A), (0xE2, 0x80, 0xA8), (0xE2, 0x80, 0xA9), (0xE2, 0x80, 0xAF): return 3
        case (0xE2, 0x81, 0x9F), (0xE3, 0x80, 0x80): return 3
        default: return nil
        }
    }

    /// Steps over the token that begins here.
    private mutating func scan() -> Token.Kind {
        let byte = bytes[offset]
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"):
            skip { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
            return .number
        case UInt8(ascii: "\""): return scanString()
        case UInt8(ascii: "?"):
            offset += 1
            guard Self.isWordByte(self.byte(at: offset)), !Self.isDigit(self.byte(at: offset)) else { return .question }
            skip(while: Self.isWordByte)
            return .slot
        case UInt8(ascii: "/") where self.byte(at: offset + 1) == UInt8(ascii: "/"):
            skipComment()
            return .comment
        case _ where Self.isWordByte(byte):
            skip(while: Self.isWordByte)
            return .word
        default: return scanSymbol()
        }
    }

    static func isDigit(_ byte: UInt8) -> Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) }

    static func isWordByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "_"): true
        default: isDigit(byte)
        }
    }

    private mutating func skip(while condition: (UInt8) -> Bool) {
        repeat { offset += 1 } while offset < bytes.count && condition(bytes[offset])
    }

    private mutating func scanString() -> Token.Kind {
        let start = offset
        var index = offset + 1
        while index < bytes.count {
            switch bytes[index] {
            case UInt8(ascii: "\""):
                offset = index + 1
                return .string
            case UInt8(ascii: "\\"):
                guard index + 1 < bytes.count, bytes[index + 1] != UInt8(ascii: "\n") else {
                    return unclosed(from: start)
                }
                index += 2
            default: index += 1
            }
        }
        return unclosed(from: start)
    }

    /// The rest of the line is given up, so that what follows can still be looked at.
    private mutating func unclosed(from start: Int) -> Token.Kind {
        offset = start
        skipComment()
        return .unclosedString
    }

    private mutating func scanSymbol() -> Token.Kind {
        let (byte, following) = (bytes[offset], byte(at: offset + 1))
        let double: Token.Kind? =
            switch (byte, following) {
            case (UInt8(ascii: ":"), UInt8(ascii: ":")): .doubleColon
            case (UInt8(ascii: "="), UInt8(ascii: "=")): .equal
            case (UInt8(ascii: "!"), UInt8(ascii: "=")): .notEqual
            case (UInt8(ascii: "<"), UInt8(ascii: "=")): .lessOrEqual
            case (UInt8(ascii: ">"), UInt8(ascii: "=")): .greaterOrEqual
            case (UInt8(ascii: "|"), UInt8(ascii: "|")): .or
            case (UInt8(ascii: "&"), UInt8(ascii: "&")): .and
            default: nil
            }
        if let double {
            offset += 2
            return double
        }
        if let single = Self.single[Int(byte)] {
            offset += 1
            return single
        }
        // One whole scalar, so that messages can show it.
        offset += 1
        while offset < bytes.count, bytes[offset] & 0xC0 == 0x80 { offset += 1 }
        return .invalid
    }

    private static let single: [Token.Kind?] = {
        var table = [Token.Kind?](repeating: nil, count: 256)
        let kinds: [Token.Kind] = [
            .at, .dot, .comma, .semicolon, .colon, .openParenthesis, .closeParenthesis, .openBrace, .closeBrace,
            .openBracket, .closeBracket, .less, .greater, .plus, .minus, .times, .divide, .modulo, .not, .assign,
        ]
        for kind in kinds { for byte in kind.rawValue.utf8 { table[Int(byte)] = kind } }
        return table
    }()
}
