/// Path and query of a request target: its origin form and its absolute form (RFC 9112 section 3.2).
///
/// Only what RFC 3986 allows is taken, so that nothing before this server can read the target in another way: no raw bytes
/// beyond ASCII, no control characters, no fragment, no backslash. That the path is ASCII also makes comparing it as text
/// the same as comparing its bytes.
struct RequestTarget {
    let path: Substring
    let query: Substring?

    /// - Returns: nil when it is malformed.
    init?(_ target: String) {
        let bytes = target.utf8
        guard let first = bytes.first else { return nil }
        var start = bytes.startIndex
        if first != UInt8(ascii: "/") {
            guard let end = RequestTarget.authorityEnd(bytes) else {
                // The asterisk form, for which nothing is served.
                guard target == "*" else { return nil }
                (path, query) = (target[...], nil)
                return
            }
            start = end
        }
        var end = start
        while end != bytes.endIndex, bytes[end] != UInt8(ascii: "?") {
            guard RequestTarget.isPathByte(bytes[end]) else { return nil }
            end = bytes.index(after: end)
        }
        // An absolute form without a path means the root (RFC 9110 section 4.2.3).
        path = start == end ? "/" : target[start..<end]
        guard end != bytes.endIndex else {
            query = nil
            return
        }
        let rest = target[bytes.index(after: end)...]
        guard rest.utf8.allSatisfy({ (0x21...0x7E).contains($0) && $0 != UInt8(ascii: "#") }) else { return nil }
        query = rest
    }

    /// Where the authority of `http://…` or `https://…` ends; nil for anything else.
    private static func authorityEnd(_ bytes: String.UTF8View) -> String.Index? {
        guard let colon = bytes.firstIndex(of: UInt8(ascii: ":")) else { return nil }
        let scheme = bytes[..<colon].map { $0 | 0x20 }
        let rest = bytes[bytes.index(after: colon)...]
        guard scheme == Array("http".utf8) || scheme == Array("https".utf8), rest.starts(with: "//".utf8) else {
            return nil
        }
        let authority = rest.dropFirst(2)
        let end = authority.firstIndex { $0 == UInt8(ascii: "/") || $0 == UInt8(ascii: "?") } ?? authority.endIndex
        let isPlausible = authority[..<end].allSatisfy { byte in
            (0x21...0x7E).contains(byte) && byte != UInt8(ascii: "@") && byte != UInt8(ascii: "#")
                && byte != UInt8(ascii: "\\")
        }
        return end == authority.startIndex || !isPlausible ? nil : end
    }

    /// `pchar` of RFC 3986 section 3.3, and the slash.
    private static func isPathByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"): true
        // "&'()*+,-./0123456789:;"
        case 0x26...0x3B: true
        case UInt8(ascii: "!"), UInt8(ascii: "$"), UInt8(ascii: "%"), UInt8(ascii: "="), UInt8(ascii: "@"),
            UInt8(ascii: "_"), UInt8(ascii: "~"):
            true
        default: false
        }
    }
}
