/// Percent-decoding that refuses what is not quite right.
enum PercentCoding {
    /// - Parameter plusIsSpace: as `application/x-www-form-urlencoded` has it.
    /// - Returns: nil for broken escapes, invalid UTF-8 and control characters.
    static func decode(_ text: some Collection<UInt8>, plusIsSpace: Bool) -> String? {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(text.count)
        var index = text.startIndex
        while index != text.endIndex {
            var byte = text[index]
            if byte == UInt8(ascii: "%") {
                guard let first = text.index(index, offsetBy: 1, limitedBy: text.endIndex), first != text.endIndex,
                    let second = text.index(index, offsetBy: 2, limitedBy: text.endIndex), second != text.endIndex,
                    let high = digit(text[first]), let low = digit(text[second])
                else { return nil }
                byte = high << 4 | low
                index = second
            } else if byte == UInt8(ascii: "+"), plusIsSpace {
                byte = UInt8(ascii: " ")
            }
            guard byte >= 0x20, byte != 0x7F else { return nil }
            bytes.append(byte)
            index = text.index(after: index)
        }
        return String(validating: bytes, as: UTF8.self)
    }

    private static func digit(_ byte: UInt8) -> UInt8? {
        switch byte {
        case 0x30...0x39: byte - 0x30
        case 0x41...0x46: byte - 0x41 + 10
        case 0x61...0x66: byte - 0x61 + 10
        default: nil
        }
    }

    enum PairsFault: Error {
        case malformed
        case repeated(String)
        case tooMany
    }

    /// Pairs of `name=value` between `&`, each name once.
    static func pairs(
        _ text: some Collection<UInt8>, limit: Int
    ) throws(PairsFault) -> [(name: String, value: String)] {
        var pairs: [(name: String, value: String)] = []
        // No more than one part too many is cut off: a body may hold half a million.
        for part in text.split(separator: UInt8(ascii: "&"), maxSplits: limit) {
            guard pairs.count < limit else { throw .tooMany }
            let halves = part.split(separator: UInt8(ascii: "="), maxSplits: 1, omittingEmptySubsequences: false)
            guard let first = halves.first, let name = decode(first, plusIsSpace: true), !name.isEmpty else {
                throw .malformed
            }
            guard let value = halves.count < 2 ? "" : decode(halves[1], plusIsSpace: true) else { throw .malformed }
            guard !pairs.contains(where: { $0.name == name }) else { throw .repeated(name) }
            pairs.append((name, value))
        }
        return pairs
    }
}
