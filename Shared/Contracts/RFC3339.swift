/// Timestamps as text, RFC 3339 section 5.6, always UTC with milliseconds.
package enum RFC3339 {
    /// The last instant with a year of four digits.
    private static let latest: Int64 = 253_402_300_799_999

    /// `2026-01-31T08:15:30.250Z`; `milliseconds` counts from the epoch.
    package static func string(milliseconds: Int64) -> String {
        let (day, rest) = (milliseconds.floorDivided(by: 86_400_000), milliseconds.floorRemainder(by: 86_400_000))
        let date = civil(fromDay: day)
        let seconds = rest / 1000
        var text: [UInt8] = []
        text.reserveCapacity(24)
        func append(_ value: Int64, _ width: Int, then mark: Unicode.Scalar) {
            if value < 0 || value > (width == 4 ? 9_999 : 999) {
                // A year that RFC 3339 has no form for.
                text.append(contentsOf: String(value).utf8)
            } else {
                var divisor: Int64 = width == 4 ? 1_000 : width == 3 ? 100 : 10
                while divisor > 0 {
                    text.append(UInt8(ascii: "0") + UInt8(value / divisor % 10))
                    divisor /= 10
                }
            }
            text.append(UInt8(ascii: mark))
        }
        append(date.year, 4, then: "-")
        append(date.month, 2, then: "-")
        append(date.day, 2, then: "T")
        append(seconds / 3600, 2, then: ":")
        append(seconds / 60 % 60, 2, then: ":")
        append(seconds % 60, 2, then: ".")
        append(rest % 1000, 3, then: "Z")
        return String(decoding: text, as: UTF8.self)
    }

    /// Milliseconds since the epoch, further digits cut off; nil when `text` is no RFC 3339 timestamp of 1970 to 9999.
    /// A leap second, which ends a minute 23:59 UTC (section 5.7), counts as the first second of the next day.
    package static func milliseconds(_ text: String) -> Int64? {
        let bytes = Array(text.utf8)
        guard bytes.count >= 20 else { return nil }
        func number(_ range: Range<Int>) -> Int64? {
            var value: Int64 = 0
            for byte in bytes[range] {
                guard byte >= 48, byte <= 57 else { return nil }
                value = value * 10 + Int64(byte - 48)
            }
            return value
        }
        guard let year = number(0..<4), bytes[4] == 45, let month = number(5..<7), bytes[7] == 45,
            let day = number(8..<10), bytes[10] | 32 == 116, let hour = number(11..<13), bytes[13] == 58,
            let minute = number(14..<16), bytes[16] == 58, let second = number(17..<19),
            year >= 1970, (1...12).contains(month), (1...daysIn(month, year)).contains(day), hour < 24, minute < 60,
            second <= 60
        else { return nil }
        var index = 19
        var fraction: Int64 = 0
        if bytes[index] == 46 {
            index += 1
            var digits = 0
            while index < bytes.count, bytes[index] >= 48, bytes[index] <= 57 {
                if digits < 3 { fraction = fraction * 10 + Int64(bytes[index] - 48) }
                digits += 1
                index += 1
            }
            guard digits > 0 else { return nil }
            for _ in digits..<max(3, digits) { fraction *= 10 }
        }
        guard index < bytes.count else { return nil }
        var offset: Int64 = 0
        if bytes[index] | 32 == 122 {
            guard index == bytes.count - 1 else { return nil }
        } else {
            guard bytes[index] == 43 || bytes[index] == 45, bytes.count == index + 6,
                let hours = number(index + 1..<index + 3), bytes[index + 3] == 58,
                let minutes = number(index + 4..<index + 6), hours < 24, minutes < 60
            else { return nil }
            offset = (hours * 60 + minutes) * (bytes[index] == 43 ? 1 : -1)
        }
        let minutes = (days(year: year, month: month, day: day) * 24 + hour) * 60 + minute - offset
        guard second < 60 || minutes.floorRemainder(by: 1_440) == 1_439 else { return nil }
        let milliseconds = minutes * 60_000 + second * 1000 + fraction
        return (0...latest).contains(milliseconds) ? milliseconds : nil
    }

    private static func daysIn(_ month: Int64, _ year: Int64) -> Int64 {
        switch month {
        case 2: year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : 28
        case 4, 6, 9, 11: 30
        default: 31
        }
    }

    /// Days since 1970-01-01 in the proleptic Gregorian calendar, counted in eras of 400 years from March on.
    private static func days(year: Int64, month: Int64, day: Int64) -> Int64 {
        let shifted = month <= 2 ? year - 1 : year
        let era = shifted.floorDivided(by: 400)
        let yearOfEra = shifted - era * 400
        let dayOfYear = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1
        return era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
    }

    private static func civil(fromDay day: Int64) -> (year: Int64, month: Int64, day: Int64) {
        let shifted = day + 719_468
        let era = shifted.floorDivided(by: 146_097)
        let dayOfEra = shifted - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shiftedMonth = (5 * dayOfYear + 2) / 153
        let month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9
        return (
            yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, dayOfYear - (153 * shiftedMonth + 2) / 5 + 1
        )
    }
}

extension Int64 {
    fileprivate func floorDivided(by divisor: Int64) -> Int64 {
        let quotient = self / divisor
        return self % divisor < 0 ? quotient - 1 : quotient
    }

    fileprivate func floorRemainder(by divisor: Int64) -> Int64 {
        let remainder = self % divisor
        return remainder < 0 ? remainder + divisor : remainder
    }
}
