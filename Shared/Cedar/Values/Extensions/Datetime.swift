extension ExtensionValue {
    /// An instant: milliseconds since 1970-01-01T00:00:00Z.
    public struct Datetime: Sendable, Hashable, Comparable {
        public let milliseconds: Int64

        public init(milliseconds: Int64) { self.milliseconds = milliseconds }

        public static func < (left: Datetime, right: Datetime) -> Bool { left.milliseconds < right.milliseconds }
    }
}

extension ExtensionValue.Datetime {
    static let millisecondsPerDay: Int64 = 86_400_000

    /// Nil when it is beyond what 64 bits hold.
    func offset(by duration: ExtensionValue.Duration) -> Self? {
        let (sum, overflows) = milliseconds.addingReportingOverflow(duration.milliseconds)
        return overflows ? nil : Self(milliseconds: sum)
    }

    /// From another instant to this one; nil when it is beyond what 64 bits hold.
    func duration(since other: Self) -> ExtensionValue.Duration? {
        let (difference, overflows) = milliseconds.subtractingReportingOverflow(other.milliseconds)
        return overflows ? nil : ExtensionValue.Duration(milliseconds: difference)
    }

    /// What has passed since the beginning of the day (UTC): not negative, also before 1970.
    var timeOfDay: ExtensionValue.Duration {
        let rest = milliseconds % Self.millisecondsPerDay
        return ExtensionValue.Duration(milliseconds: rest < 0 ? rest + Self.millisecondsPerDay : rest)
    }

    /// The beginning of the day (UTC); nil for the first day of the range, which began before it.
    var startOfDay: Self? {
        let (start, overflows) = milliseconds.subtractingReportingOverflow(timeOfDay.milliseconds)
        return overflows ? nil : Self(milliseconds: start)
    }
}

extension ExtensionValue.Datetime: CustomStringConvertible {
    /// Reads `YYYY-MM-DD`, alone or with `Thh:mm:ss` or `Thh:mm:ss.SSS` and then `Z`, `+hhmm` or `-hhmm`. Nil when this is
    /// another text or no date of the Gregorian calendar; there are no leap seconds.
    public init?(parsing text: String) {
        var reader = DigitReader(text)
        guard let year = reader.number(ofDigits: 4), reader.skip("-"), let month = reader.number(ofDigits: 2),
            reader.skip("-"), let day = reader.number(ofDigits: 2), (1...12).contains(month),
            day >= 1, day <= Self.days(inMonth: month, of: year)
        else { return nil }
        let midnight = Self.days(year: year, month: month, day: day) * Self.millisecondsPerDay
        if reader.isAtEnd {
            milliseconds = midnight
            return
        }
        guard reader.skip("T"), let hour = reader.number(ofDigits: 2), reader.skip(":"),
            let minute = reader.number(ofDigits: 2), reader.skip(":"), let second = reader.number(ofDigits: 2),
            hour < 24, minute < 60, second < 60
        else { return nil }
        var millisecond: Int64 = 0
        if reader.skip(".") {
            guard let value = reader.number(ofDigits: 3) else { return nil }
            millisecond = value
        }
        guard let offset = reader.offset(), reader.isAtEnd else { return nil }
        milliseconds = midnight + ((hour * 60 + minute - offset) * 60 + second) * 1000 + millisecond
    }

    /// In the form that `init(parsing:)` reads, which has years of four digits only: years before 0 and after 9999 are
    /// written with a sign and as many digits as they need.
    public var description: String {
        let time = timeOfDay.milliseconds
        // Divided before anything is subtracted: the first day of the range began before it.
        let whole = milliseconds / Self.millisecondsPerDay
        let (year, month, day) = Self.date(ofDay: milliseconds < 0 && time != 0 ? whole - 1 : whole)
        let seconds = time / 1000
        let yearText = (0...9999).contains(year) ? padded(year, 4) : (year < 0 ? "-" : "+") + padded(year.magnitude, 4)
        return "\(yearText)-\(padded(month, 2))-\(padded(day, 2))T\(padded(seconds / 3600, 2)):"
            + "\(padded(seconds / 60 % 60, 2)):\(padded(seconds % 60, 2)).\(padded(time % 1000, 3))Z"
    }

    /// Whether `description` can be read back.
    var hasLiteral: Bool {
        // 0000-01-01T00:00:00.000Z to 9999-12-31T23:59:59.999Z.
        (-62_167_219_200_000...253_402_300_799_999).contains(milliseconds)
    }
}
