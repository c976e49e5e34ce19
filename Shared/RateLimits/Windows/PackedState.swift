/// Arrays of integers and texts in MessagePack, in the shortest form of each, which is how Redis' `cmsgpack.pack` writes them.
struct PackedWriter {
    private(set) var bytes: [UInt8] = []

    init(count: Int) {
        bytes.reserveCapacity(count * 3 + 12)
        if count < 16 {
            bytes.append(0x90 | UInt8(count))
        } else {
            // Windows have at most 103 integers, logs and held permits are bounded by the limit.
            big(UInt64(count), tag: count <= 0xFFFF ? 0xDC : 0xDD, width: count <= 0xFFFF ? 2 : 4)
        }
    }

    mutating func int(_ value: Int64) {
        switch value {
        case 0...0x7F: bytes.append(UInt8(value))
        case 0x80...0xFF: big(UInt64(value), tag: 0xCC, width: 1)
        case 0x100...0xFFFF: big(UInt64(value), tag: 0xCD, width: 2)
        case 0x1_0000...0xFFFF_FFFF: big(UInt64(value), tag: 0xCE, width: 4)
        case 0x1_0000_0000...: big(UInt64(value), tag: 0xCF, width: 8)
        case -32 ... -1: bytes.append(UInt8(truncatingIfNeeded: value))
        case -0x80 ... -33: big(UInt64(bitPattern: value), tag: 0xD0, width: 1)
        case -0x8000 ... -0x81: big(UInt64(bitPattern: value), tag: 0xD1, width: 2)
        case -0x8000_0000 ... -0x8001: big(UInt64(bitPattern: value), tag: 0xD2, width: 4)
        default: big(UInt64(bitPattern: value), tag: 0xD3, width: 8)
        }
    }

    mutating func text(_ value: String) {
        let utf8 = value.utf8
        switch utf8.count {
        case ..<32: bytes.append(0xA0 | UInt8(utf8.count))
        case ..<0x100: big(UInt64(utf8.count), tag: 0xD9, width: 1)
        case ..<0x1_0000: big(UInt64(utf8.count), tag: 0xDA, width: 2)
        default: big(UInt64(utf8.count), tag: 0xDB, width: 4)
        }
        bytes.append(contentsOf: utf8)
    }

    private mutating func big(_ value: UInt64, tag: UInt8, width: Int) {
        bytes.append(tag)
        for shift in stride(from: 8 * (width - 1), through: 0, by: -8) {
            bytes.append(UInt8(truncatingIfNeeded: value >> UInt64(shift)))
        }
    }
}

/// Reads what `PackedWriter` or `cmsgpack.pack` wrote. Whatever else stands there is nil.
struct PackedReader {
    private let bytes: [UInt8]
    private var offset = 0
    /// Elements of the array.
    private(set) var count = 0

    init?(_ bytes: [UInt8]) {
        self.bytes = bytes
        guard let first = byte() else { return nil }
        switch first {
        case 0x90...0x9F: count = Int(first & 15)
        case 0xDC:
            guard let value = big(2) else { return nil }
            count = Int(value)
        case 0xDD:
            guard let value = big(4) else { return nil }
            count = Int(value)
        default: return nil
        }
        guard count <= bytes.count else { return nil }
    }

    var isAtEnd: Bool { offset == bytes.count }

    mutating func int() -> Int64? {
        guard let first = byte() else { return nil }
        switch first {
        case 0...0x7F: return Int64(first)
        case 0xE0...: return Int64(Int8(bitPattern: first))
        case 0xCC: return big(1).map { Int64($0) }
        case 0xCD: return big(2).map { Int64($0) }
        case 0xCE: return big(4).map { Int64($0) }
        case 0xCF: return big(8).flatMap { Int64(exactly: $0) }
        case 0xD0: return big(1).map { Int64(Int8(truncatingIfNeeded: $0)) }
        case 0xD1: return big(2).map { Int64(Int16(truncatingIfNeeded: $0)) }
        case 0xD2: return big(4).map { Int64(Int32(truncatingIfNeeded: $0)) }
        case 0xD3: return big(8).map { Int64(bitPattern: $0) }
        default: return nil
        }
    }

    mutating func text() -> String? {
        guard let first = byte() else { return nil }
        let length: Int?
        switch first {
        case 0xA0...0xBF: length = Int(first & 31)
        case 0xD9: length = big(1).map { Int($0) }
        case 0xDA: length = big(2).map { Int($0) }
        case 0xDB: length = big(4).map { Int($0) }
        default: length = nil
        }
        guard let length, length <= bytes.count - offset else { return nil }
        defer { offset += length }
        return String(validating: bytes[offset..<(offset + length)], as: UTF8.self)
    }

    private mutating func byte() -> UInt8? {
        guard offset < bytes.count else { return nil }
        defer { offset += 1 }
        return bytes[offset]
    }

    private mutating func big(_ width: Int) -> UInt64? {
        guard width <= bytes.count - offset else { return nil }
        defer { offset += width }
        return bytes[offset..<(offset + width)].reduce(0) { $0 << 8 | UInt64($1) }
    }
}
