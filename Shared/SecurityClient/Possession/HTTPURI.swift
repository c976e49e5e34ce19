/// Compares request targets as RFC 9449 section 4.3 asks: query and fragment left out, then normalised by syntax and
/// scheme (RFC 3986 sections 6.2.2 and 6.2.3).
enum HTTPURI {
    /// nil when `text` is no absolute http or https URI, or names a user.
    static func normalised(_ text: String) -> String? {
        let bytes = Array(text.utf8)
        guard bytes.count <= 2_048, bytes.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else { return nil }
        let scheme: String
        var rest: ArraySlice<UInt8>
        if lowercased(bytes.prefix(8)) == Array("https://".utf8) {
            (scheme, rest) = ("https", bytes.dropFirst(8))
        } else if lowercased(bytes.prefix(7)) == Array("http://".utf8) {
            (scheme, rest) = ("http", bytes.dropFirst(7))
        } else {
            return nil
        }
        if let end = rest.firstIndex(where: { $0 == UInt8(ascii: "?") || $0 == UInt8(ascii: "#") }) {
            rest = rest[..<end]
        }
        let slash = rest.firstIndex(of: UInt8(ascii: "/")) ?? rest.endIndex
        guard let authority = authority(lowercased(rest[..<slash]), standardPort: scheme == "https" ? 443 : 80),
            let path = path(rest[slash...])
        else { return nil }
        return "\(scheme)://\(authority)\(path)"
    }

    /// Whether an http or https URI names this machine: `localhost`, `127.0.0.0/8` (RFC 1122 section 3.2.1.3) or `[::1]`.
    static func isLoopback(_ text: String) -> Bool {
        guard let authority = normalised(text)?.split(separator: "/").dropFirst().first else { return false }
        if authority == "[::1]" || authority.hasPrefix("[::1]:") { return true }
        let host = authority.prefix { $0 != ":" }
        if host == "localhost" { return true }
        let parts = host.split(separator: ".", omittingEmptySubsequences: false)
        return parts.count == 4 && parts[0] == "127"
            && parts.allSatisfy { part in
                part.utf8.allSatisfy { (0x30...0x39).contains($0) } && UInt8(part) != nil
            }
    }

    /// Host and port, the port left out when it is the scheme's own or empty; nil when there is a user, or no host.
    private static func authority(_ bytes: [UInt8], standardPort: Int) -> String? {
        let colon = bytes.lastIndex(of: UInt8(ascii: ":"))
        let bracket = bytes.lastIndex(of: UInt8(ascii: "]"))
        var (host, port) = (bytes[...], bytes[bytes.endIndex...])
        if let colon, colon > bracket ?? -1 { (host, port) = (bytes[..<colon], bytes[(colon + 1)...]) }
        let isBracketed = host.first == UInt8(ascii: "[") && host.last == UInt8(ascii: "]")
        guard !host.isEmpty, !host.contains(UInt8(ascii: "@")), isBracketed || !host.contains(UInt8(ascii: ":")),
            port.allSatisfy({ (0x30...0x39).contains($0) })
        else { return nil }
        let name = String(decoding: host, as: UTF8.self)
        if port.isEmpty { return name }
        guard let number = Int(String(decoding: port, as: UTF8.self)), number <= 65_535 else { return nil }
        return number == standardPort ? name : "\(name):\(number)"
    }

    private static func path(_ bytes: ArraySlice<UInt8>) -> String? {
        guard let unescaped = withNormalEscapes(bytes) else { return nil }
        var segments: [ArraySlice<UInt8>] = []
        let parts = unescaped.dropFirst().split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
        for (index, part) in parts.enumerated() {
            let isLast = index == parts.count - 1
            switch String(decoding: part, as: UTF8.self) {
            case ".": if isLast { segments.append([]) }
            case "..":
                _ = segments.popLast()
                if isLast { segments.append([]) }
            default: segments.append(part)
            }
        }
        return "/" + segments.map { String(decoding: $0, as: UTF8.self) }.joined(separator: "/")
    }

    /// Unreserved characters stand for themselves, all other escapes have capital digits; nil for a broken escape.
    private static func withNormalEscapes(_ bytes: ArraySlice<UInt8>) -> [UInt8]? {
        var result: [UInt8] = []
        result.reserveCapacity(bytes.count)
        var index = bytes.startIndex
        while index < bytes.endIndex {
            guard bytes[index] == UInt8(ascii: "%") else {
                result.append(bytes[index])
                index += 1
                continue
            }
            guard index + 2 < bytes.endIndex, let high = digit(bytes[index + 1]), let low = digit(bytes[index + 2])
            else { return nil }
            let value = high << 4 | low
            if isUnreserved(value) {
                result.append(value)
            } else {
                let digits = Array("0123456789ABCDEF".utf8)
                result += [UInt8(ascii: "%"), digits[Int(high)], digits[Int(low)]]
            }
            index += 3
        }
        return result
    }

    private static func lowercased(_ bytes: ArraySlice<UInt8>) -> [UInt8] {
        bytes.map { (0x41...0x5A).contains($0) ? $0 | 0x20 : $0 }
    }

    private static func digit(_ byte: UInt8) -> UInt8? {
        switch byte {
        case 0x30...0x39: byte - 0x30
        case 0x41...0x46: byte - 0x41 + 10
        case 0x61...0x66: byte - 0x61 + 10
        default: nil
        }
    }

    private static func isUnreserved(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"),
            UInt8(ascii: "~"):
            true
        default: false
        }
    }
}
