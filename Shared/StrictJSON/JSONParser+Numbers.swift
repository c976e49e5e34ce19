extension JSONParser {
    /// Reads a number: `.int` when it has neither fraction nor exponent and fits, else the nearest double. What no double
    /// can hold is refused rather than made infinite; what is too small becomes zero.
    mutating func number() throws(JSONParseError) -> JSONValue {
        let start = index
        let isNegative = bytes[index] == UInt8(ascii: "-")
        if isNegative { index += 1 }
        guard index < bytes.count else { throw error(.unexpectedEnd) }
        let integer = try integerPart()
        var isInteger = true
        if index < bytes.count, bytes[index] == UInt8(ascii: ".") {
            isInteger = false
            index += 1
            try digits()
        }
        if index < bytes.count, bytes[index] | 0x20 == UInt8(ascii: "e") {
            isInteger = false
            index += 1
            if index < bytes.count, bytes[index] == UInt8(ascii: "+") || bytes[index] == UInt8(ascii: "-") {
                index += 1
            }
            try digits()
        }
        if isInteger, let magnitude = integer {
            // Minus zero is a double: an integer cannot say it.
            if isNegative, magnitude <= Int64.min.magnitude, magnitude != 0 {
                return .int(Int64(truncatingIfNeeded: 0 &- magnitude))
            }
            if !isNegative, let value = Int64(exactly: magnitude) { return .int(value) }
        }
        let text = String(decoding: UnsafeBufferPointer(rebasing: bytes[start..<index]), as: UTF8.self)
        guard let value = Double(text), value.isFinite else { throw JSONParseError(.numberOutOfRange, at: start) }
        return .double(value)
    }

    /// One zero, or digits that do not start with zero; nil when their value exceeds 64 bits.
    private mutating func integerPart() throws(JSONParseError) -> UInt64? {
        guard isDigit(index) else { throw error(.invalidNumber) }
        if bytes[index] == UInt8(ascii: "0") {
            index += 1
            if isDigit(index) { throw error(.invalidNumber) }
            return 0
        }
        var magnitude: UInt64 = 0
        var overflows = false
        while isDigit(index) {
            let (product, first) = magnitude.multipliedReportingOverflow(by: 10)
            let (sum, second) = product.addingReportingOverflow(UInt64(bytes[index] & 15))
            overflows = overflows || first || second
            magnitude = sum
            index += 1
        }
        return overflows ? nil : magnitude
    }

    /// One digit or more.
    private mutating func digits() throws(JSONParseError) {
        guard isDigit(index) else { throw error(.invalidNumber) }
        while isDigit(index) { index += 1 }
    }

    @inline(__always)
    private func isDigit(_ position: Int) -> Bool {
        position < bytes.count && bytes[position] >= UInt8(ascii: "0") && bytes[position] <= UInt8(ascii: "9")
    }
}
