/// Writes a list of strings with parameters (RFC 9651 section 4.1): the part of structured fields that limits need, as
/// the fields stand in every answer and a general serialiser takes longer than the decision. Tests hold it against two.
struct FieldListWriter {
    private var bytes: [UInt8] = []

    init() { bytes.reserveCapacity(256) }

    var text: String { String(decoding: bytes, as: UTF8.self) }

    /// Begins the next item. Characters that a string cannot hold become question marks.
    mutating func item(_ name: String) {
        if !bytes.isEmpty { bytes.append(contentsOf: ", ".utf8) }
        string(name)
    }

    mutating func parameter(_ key: StaticString, _ value: Int64) {
        begin(key)
        var digits = value.magnitude
        if value < 0 { bytes.append(UInt8(ascii: "-")) }
        let start = bytes.count
        repeat {
            bytes.append(UInt8(ascii: "0") + UInt8(digits % 10))
            digits /= 10
        } while digits > 0
        bytes[start...].reverse()
    }

    mutating func parameter(_ key: StaticString, text: String) {
        begin(key)
        string(text)
    }

    /// A byte sequence that is in Base64 already.
    mutating func parameter(_ key: StaticString, bytes base64: String) {
        begin(key)
        bytes.append(UInt8(ascii: ":"))
        bytes.append(contentsOf: base64.utf8)
        bytes.append(UInt8(ascii: ":"))
    }

    private mutating func begin(_ key: StaticString) {
        bytes.append(UInt8(ascii: ";"))
        bytes.append(contentsOf: UnsafeBufferPointer(start: key.utf8Start, count: key.utf8CodeUnitCount))
        bytes.append(UInt8(ascii: "="))
    }

    private mutating func string(_ text: String) {
        bytes.append(UInt8(ascii: "\""))
        for byte in text.utf8 {
            if byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") { bytes.append(UInt8(ascii: "\\")) }
            bytes.append((0x20...0x7E).contains(byte) ? byte : UInt8(ascii: "?"))
        }
        bytes.append(UInt8(ascii: "\""))
    }
}
