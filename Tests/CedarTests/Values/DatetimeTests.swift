import Testing

@testable import Cedar

@Suite struct DatetimeTests {
    @Test(arguments: [
        ("1970-01-01", 0), ("1970-01-01T00:00:00Z", 0), ("1970-01-01T00:00:00.001Z", 1),
        ("1969-12-31T23:59:59.999Z", -1),
        ("1970-01-01T01:00:00+0100", 0), ("1970-01-01T00:00:00-0130", 5_400_000),
        ("2024-02-29T12:34:56.789Z", 1_709_210_096_789), ("2000-02-29", 951_782_400_000),
        ("0000-01-01", -62_167_219_200_000), ("9999-12-31T23:59:59.999Z", 253_402_300_799_999),
        ("0000-01-01T00:00:00+2359", -62_167_305_540_000), ("9999-12-31T23:59:59-2359", 253_402_387_139_000),
        ("1900-03-01", -2_203_891_200_000), ("2024-10-15T11:35:00.000+0530", 1_728_972_300_000),
    ])
    func reads(_ text: String, _ milliseconds: Int64) {
        #expect(ExtensionValue.Datetime(parsing: text)?.milliseconds == milliseconds)
    }

    @Test(arguments: [
        "", "2024", "2024-01", "2024-1-01", "24-01-01", "02024-01-01", "-2024-01-01", "+2024-01-01", "2024-00-01",
        "2024-13-01",
        "2024-01-00", "2024-01-32", "2024-04-31", "2023-02-29", "1900-02-29", "2100-02-29", "2024-01-01Z",
        "2024-01-01T",
        "2024-01-01T00:00:00", "2024-01-01T00:00Z", "2024-01-01t00:00:00Z", "2024-01-01T00:00:00z",
        "2024-01-01 00:00:00Z",
        "2024-01-01T24:00:00Z", "2024-01-01T00:60:00Z", "2024-01-01T23:59:60Z", "2024-06-30T23:59:60Z",
        "2024-01-01T00:00:00.0Z", "2024-01-01T00:00:00.00Z", "2024-01-01T00:00:00.0000Z", "2024-01-01T00:00:00.Z",
        "2024-01-01T00:00:00.000", "2024-01-01T00:00:00+01:00", "2024-01-01T00:00:00+01", "2024-01-01T00:00:00+2400",
        "2024-01-01T00:00:00+0060", "2024-01-01T00:00:00+010", "2024-01-01T00:00:00+01000", "2024-01-01T00:00:00Z ",
        " 2024-01-01", "2024-01-01T00:00:00Z+0100", "2024/01/01", "٢٠٢٤-01-01", "2024-01-01\n", "2024-01-0１",
    ])
    func refuses(_ text: String) { #expect(ExtensionValue.Datetime(parsing: text) == nil) }

    @Test(arguments: [
        (0, "1970-01-01T00:00:00.000Z"), (-1, "1969-12-31T23:59:59.999Z"),
        (1_709_210_096_789, "2024-02-29T12:34:56.789Z"),
        (-62_167_219_200_000, "0000-01-01T00:00:00.000Z"), (253_402_300_800_000, "+10000-01-01T00:00:00.000Z"),
        (-62_167_219_200_001, "-0001-12-31T23:59:59.999Z"), (Int64.max, "+292278994-08-17T07:12:55.807Z"),
        (Int64.min, "-292275055-05-16T16:47:04.192Z"),
    ])
    func prints(_ milliseconds: Int64, _ text: String) {
        #expect(ExtensionValue.Datetime(milliseconds: milliseconds).description == text)
    }

    /// Every day of a cycle of the calendar, and some time around it.
    @Test func everyDayIsReadBack() {
        for day in stride(from: Int64(-719_528), through: 2_932_896, by: 61) {
            let value = ExtensionValue.Datetime(milliseconds: day * 86_400_000 + (day & 1) * 86_399_999)
            #expect(ExtensionValue.Datetime(parsing: value.description) == value)
        }
    }

    @Test(arguments: [
        (#"datetime("2024-10-15").offset(duration("1d")) == datetime("2024-10-16")"#, true),
        (#"datetime("2024-10-15").offset(duration("-1ms")) == datetime("2024-10-14T23:59:59.999Z")"#, true),
        (#"datetime("2024-10-15T01:00:00Z").durationSince(datetime("2024-10-15")) == duration("1h")"#, true),
        (#"datetime("2024-10-15").durationSince(datetime("2024-10-16")) == duration("-1d")"#, true),
        (#"datetime("2024-10-15T11:35:00Z").toDate() == datetime("2024-10-15")"#, true),
        (#"datetime("1969-12-31T23:00:00Z").toDate() == datetime("1969-12-31")"#, true),
        (#"datetime("1969-12-31").toDate() == datetime("1969-12-31")"#, true),
        (#"datetime("2024-10-15T11:35:00Z").toTime() == duration("11h35m")"#, true),
        (#"datetime("1969-12-31T23:00:00Z").toTime() == duration("23h")"#, true),
        (#"datetime("1969-12-31").toTime() == duration("0ms")"#, true),
        (#"datetime("2024-10-15") < datetime("2024-10-15T00:00:00.001Z")"#, true),
        (#"datetime("2024-10-15") >= datetime("2024-10-15T02:00:00+0200")"#, true),
        (#"datetime("2024-10-15") == datetime("2024-10-14T23:00:00-0100")"#, true),
        (#"datetime("1970-01-01") == duration("0ms")"#, false), (#"datetime("1970-01-01") == 0"#, false),
    ])
    func answers(_ expression: String, _ result: Bool) throws {
        #expect(try TestWorld().evaluate(expression) == .bool(result), "\(expression)")
    }

    @Test(arguments: [
        #"datetime("1970-01-02").offset(duration("9223372036854775807ms"))"#,
        #"datetime("1969-12-31").offset(duration("-9223372036854775808ms"))"#,
        #"datetime("1970-01-01").offset(duration("9223372036854775807ms")).durationSince(datetime("1969-12-31"))"#,
        #"datetime("1970-01-01").offset(duration("-9223372036854775808ms")).toDate()"#, #"datetime("2023-02-29")"#,
    ])
    func hasNoValueBeyondItsRange(_ expression: String) throws {
        guard case .extension(.datetime, _) = try TestWorld().error(expression) else {
            Issue.record("\(expression) has a value")
            return
        }
    }

    /// The time of day of the first instant is known, though not when its day began.
    @Test func firstDay() throws {
        let first =
            #"datetime("1970-01-01").offset(duration("-9223372036854775808ms")).toTime() == duration("16h47m4s192ms")"#
        #expect(try TestWorld().evaluate(first) == .bool(true))
    }

    @Test(arguments: [
        #"datetime("1970-01-01") < duration("1ms")"#, #"datetime("1970-01-01") < 1"#, #"1 < datetime("1970-01-01")"#,
        #"datetime("1970-01-01").offset(1)"#, #"datetime("1970-01-01").offset(datetime("1970-01-01"))"#,
        #"datetime(0)"#,
        #"duration("1d").toDate()"#, #"datetime("1970-01-01").toDays()"#, #"datetime("1970-01-01") + duration("1d")"#,
    ])
    func refusesOtherTypes(_ expression: String) throws {
        guard case .type = try TestWorld().error(expression) else {
            Issue.record("\(expression) has the right types")
            return
        }
    }
}
