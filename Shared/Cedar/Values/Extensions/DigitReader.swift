/// Reads the texts of extension values: digits and marks, all ASCII.
struct DigitReader {
    private let bytes: [UInt8]
    private var index = 0

    init(_ text: String) { bytes = Array(text.utf8) }

    var isAtEnd: Bool { index == bytes.count }

    func isNext(_ marks: String) -> Bool { bytes[index...].starts(with: marks.utf8) }

    /// Passes several marks when they come next.
    mutating func skip(_ marks: String) -> Bool {
        guard isNext(marks) else { return false }
        index += marks.utf8.count
        return true
    }

    /// All digits that come next; nil, and nothing is passed, when they are not as many.
    mutating func digits(_ count: some RangeExpression<Int>) -> Digits? {
        let end = bytes[index...].firstIndex { !(0x30...0x39).contains($0) } ?? bytes.count
        guard count.contains(end - index) else { return nil }
        defer { index = end }
        return Digits(bytes: bytes[index..<end])
    }

    /// The next digits, exactly as many, whatever follows.
    mutating func number(ofDigits count: Int) -> Int64? {
        guard index + count <= bytes.count else { return nil }
        let digits = bytes[index..<index + count]
        guard digits.allSatisfy({ (0x30...0x39).contains($0) }) else { return nil }
        index += count
        return Digits(bytes: digits).number(negative: false)
    }

    struct Digits {
        let bytes: ArraySlice<UInt8>
        var count: Int { bytes.count }

        /// Nil when it does not fit.
        func number(negative: Bool) -> Int64? {
            var value: Int64 = 0
            for byte in bytes {
                let digit = Int64(byte & 0xF)
                let (product, overflows) = value.multipliedReportingOverflow(by: 10)
                let (sum, overflowsSum) =
                    negative ? product.subtractingReportingOverflow(digit) : product.addingReportingOverflow(digit)
                guard !overflows, !overflowsSum else { return nil }
                value = sum
            }
            return value
        }
    }
}

/// A number with zeros before it.
func padded(_ number: some BinaryInteger, _ width: Int) -> String {
    let text = String(number)
    return String(repeating: "0", count: max(0, width - text.utf8.count)) + text
}
