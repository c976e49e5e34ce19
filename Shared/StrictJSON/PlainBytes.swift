/// Finds the end of a run of bytes that stand for themselves in a JSON string (RFC 8259 section 7), eight at a time.
enum PlainBytes {
    /// The index of the first quotation mark, backslash or control character, and of the first byte beyond ASCII when
    /// asked for; the count when there is none.
    @inline(__always)
    static func end(in bytes: UnsafeRawBufferPointer, from start: Int, stoppingBeyondASCII: Bool) -> Int {
        let ones: UInt64 = 0x0101_0101_0101_0101
        let tops: UInt64 = 0x8080_8080_8080_8080
        var index = start
        while index + 8 <= bytes.count {
            let word = UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: index, as: UInt64.self))
            let quote = word ^ (ones &* 0x22)
            let backslash = word ^ (ones &* 0x5C)
            // The top bit of a byte gets set where it is below 0x20, or zero after the exclusive or. A borrow can set it
            // wrongly, but only above a byte where it is set rightly: the lowest one is always right.
            var special = (word &- ones &* 0x20) & ~word
            special |= ((quote &- ones) & ~quote) | ((backslash &- ones) & ~backslash)
            if stoppingBeyondASCII { special |= word }
            special &= tops
            if special != 0 { return index + special.trailingZeroBitCount / 8 }
            index += 8
        }
        while index < bytes.count {
            let byte = bytes[index]
            if byte < 0x20 || byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") { return index }
            if stoppingBeyondASCII, byte >= 0x80 { return index }
            index += 1
        }
        return index
    }
}
