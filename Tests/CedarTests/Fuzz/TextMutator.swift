@testable import Cedar

/// Changes texts at random: bytes, words and parts, also those of other texts.
struct TextMutator {
    var random: SplitMix64

    /// What the grammars know and what is hard to read.
    private static let words = [
        "permit", "forbid", "when", "unless", "principal", "action", "resource", "context", "?principal", "?resource",
        "if", "then", "else", "is", "in", "has", "like", "&&", "||", "==", "!=", "<", "<=", ">", ">=", "!", "-", "+",
        "*",
        "(", ")", "{", "}", "[", "]", ";", ",", ".", ":", "::", "@", "@id(\"a\")", "\"", "\\", "\\u{0}", "\\u{10FFFF}",
        "\\u{D800}", "\\x41", "//", "/*", "true", "false", "9223372036854775807", "9223372036854775808",
        "-9223372036854775808", "0", "00", "1e9", "User::\"a\"", "__cedar", "__entity", "__extn", "ip(\"::1/128\")",
        "decimal(\"1.5\")", "datetime(\"2024-02-29\")", "duration(\"-1d\")", ".contains(", ".isEmpty()", ".getTag(",
        "entity", "type", "namespace", "appliesTo", "enum", "tags", "Set<", ">", "Long", "?:", "null", "1.5",
        "{\"__entity\":{\"type\":\"A\",\"id\":\"\"}}", "{\"__extn\":{\"fn\":\"ip\",\"arg\":\"1.1.1.1\"}}", "\u{0}",
        "\u{202E}", "e\u{301}", "\r\n", "\u{2028}", "😀", " ", "\n",
    ]

    init(seed: UInt64) { random = SplitMix64(seed: seed) }

    /// A seed after one change or several.
    mutating func mutate(_ text: String, other: String) -> String {
        var bytes = Array(text.utf8)
        for _ in 0..<Int.random(in: 1...4, using: &random) { change(&bytes, Array(other.utf8)) }
        return String(decoding: bytes.prefix(1 << 15), as: UTF8.self)
    }

    private mutating func change(_ bytes: inout [UInt8], _ other: [UInt8]) {
        let range = range(of: bytes)
        switch Int.random(in: 0..<10, using: &random) {
        case 0: bytes.removeSubrange(range)
        case 1: bytes.insert(contentsOf: Array(bytes[range]), at: range.upperBound)
        case 2, 3: bytes.insert(contentsOf: Array(Self.words[index(Self.words.count)].utf8), at: range.lowerBound)
        case 4, 5:
            bytes.replaceSubrange(token(at: range.lowerBound, bytes), with: Self.words[index(Self.words.count)].utf8)
        case 6: bytes.replaceSubrange(range, with: other[self.range(of: other)])
        case 7:
            bytes.replaceSubrange(token(at: range.lowerBound, bytes), with: other[token(at: index(other.count), other)])
        case 8: if !range.isEmpty { bytes[range.lowerBound] = UInt8.random(in: 0...255, using: &random) }
        default:
            // Nested, or repeated, many times.
            let part = Array(bytes[token(at: range.lowerBound, bytes)])
            let times = [2, 10, 100, 300][index(4)]
            guard part.count * times < 1 << 14 else { return }
            bytes.insert(contentsOf: (0..<times).flatMap { _ in part }, at: range.lowerBound)
        }
    }

    private mutating func index(_ count: Int) -> Int { count == 0 ? 0 : Int.random(in: 0..<count, using: &random) }

    /// Mostly short.
    private mutating func range(of bytes: [UInt8]) -> Range<Int> {
        let start = index(bytes.count + 1)
        let length = index(index(4) == 0 ? bytes.count + 1 : 16)
        return start..<min(bytes.count, start + length)
    }

    /// The word around a place, or the sign there.
    private func token(at place: Int, _ bytes: [UInt8]) -> Range<Int> {
        guard place < bytes.count else { return bytes.count..<bytes.count }
        func isWord(_ byte: UInt8) -> Bool {
            (48...57).contains(byte) || (65...90).contains(byte) || (97...122).contains(byte) || byte == 95
        }
        guard isWord(bytes[place]) else { return place..<(place + 1) }
        var (start, end) = (place, place)
        while start > 0, isWord(bytes[start - 1]) { start -= 1 }
        while end < bytes.count, isWord(bytes[end]) { end += 1 }
        return start..<end
    }
}
