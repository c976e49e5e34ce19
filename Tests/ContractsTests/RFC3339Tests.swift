import Contracts
import Foundation
import Testing

@Suite struct RFC3339Tests {
    /// The examples of RFC 3339 section 5.8 from 1970 on, and limits.
    @Test(
        arguments: [
            ("1970-01-01T00:00:00Z", 0), ("1970-01-01T00:00:00.001Z", 1), ("1985-04-12T23:20:50.52Z", 482_196_050_520),
            ("1996-12-19T16:39:57-08:00", 851_042_397_000), ("1990-12-31T23:59:60Z", 662_688_000_000),
            ("1990-12-31T15:59:60-08:00", 662_688_000_000), ("2000-02-29T00:00:00Z", 951_782_400_000),
            ("2024-02-29T23:59:59.999Z", 1_709_251_199_999), ("2100-02-28T23:59:59Z", 4_107_542_399_000),
            ("9999-12-31T23:59:59.999Z", 253_402_300_799_999), ("2026-01-31t08:15:30z", 1_769_847_330_000),
            ("2026-01-31T08:15:30+00:00", 1_769_847_330_000), ("2026-01-31T08:15:30-00:00", 1_769_847_330_000),
            ("2026-01-31T13:45:30+05:30", 1_769_847_330_000), ("2026-02-01T08:14:30+23:59", 1_769_847_330_000),
            ("2026-01-30T08:16:30-23:59", 1_769_847_330_000), ("1970-01-01T01:00:00+01:00", 0),
        ] as [(String, Int64)]) func read(text: String, milliseconds: Int64)
    {
        #expect(RFC3339.milliseconds(text) == milliseconds)
    }

    /// Fractions have any number of digits; those beyond the third are cut off.
    @Test(
        arguments: [
            ("0", 0), ("1", 100), ("10", 100), ("01", 10), ("001", 1), ("0009", 0), ("9999", 999), ("999999999", 999),
            ("25000000000000000000000000000000000000000", 250),
        ] as [(String, Int64)]) func fraction(digits: String, milliseconds: Int64)
    {
        #expect(RFC3339.milliseconds("2026-01-31T08:15:30.\(digits)Z") == 1_769_847_330_000 + milliseconds)
        #expect(RFC3339.milliseconds("2026-01-31T10:15:30.\(digits)+02:00") == 1_769_847_330_000 + milliseconds)
    }

    @Test(arguments: [
        "", "Z", "2026-01-31", "08:15:30Z", "2026-01-31T08:15Z", "2026-01-31T08:15:30", "2026-01-31 08:15:30Z",
        "2026-01-31T08:15:30.Z", "2026-01-31T08:15:30,5Z", "2026-01-31T08:15:30Zx", "2026-01-31T08:15:30ZZ",
        " 2026-01-31T08:15:30Z", "2026-01-31T08:15:30Z ", "2026-01-31T08:15:30Z\n", "20260131T081530Z.....",
        "2026-1-31T08:15:30.0Z", "2026-01-31T8:15:30.00Z", "26-01-31T08:15:30.000Z", "+2026-01-31T08:15:30Z",
        "-2026-01-31T08:15:30Z", "2026/01/31T08:15:30Z", "2026-01-31T08.15.30Z", "2026-W05-6T08:15:30Z",
        // Out of range.
        "2026-00-10T00:00:00Z", "2026-13-10T00:00:00Z", "2026-01-00T00:00:00Z", "2026-01-32T00:00:00Z",
        "2026-04-31T00:00:00Z", "2026-06-31T00:00:00Z", "2026-09-31T00:00:00Z", "2026-11-31T00:00:00Z",
        "2026-02-29T00:00:00Z", "2100-02-29T00:00:00Z", "2024-02-30T00:00:00Z", "2026-01-31T24:00:00Z",
        "2026-01-31T08:60:00Z", "2026-01-31T08:15:61Z", "1969-12-31T23:59:59Z", "1970-01-01T00:59:59+01:00",
        "9999-12-31T23:59:59-00:01", "0000-01-01T00:00:00Z", "1937-01-01T12:00:27.87+00:20",
        // A leap second anywhere but at the end of a day of UTC.
        "2026-01-31T08:15:60Z", "2026-01-31T23:58:60Z", "2026-01-31T23:59:60+01:00", "9999-12-31T23:59:60Z",
        // Offsets.
        "2026-01-31T08:15:30+0100", "2026-01-31T08:15:30+01", "2026-01-31T08:15:30+1:00", "2026-01-31T08:15:30+24:00",
        "2026-01-31T08:15:30+01:60", "2026-01-31T08:15:30+01:00Z", "2026-01-31T08:15:30Z+01:00",
        "2026-01-31T08:15:30 +01:00", "2026-01-31T08:15:30\u{2212}01:00", "2026-01-31T08:15:30UTC",
        // Digits of other scripts.
        "\u{0662}026-01-31T08:15:30Z", "2026-01-31T08:15:3\u{FF10}Z",
    ]) func refused(text: String) {
        #expect(RFC3339.milliseconds(text) == nil)
    }

