/// What names and values of descriptors may look like, in documents and in requests.
package enum DescriptorRules {
    static let nameRule =
        "the name of a descriptor has 1 to \(Bounds.nameBytes) letters, digits, hyphens, underscores and dots"
    static let valueRule = "a value has 1 to \(Bounds.valueBytes) bytes and no control characters"

    package static func isName(_ text: String) -> Bool {
        (1...Bounds.nameBytes).contains(text.utf8.count)
            && text.utf8.allSatisfy { PlainText.isPlain($0) && $0 != UInt8(ascii: ":") && $0 != UInt8(ascii: "@") }
    }

    package static func isValue(_ text: String) -> Bool {
        (1...Bounds.valueBytes).contains(text.utf8.count) && text.utf8.allSatisfy { $0 >= 0x20 && $0 != 0x7F }
    }
}

/// Characters that may stand in a Redis key as they are.
enum PlainText {
    /// Letters, digits, and `- _ . : @`.
    static func isPlain(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: "."),
            UInt8(ascii: ":"), UInt8(ascii: "@"):
            true
        default: false
        }
    }
}
