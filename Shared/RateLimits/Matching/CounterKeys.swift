import Crypto

/// What the state of a counter means. A limit that is changed in one of these begins anew under another key; a changed
/// quantity, burst or condition goes on with what was counted.
struct KeyShape: Hashable {
    let text: String

    init(_ limit: Limit) {
        let time =
            switch limit.algorithm {
            case .window(let span), .exact(let span), .bucket(let span, _): String(span)
            case .calendar(let period): period.rawValue
            case .concurrency: ""
            }
        let prefix =
            limit.per.contains(Condition.address) ? "\(limit.addressPrefix.v4)/\(limit.addressPrefix.v6)" : ""
        let parts = [limit.algorithm.name, time, limit.per.joined(separator: ","), prefix, limit.shares?.by ?? ""]
        let digest = SHA256.hash(data: Array(parts.joined(separator: "|").utf8))
        text = String(decoding: Base64Text.encode(digest.prefix(3)), as: UTF8.self)
    }
}

/// A value of a descriptor within a key: as it is when it is short and plain, else by its hash. Two values never give
/// the same text.
enum KeyValue {
    static let longest = 48

    static func append(_ value: String, to bytes: inout [UInt8]) {
        var value = value
        value.withUTF8 { text in
            if text.count <= longest, text.allSatisfy(PlainText.isPlain) {
                bytes.append(contentsOf: text)
            } else {
                bytes.append(UInt8(ascii: "~"))
                bytes.append(contentsOf: Base64Text.encode(SHA256.hash(data: Array(text)).prefix(18)))
            }
        }
    }
}

/// Base64 (RFC 4648 sections 4 and 5) of lengths that need no padding.
enum Base64Text {
    private static let urlAlphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_".utf8)
    private static let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)

    /// The bytes must be a multiple of three.
    static func encode(_ bytes: some Sequence<UInt8>, url: Bool = true) -> [UInt8] {
        let alphabet = url ? urlAlphabet : alphabet
        var encoded: [UInt8] = []
        var group: UInt32 = 0
        var count = 0
        for byte in bytes {
            group = group << 8 | UInt32(byte)
            count += 1
            guard count == 3 else { continue }
            for shift in [18, 12, 6, 0] as [UInt32] { encoded.append(alphabet[Int(group >> shift) & 63]) }
            group = 0
            count = 0
        }
        return encoded
    }
}
