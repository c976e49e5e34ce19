import Crypto
import JOSE

/// The id of a session: 128 random bits, and the hash tag of its subject, so that whoever holds the id can find the
/// session in a Redis Cluster. Text form: `<tag as two hex digits><id, base64url>`.
struct SessionID: Sendable, Hashable, CustomStringConvertible {
    /// Sessions are spread over this many hash tags by their subject.
    static let tagCount = 64

    /// 0..<64.
    let tag: UInt8
    /// 16 bytes.
    let bytes: [UInt8]
    let description: String

    init(subject: String, random: [UInt8]) {
        self.init(checked: SessionID.tag(of: subject), random)
    }

    init?(tag: UInt8, bytes: [UInt8]) {
        guard Int(tag) < SessionID.tagCount, bytes.count == 16 else { return nil }
        self.init(checked: tag, bytes)
    }

    init?(_ text: String) {
        guard text.utf8.count == 24, let tag = UInt8(text.prefix(2), radix: 16), Int(tag) < SessionID.tagCount,
            let bytes = Base64URL.decode(String(text.dropFirst(2))), bytes.count == 16
        else { return nil }
        self.init(checked: tag, bytes)
        // "+a" is a number to Swift: only the canonical form names a session.
        guard description == text else { return nil }
    }

    private init(checked tag: UInt8, _ bytes: [UInt8]) {
        self.tag = tag
        self.bytes = bytes
        func digit(_ value: UInt8) -> UInt8 { value + (value < 10 ? UInt8(ascii: "0") : UInt8(ascii: "a") - 10) }
        description = String(
            decoding: [digit(tag >> 4), digit(tag & 15)] + Base64URL.encodedBytes(bytes), as: UTF8.self)
    }

    /// The hash tag under which everything of a subject stands.
    static func tag(of subject: String) -> UInt8 {
        var first: UInt8 = 0
        for byte in SHA256.hash(data: Array(subject.utf8)).prefix(1) { first = byte }
        return first % UInt8(tagCount)
    }
}
