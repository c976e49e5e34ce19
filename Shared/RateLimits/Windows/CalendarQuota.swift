/// A quota of the UTC day or month. State: the number of the period, what was used in it.
package struct CalendarQuota: RateWindow, Hashable {
    package let quantity: Int64
    package let period: CalendarPeriod
    private var number: Int64 = 0
    private var used: Int64 = 0

    package init(quantity: Int64, period: CalendarPeriod) {
        self.quantity = quantity
        self.period = period
    }

    /// The period that counts and what is used in it. When the clock is set back over the end of a period, the later one goes
    /// on counting; when it is set back by more, what was counted is forgotten.
    private func current(_ now: Int64) -> (number: Int64, used: Int64) {
        let today = period.number(at: now)
        return number == today || number == today + 1 ? (number, used) : (today, 0)
    }

    package func outcome(cost: Int64, now: Int64) -> Outcome {
        let cost = Bounds.clamped(cost)
        let (number, used) = current(now)
        let end = period.start(of: number + 1) - now
        guard used + cost <= quantity else {
            return Outcome(
                admitted: false, remaining: max(quantity - used, 0), reset: used == 0 ? 0 : end,
                retryAfter: cost <= quantity ? end : nil)
        }
        return Outcome(admitted: true, remaining: quantity - used - cost, reset: used + cost == 0 ? 0 : end)
    }

    package mutating func charge(cost: Int64, now: Int64, ahead: Int64) {
        let cost = Bounds.clamped(cost)
        guard cost > 0 else { return }
        let current = current(now)
        number = current.number
        used = min(current.used + cost, Bounds.count)
    }

    package mutating func refund(cost: Int64, chargedAt: Int64, now: Int64) {
        guard period.number(at: chargedAt) == number else { return }
        used -= min(Bounds.clamped(cost), used)
    }

    package func used(now: Int64) -> Int64 { current(now).used }

    package func lifetime(now: Int64) -> Int64 { used == 0 ? 0 : max(period.start(of: number + 1) - now, 0) }
}

extension CalendarQuota {
    /// State that is not understood counts as none.
    package init(quantity: Int64, period: CalendarPeriod, bytes: [UInt8]) {
        self.init(quantity: quantity, period: period)
        guard var reader = PackedReader(bytes), reader.count == 2, let number = reader.int(), let used = reader.int(),
            (0..<1 << 32).contains(number), (0...Bounds.count).contains(used)
        else { return }
        self.number = number
        self.used = used
    }

    package var bytes: [UInt8] {
        guard used > 0 else { return [] }
        var writer = PackedWriter(count: 2)
        writer.int(number)
        writer.int(used)
        return writer.bytes
    }
}

extension CalendarPeriod {
    private static let dayLength: Int64 = 86_400_000

    /// Days since the epoch, or twelve times the year and the month from 0. Times before the epoch do not occur.
    package func number(at now: Int64) -> Int64 {
        let day = max(now, 0) / Self.dayLength
        switch self {
        case .day: return day
        case .month:
            let date = Self.date(ofDay: day)
            return date.year * 12 + date.month - 1
        }
    }

    /// Milliseconds since the epoch at which a period begins.
    package func start(of number: Int64) -> Int64 {
        switch self {
        case .day: number * Self.dayLength
        case .month: Self.day(ofYear: number / 12, month: number % 12 + 1) * Self.dayLength
        }
    }

    /// The proleptic Gregorian calendar, by years that begin in March: a leap day is then the last of its year.
    private static func date(ofDay day: Int64) -> (year: Int64, month: Int64) {
        let shifted = day + 719_468
        let era = shifted / 146_097
        let dayOfEra = shifted % 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let march = (5 * dayOfYear + 2) / 153
        let month = march < 10 ? march + 3 : march - 9
        return (yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month)
    }

    /// The day since the epoch on which a month begins.
    private static func day(ofYear year: Int64, month: Int64) -> Int64 {
        let year = month <= 2 ? year - 1 : year
        let era = year / 400
        let yearOfEra = year % 400
        let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5
        return era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
    }
}
