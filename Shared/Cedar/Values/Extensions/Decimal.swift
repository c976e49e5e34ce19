extension ExtensionValue {
    /// A number with four digits after the point: 64 bits of ten thousandths.
    public struct Decimal: Sendable, Hashable, Comparable {
        public let tenThousandths: Int64

        public init(tenThousandths: Int64) { self.tenThousandths = tenThousandths }

        public static func < (left: Decimal, right: Decimal) -> Bool { left.tenThousandths < right.tenThousandths }
    }
}

extension ExtensionValue.Decimal: CustomStringConvertible {
    /// Reads `-?[0-9]+\.[0-9]{1,4}`. Nil when this is another text, or a number that 64 bits of ten thousandths do not hold.
    public init?(parsing text: String) {
        var reader = DigitReader(text)
        let isNegative = reader.skip("-")
        guard let whole = reader.digits(1...), reader.skip("."), let fraction = reader.digits(1...4), reader.isAtEnd,
            let whole = whole.number(negative: isNegative), let part = fraction.number(negative: isNegative)
        else { return nil }
        let scale = [1000, 100, 10, 1][fraction.count - 1] as Int64
        let (scaled, overflows) = whole.multipliedReportingOverflow(by: 10_000)
        // Of at most four digits, so that this cannot overflow.
        let (sum, overflowsSum) = scaled.addingReportingOverflow(part * scale)
        guard !overflows, !overflowsSum else { return nil }
        tenThousandths = sum
    }

    /// With four digits after the point.
    public var description: String {
        let (whole, part) = tenThousandths.magnitude.quotientAndRemainder(dividingBy: 10_000)
        return (tenThousandths < 0 ? "-" : "") + "\(whole)." + padded(part, 4)
    }
}
