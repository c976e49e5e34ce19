/// Durations as they stand in a document: a whole number and ms, s, m, h or d.
package enum SpanText {
    private static let units: [(suffix: String, milliseconds: Int64)] = [
        ("ms", 1), ("s", 1000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000),
    ]

    /// Milliseconds; nil for what is no duration or is beyond a year.
    package static func milliseconds(_ text: String) -> Int64? {
        let digits = text.prefix { ("0"..."9").contains($0) }
        guard (1...12).contains(digits.utf8.count), let number = Int64(digits),
            let unit = units.first(where: { $0.suffix == text.dropFirst(digits.count) })
        else { return nil }
        let (product, overflow) = number.multipliedReportingOverflow(by: unit.milliseconds)
        return overflow || product > 366 * 86_400_000 ? nil : product
    }

    /// In the largest unit that says it exactly.
    package static func text(_ milliseconds: Int64) -> String {
        // There is a unit that divides every number.
        let unit = units.last { milliseconds % $0.milliseconds == 0 && milliseconds != 0 } ?? units[0]
        return "\(milliseconds / unit.milliseconds)\(unit.suffix)"
    }
}
