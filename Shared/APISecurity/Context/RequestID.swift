import HTTPTypes

/// `X-Request-Id`: taken over when well formed, else made.
enum RequestID {
    static let header = HTTPField.Name("X-Request-Id")!

    /// 1 to 128 letters, digits and `-_.`: nothing that could break a log line, a header or a file name.
    static func isWellFormed(_ text: String) -> Bool { isWellFormed(text.utf8) }

    static func isWellFormed(_ bytes: some Collection<UInt8>) -> Bool {
        (1...128).contains(bytes.count)
            && bytes.allSatisfy { byte in
                switch byte {
                case 0x30...0x39, 0x41...0x5A, 0x61...0x7A: true
                case UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: "."): true
                default: false
                }
            }
    }
}