    @Test func everyYearHasItsDays() throws {
        for year in 1970...2400 {
            let isLeap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
            let first = try #require(RFC3339.milliseconds("\(year)-01-01T00:00:00Z"))
            let last = try #require(RFC3339.milliseconds("\(year)-12-31T00:00:00Z"))
            #expect((last - first) / 86_400_000 == (isLeap ? 365 : 364))
            #expect((RFC3339.milliseconds("\(year)-02-29T00:00:00Z") != nil) == isLeap)
        }
    }

    @Test func roundTrips() {
        var random = SplitMix64(state: 3_339)
        var instants = (0..<20_000).map { _ in Int64.random(in: 0...253_402_300_799_999, using: &random) }
        instants += [0, 1, 999, 1_000, 253_402_300_799_999]
        for instant in instants {
            let text = RFC3339.string(milliseconds: instant)
            #expect(text.utf8.count == 24)
            #expect(RFC3339.milliseconds(text) == instant)
        }
        #expect(RFC3339.string(milliseconds: 1_769_847_330_250) == "2026-01-31T08:15:30.250Z")
    }

    /// Foundation's calendar agrees, before 1970 as well.
    @Test func agreesWithFoundation() throws {
        var calendar = Calendar(identifier: .gregorian)
        calendar.timeZone = try #require(TimeZone(identifier: "UTC"))
        var random = SplitMix64(state: 1_582)
        for _ in 0..<2_000 {
            // From 1600 on: Foundation changes to the Julian calendar before 1582.
            let seconds = Int64.random(in: -11_676_096_000...253_402_300_799, using: &random)
            let date = calendar.dateComponents(
                [.year, .month, .day, .hour, .minute, .second], from: Date(timeIntervalSince1970: Double(seconds)))
            let expected = String(
                format: "%04d-%02d-%02dT%02d:%02d:%02d.007Z", date.year ?? 0, date.month ?? 0, date.day ?? 0,
                date.hour ?? 0, date.minute ?? 0, date.second ?? 0)
            #expect(RFC3339.string(milliseconds: seconds * 1_000 + 7) == expected)
        }
    }

    /// No instant stops the process, whatever it means.
    @Test(arguments: [Int64.min, Int64.min + 1, -1, Int64.max]) func extremes(instant: Int64) {
        #expect(RFC3339.string(milliseconds: instant).hasSuffix("Z"))
    }

    @Test func mutatedTexts() {
        var random = SplitMix64(state: 5_6)
        let original = Array("2026-01-31T08:15:30.250+05:30".utf8)
        let interesting = Array("0123456789-+:.TZtz ".utf8) + [0, 0x7F, 0xFF]
        for _ in 0..<20_000 {
            var bytes = original
            for _ in 0...Int.random(in: 0..<3, using: &random) {
                bytes[Int.random(in: bytes.indices, using: &random)] = interesting.randomElement(using: &random) ?? 0
            }
            bytes.removeLast(Int.random(in: 0..<3, using: &random) == 0 ? Int.random(in: 0...9, using: &random) : 0)
            guard let read = RFC3339.milliseconds(String(decoding: bytes, as: UTF8.self)) else { continue }
            #expect(RFC3339.milliseconds(RFC3339.string(milliseconds: read)) == read)
        }
    }

    @Test func wallClockIsTheTimeOfDay() {
        let (before, now, after) = (
            Date().timeIntervalSince1970, WallClock.milliseconds(), Date().timeIntervalSince1970
        )
        // Whole milliseconds are cut off; a step of the clock between the readings is allowed for.
        #expect(now >= Int64(before * 1_000) - 1_000 && now <= Int64(after * 1_000) + 1_000)
    }
}

/// A small generator with a seed (Steele, Lea and Flood 2014), so that a failure can be repeated.
struct SplitMix64: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}
