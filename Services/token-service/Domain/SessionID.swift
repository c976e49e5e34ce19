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

    init(subject: String, random: [UInt8]) {
        tag = SessionID.tag(of: subject)
        bytes = random
    }

    init?(tag: UInt8, bytes: [UInt8]) {
        guard Int(tag) < SessionID.tagCount, bytes.count == 16 else { return nil }
        self.tag = tag
        self.bytes = bytes
    }

    init?(_ text: String) {
        guard text.utf8.count == 24, let tag = UInt8(text.prefix(2), radix: 16), Int(tag) < SessionID.tagCount,
            let bytes = Base64URL.decode(String(text.dropFirst(2))), bytes.count == 16
        else { return nil }
        self.tag = tag
        self.bytes = bytes
        // "+a" is a number to Swift: only the canonical form names a session.
        guard description == text else { return nil }
    }

    var description: String {
        let digits = Array("0123456789abcdef")
        return String([digits[Int(tag >> 4)], digits[Int(tag & 15)]]) + Base64URL.encode(bytes)
    }

    /// The hash tag under which everything of a subject stands.
    static func tag(of subject: String) -> UInt8 {
        var first: UInt8 = 0
        for byte in SHA256.hash(data: Array(subject.utf8)).prefix(1) { first = byte }
        return first % UInt8(tagCount)
    }
}
