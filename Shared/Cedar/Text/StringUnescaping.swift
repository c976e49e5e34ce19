extension StringLiteral {
    /// One scalar of a literal, after escapes were resolved.
    enum Element {
        case scalar(Unicode.Scalar)
        /// `\*`, which is an escape only in patterns.
        case escapedStar
    }

    /// Reads what stands between the quotes of a literal and calls `element` for each scalar.
    ///
    /// - Parameter content: the range of `bytes` between the quotes.
    /// - Returns: what is wrong with its escapes.
    static func scan(
        _ bytes: [UInt8], _ content: Range<Int>, isPattern: Bool, _ element: (Element) -> Void
    ) -> [Diagnostic] {
        var scanner = EscapeScanner(bytes: bytes, offset: content.lowerBound, end: content.upperBound)
        var problems: [Diagnostic] = []
        while scanner.offset < scanner.end {
            let start = scanner.offset
            switch scanner.next() {
            case .success(.scalar(let scalar)): element(.scalar(scalar))
            case .success(.escapedStar):
                if isPattern {
                    element(.escapedStar)
                } else {
                    problems.append(
                        Diagnostic(
                            "`\\*` is no escape of a string", at: SourceRange(start, scanner.offset),
                            help: "only the pattern of `like` has wildcards to escape"))
                }
            case .failure(let problem):
                problems.append(
                    Diagnostic(problem.message, at: SourceRange(start, scanner.offset), help: problem.help))
            }
        }
        return problems
    }

    /// The string of a literal.
    ///
    /// - Parameter range: of the token, with its quotes.
    static func unescaped(_ bytes: [UInt8], _ range: SourceRange) throws(Diagnostics) -> String {
        let content = range.lower + 1..<range.upper - 1
        if !bytes[content].contains(where: { $0 == UInt8(ascii: "\\") || $0 == UInt8(ascii: "\r") }) {
            return String(decoding: bytes[content], as: UTF8.self)
        }
        var scalars = String.UnicodeScalarView()
        let problems = scan(bytes, content, isPattern: false) {
            if case .scalar(let scalar) = $0 { scalars.append(scalar) }
        }
        guard problems.isEmpty else { throw Diagnostics(problems) }
        return String(scalars)
    }

    /// The pattern of a literal. A star is a wildcard however it is written, but for `\*`.
    static func pattern(_ bytes: [UInt8], _ range: SourceRange) throws(Diagnostics) -> Pattern {
        var elements: [Pattern.Element] = []
        let problems = scan(bytes, range.lower + 1..<range.upper - 1, isPattern: true) {
            switch $0 {
            case .scalar("*"): elements.append(.wildcard)
            case .scalar(let scalar): elements.append(.scalar(scalar))
            case .escapedStar: elements.append(.scalar("*"))
            }
        }
        guard problems.isEmpty else { throw Diagnostics(problems) }
        return Pattern(elements)
    }
}

/// Resolves escapes: those of Rust's string literals, which the language took over.
private struct EscapeScanner {
    struct Problem: Error {
        let message: String
        var help: String?
    }

    let bytes: [UInt8]
    var offset: Int
    let end: Int

    private func peek() -> UInt8? { offset < end ? bytes[offset] : nil }

    mutating func next() -> Result<StringLiteral.Element, Problem> {
        let byte = bytes[offset]
        if byte == UInt8(ascii: "\\") {
            offset += 1
            return escape()
        }
        if byte == UInt8(ascii: "\r") {
            offset += 1
            return .failure(Problem(message: "a carriage return cannot stand in a string", help: "write `\\r`"))
        }
        return .success(.scalar(scalar()))
    }

    /// The scalar that begins here. The bytes come from a `String`, so that they are well formed.
    private mutating func scalar() -> Unicode.Scalar {
        let first = UInt32(bytes[offset])
        let length = first < 0x80 ? 1 : first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4
        var value = length == 1 ? first : first & (0x7F >> UInt32(length))
        for byte in bytes[min(offset + 1, end)..<min(offset + length, end)] { value = value << 6 | UInt32(byte & 0x3F) }
        offset = min(offset + length, end)
        return Unicode.Scalar(value) ?? "\u{FFFD}"
    }

    private mutating func escape() -> Result<StringLiteral.Element, Problem> {
        guard offset < end else { return .failure(Problem(message: "a backslash escapes nothing")) }
        let escaped = scalar()
        switch escaped {
        case "\"", "\\", "'": return .success(.scalar(escaped))
        case "n": return .success(.scalar("\n"))
        case "r": return .success(.scalar("\r"))
        case "t": return .success(.scalar("\t"))
        case "0": return .success(.scalar("\0"))
        case "*": return .success(.escapedStar)
        case "x": return hexadecimal()
        case "u": return unicode()
        default:
            return .failure(
                Problem(
                    message: "`\\\(StringLiteral.escaped(escaped))` is no escape",
                    help: "escapes are `\\n`, `\\r`, `\\t`, `\\\\`, `\\0`, `\\'`, `\\\"`, `\\x41` and `\\u{1F600}`"))
        }
    }

    private mutating func digit() -> UInt32? {
        guard let byte = peek(), let value = Character(Unicode.Scalar(byte)).hexDigitValue else { return nil }
        offset += 1
        return UInt32(value)
    }

    private mutating func hexadecimal() -> Result<StringLiteral.Element, Problem> {
        guard let high = digit(), let low = digit() else {
            return .failure(Problem(message: "`\\x` takes two hexadecimal digits"))
        }
        guard high < 8, let scalar = Unicode.Scalar(high << 4 | low) else {
            return .failure(Problem(message: "`\\x` goes up to `\\x7f`", help: "write `\\u{…}`"))
        }
        return .success(.scalar(scalar))
    }

    private mutating func unicode() -> Result<StringLiteral.Element, Problem> {
        let malformed = Problem(
            message: "`\\u` takes one to six hexadecimal digits in braces", help: "as in `\\u{1F600}`")
        guard peek() == UInt8(ascii: "{") else { return .failure(malformed) }
        offset += 1
        var value: UInt32 = 0
        var digits = 0
        while let byte = peek() {
            if byte == UInt8(ascii: "}") {
                offset += 1
                guard (1...6).contains(digits) else { return .failure(malformed) }
                guard let scalar = Unicode.Scalar(value) else {
                    return .failure(Problem(message: "this is no Unicode scalar value"))
                }
                return .success(.scalar(scalar))
            }
            if byte == UInt8(ascii: "_"), digits > 0 {
                offset += 1
            } else if let digit = digit() {
                digits += 1
                value = digits > 6 ? value : value << 4 | digit
            } else {
                return .failure(malformed)
            }
        }
        return .failure(malformed)
    }
}
