extension JSONParser {
    struct ParsedString {
        let text: String
        /// A bit that equal texts share: see `SeenNames`. All bits for texts that were written with escapes or beyond
        /// ASCII, where it is not worth computing.
        let mark: UInt64
    }

    /// Reads the string whose quotation mark `index` stands on.
    mutating func string() throws(JSONParseError) -> ParsedString {
        index += 1
        let start = index
        skipPlain()
        guard index < bytes.count else { throw error(.unexpectedEnd) }
        // The common case: printable ASCII without escapes.
        guard bytes[index] == UInt8(ascii: "\"") else {
            return ParsedString(text: try escapedString(from: start), mark: .max)
        }
        let plain = UnsafeBufferPointer(rebasing: bytes[start..<index])
        index += 1
        let first = UInt64(plain.first ?? 0)
        let last = UInt64(plain.last ?? 0)
        let sum = UInt64(plain.count) &+ first &* 5 &+ last &* 11
        return ParsedString(text: String(decoding: plain, as: UTF8.self), mark: 1 << (sum & 63))
    }

    /// Steps over printable ASCII that stands for itself.
    @inline(__always)
    private mutating func skipPlain() {
        index = PlainBytes.end(in: UnsafeRawBufferPointer(bytes), from: index, stoppingBeyondASCII: true)
    }

    /// The rest of a string that holds something else than plain bytes; `index` stands on the first of these.
    private mutating func escapedString(from start: Int) throws(JSONParseError) -> String {
        var text = Array(bytes[start..<index])
        while index < bytes.count {
            switch bytes[index] {
            case UInt8(ascii: "\""):
                index += 1
                return String(decoding: text, as: UTF8.self)
            case UInt8(ascii: "\\"): try escape(into: &text)
            case 0..<0x20: throw error(.controlCharacter)
            case 0x20..<0x80:
                let run = index
                skipPlain()
                text.append(contentsOf: bytes[run..<index])
            default:
                let length = try sequenceLength()
                text.append(contentsOf: bytes[index..<index + length])
                index += length
            }
        }
        throw error(.unexpectedEnd)
    }

    /// The length of the well-formed UTF-8 sequence that starts here: Unicode 15, table 3-7.
    private func sequenceLength() throws(JSONParseError) -> Int {
        let (length, second): (Int, ClosedRange<UInt8>)
        switch bytes[index] {
        case 0xC2...0xDF: (length, second) = (2, 0x80...0xBF)
        case 0xE0: (length, second) = (3, 0xA0...0xBF)
        case 0xE1...0xEC, 0xEE...0xEF: (length, second) = (3, 0x80...0xBF)
        case 0xED: (length, second) = (3, 0x80...0x9F)
        case 0xF0: (length, second) = (4, 0x90...0xBF)
        case 0xF1...0xF3: (length, second) = (4, 0x80...0xBF)
        case 0xF4: (length, second) = (4, 0x80...0x8F)
        default: throw error(.invalidUTF8)
        }
        guard index + length <= bytes.count, second.contains(bytes[index + 1]) else { throw error(.invalidUTF8) }
        for offset in 2..<max(2, length) {
            guard bytes[index + offset] & 0xC0 == 0x80 else { throw error(.invalidUTF8) }
        }
        return length
    }

    private mutating func escape(into text: inout [UInt8]) throws(JSONParseError) {
        guard index + 1 < bytes.count else { throw error(.unexpectedEnd) }
        let kind = bytes[index + 1]
        switch kind {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): text.append(kind)
        case UInt8(ascii: "b"): text.append(0x08)
        case UInt8(ascii: "f"): text.append(0x0C)
        case UInt8(ascii: "n"): text.append(0x0A)
        case UInt8(ascii: "r"): text.append(0x0D)
        case UInt8(ascii: "t"): text.append(0x09)
        case UInt8(ascii: "u"): return try unicodeEscape(into: &text)
        default: throw error(.invalidEscape)
        }
        index += 2
    }

    private mutating func unicodeEscape(into text: inout [UInt8]) throws(JSONParseError) {
        var code = UInt32(try hexQuad(at: index + 2))
        var length = 6
        if (0xD800...0xDBFF).contains(code) {
            guard index + 7 < bytes.count, bytes[index + 6] == UInt8(ascii: "\\"),
                bytes[index + 7] == UInt8(ascii: "u")
            else { throw error(.loneSurrogate) }
            let low = UInt32(try hexQuad(at: index + 8))
            guard (0xDC00...0xDFFF).contains(low) else { throw error(.loneSurrogate) }
            code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00)
            length = 12
        }
        // Databases and C interfaces cut texts at U+0000: two readers would see two values.
        guard code != 0 || limits.allowsNUL else { throw error(.nul) }
        guard let scalar = Unicode.Scalar(code), let encoded = UTF8.encode(scalar) else { throw error(.loneSurrogate) }
        text.append(contentsOf: encoded)
        index += length
    }

    private func hexQuad(at start: Int) throws(JSONParseError) -> UInt16 {
        var value: UInt16 = 0
        for index in start..<start + 4 {
            guard index < bytes.count else { throw error(.unexpectedEnd) }
            let byte = bytes[index]
            let digit: UInt8
            switch byte {
            case UInt8(ascii: "0")...UInt8(ascii: "9"): digit = byte - UInt8(ascii: "0")
            case UInt8(ascii: "a")...UInt8(ascii: "f"): digit = byte - UInt8(ascii: "a") + 10
            case UInt8(ascii: "A")...UInt8(ascii: "F"): digit = byte - UInt8(ascii: "A") + 10
            default: throw error(.invalidEscape)
            }
            value = value << 4 | UInt16(digit)
        }
        return value
    }
}
