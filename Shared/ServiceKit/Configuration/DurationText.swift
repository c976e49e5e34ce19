/// Durations as people write them: a whole number and a unit, `250ms`, `10s`, `15m`, `24h`, `7d`.
public enum DurationText {
    public static func milliseconds(_ text: String) -> Int64? {
        let digits = text.prefix { ("0"..."9").contains($0) }
        guard !digits.isEmpty, let number = Int64(digits) else { return nil }
        let factor: Int64
        switch text[digits.endIndex...] {
        case "ms": factor = 1
        case "s": factor = 1_000
        case "m": factor = 60_000
        case "h": factor = 3_600_000
        case "d": factor = 86_400_000
        default: return nil
        }
        let (product, overflow) = number.multipliedReportingOverflow(by: factor)
        return overflow ? nil : product
    }
}

/// A duration in the source text, such as a bound: `in: "1s"..."15m"`.
public struct DurationLimit: Sendable, Comparable, ExpressibleByStringLiteral, CustomStringConvertible {
    public let milliseconds: Int64
    public let description: String

    /// - Precondition: the literal is a duration.
    public init(stringLiteral text: String) {
        guard let value = DurationText.milliseconds(text) else { preconditionFailure("\(text) is no duration") }
        milliseconds = value
        description = text
    }

    public static func == (left: DurationLimit, right: DurationLimit) -> Bool {
        left.milliseconds == right.milliseconds
    }
    public static func < (left: DurationLimit, right: DurationLimit) -> Bool { left.milliseconds < right.milliseconds }
}
