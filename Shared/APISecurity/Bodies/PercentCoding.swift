/// Percent-decoding that refuses what is not quite right.
package enum PercentCoding {
    /// - Parameter plusIsSpace: as `application/x-www-form-urlencoded` has it.
    /// - Returns: nil for broken escapes, invalid UTF-8 and control characters.
    package static func decode(_ text: some Collection<UInt8>, plusIsSpace: Bool) -> String? {
        if let result = text.withContiguousStorageIfAvailable({ decode($0[...], plusIsSpace: plusIsSpace) }) {
            return result
        }
        return Array(text).withUnsafeBufferPointer { decode($0[...], plusIsSpace: plusIsSpace) }
    }

    private static func decode(_ text: Slice<UnsafeBufferPointer<UInt8>>, plusIsSpace: Bool) -> String? {
        let text = UnsafeBufferPointer(rebasing: text)
        let plus = plusIsSpace ? UInt8(ascii: "+") : 0
        var isPlain = true
        for byte in text {
            guard byte >= 0x20, byte != 0x7F else { return nil }
            if byte == UInt8(ascii: "%") || byte == plus { isPlain = false }
        }
        if isPlain { return String(validating: text, as: UTF8.self) }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(text.count)
        var index = 0
        while index < text.count {
            var byte = text[index]
            if byte == UInt8(ascii: "%") {
                guard index + 2 < text.count, let high = digit(text[index + 1]), let low = digit(text[index + 2])
                else { return nil }
                byte = high << 4 | low
                guard byte >= 0x20, byte != 0x7F else { return nil }
                index += 2
            } else if byte == plus {
                byte = UInt8(ascii: " ")
            }
            bytes.append(byte)
            index += 1
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
        let result =
            text.withContiguousStorageIfAvailable { pairs(in: $0, limit: limit) }
            ?? Array(text).withUnsafeBufferPointer { pairs(in: $0, limit: limit) }
        return try result.get()
    }

    private static func pairs(
        in text: UnsafeBufferPointer<UInt8>, limit: Int
    ) -> Result<[(name: String, value: String)], PairsFault> {
        var pairs: [(name: String, value: String)] = []
        var start = 0
        while start < text.count {
            let rest = text[start...]
            let end = rest.firstIndex(of: UInt8(ascii: "&")) ?? text.count
            defer { start = end + 1 }
            guard end > start else { continue }
            guard pairs.count < limit else { return .failure(.tooMany) }
            let part = text[start..<end]
            let equals = part.firstIndex(of: UInt8(ascii: "=")) ?? end
            guard let name = decode(part[start..<equals], plusIsSpace: true), !name.isEmpty,
                let value = equals == end ? "" : decode(part[(equals + 1)..<end], plusIsSpace: true)
            else { return .failure(.malformed) }
            guard !pairs.contains(where: { $0.name == name }) else { return .failure(.repeated(name)) }
            pairs.append((name, value))
        }
        return .success(pairs)
    }
}
