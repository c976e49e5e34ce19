extension ExtensionValue {
    /// A span of time in milliseconds; may be negative.
    public struct Duration: Sendable, Hashable, Comparable {
        public let milliseconds: Int64

        public init(milliseconds: Int64) { self.milliseconds = milliseconds }

        public static func < (left: Duration, right: Duration) -> Bool { left.milliseconds < right.milliseconds }
    }
}

extension ExtensionValue.Duration: CustomStringConvertible {
    /// Longest first, as they have to stand; `m` and `ms` are told apart by what follows.
    static let units: [(name: String, milliseconds: Int64)] = [
        ("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1),
    ]

    /// Reads `1d2h3m4s5ms`, any part of which may be missing but not all, with `-` before it for a negative span. Nil when
    /// this is another text, or a span that 64 bits of milliseconds do not hold.
    public init?(parsing text: String) {
        var reader = DigitReader(text)
        let isNegative = reader.skip("-")
        var units = Self.units[...]
        var total: Int64 = 0
        repeat {
            guard let digits = reader.digits(1...), let count = digits.number(negative: isNegative) else { return nil }
            // "ms" before "m", which it begins with.
            guard
                let index = units.indices.filter({ reader.isNext(units[$0].name) })
                    .max(by: { units[$0].name.utf8.count < units[$1].name.utf8.count }),
                reader.skip(units[index].name)
            else { return nil }
            let (span, overflows) = count.multipliedReportingOverflow(by: units[index].milliseconds)
            let (sum, overflowsSum) = total.addingReportingOverflow(span)
            guard !overflows, !overflowsSum else { return nil }
            total = sum
            units = units[(index + 1)...]
        } while !reader.isAtEnd
        milliseconds = total
    }

    /// In milliseconds: `-1500ms`.
    public var description: String { "\(milliseconds)ms" }
}
