/// The Gregorian calendar, extended to all years (ISO 8601); the year 0 comes before 1.
extension ExtensionValue.Datetime {
    static func days(inMonth month: Int64, of year: Int64) -> Int64 {
        switch month {
        case 2: year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : 28
        case 4, 6, 9, 11: 30
        default: 31
        }
    }

    /// Days of 400 years, after which the calendar repeats.
    private static let cycle: Int64 = 146_097
    /// Days from 0000-03-01, the first day of a cycle whose years end with February, to 1970-01-01.
    private static let epoch: Int64 = 719_468

    /// Days since 1970-01-01.
    static func days(year: Int64, month: Int64, day: Int64) -> Int64 {
        let marchYear = month > 2 ? year : year - 1
        let marchMonth = (month + 9) % 12
        let (cycles, yearOfCycle) = floorDivide(marchYear, 400)
        // Months from March on have 31, 30, 31, 30, 31 days over and over: 153 days for five.
        let dayOfYear = (153 * marchMonth + 2) / 5 + day - 1
        return cycles * cycle + yearOfCycle * 365 + yearOfCycle / 4 - yearOfCycle / 100 + dayOfYear - epoch
    }

    /// The date of a day since 1970-01-01.
    static func date(ofDay day: Int64) -> (year: Int64, month: Int64, day: Int64) {
        let (cycles, dayOfCycle) = floorDivide(day + epoch, cycle)
        let yearOfCycle = (dayOfCycle - dayOfCycle / 1460 + dayOfCycle / 36_524 - dayOfCycle / 146_096) / 365
        let dayOfYear = dayOfCycle - (365 * yearOfCycle + yearOfCycle / 4 - yearOfCycle / 100)
        let marchMonth = (5 * dayOfYear + 2) / 153
        let month = (marchMonth + 2) % 12 + 1
        let year = cycles * 400 + yearOfCycle + (month <= 2 ? 1 : 0)
        return (year, month, dayOfYear - (153 * marchMonth + 2) / 5 + 1)
    }

    private static func floorDivide(_ value: Int64, _ divisor: Int64) -> (quotient: Int64, remainder: Int64) {
        let (quotient, remainder) = value.quotientAndRemainder(dividingBy: divisor)
        return remainder < 0 ? (quotient - 1, remainder + divisor) : (quotient, remainder)
    }
}

extension DigitReader {
    /// `Z`, `+hhmm` or `-hhmm`, in minutes.
    mutating func offset() -> Int64? {
        if skip("Z") { return 0 }
        let isNegative = skip("-")
        guard isNegative || skip("+"), let hours = number(ofDigits: 2), let minutes = number(ofDigits: 2), hours < 24,
            minutes < 60
        else { return nil }
        return (hours * 60 + minutes) * (isNegative ? -1 : 1)
    }
}
