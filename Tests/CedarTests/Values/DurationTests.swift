import Testing

@testable import Cedar

@Suite struct DurationTests {
    @Test(arguments: [
        ("0ms", 0), ("1ms", 1), ("1s", 1000), ("1m", 60_000), ("1h", 3_600_000), ("1d", 86_400_000),
        ("1d2h3m4s5ms", 93_784_005), ("-1d2h3m4s5ms", -93_784_005), ("2h5ms", 7_200_005), ("1m1ms", 60_001),
        ("90m", 5_400_000), ("007d", 604_800_000), ("-0ms", 0), ("9223372036854775807ms", Int64.max),
        ("-9223372036854775808ms", Int64.min), ("106751991167d7h12m55s807ms", Int64.max),
        ("-106751991167d7h12m55s808ms", Int64.min), ("000000000000000000000000000001ms", 1),
    ])
    func reads(_ text: String, _ milliseconds: Int64) throws {
        let value = try #require(ExtensionValue.Duration(parsing: text))
        #expect(value.milliseconds == milliseconds)
        #expect(ExtensionValue.Duration(parsing: value.description) == value)
    }

    @Test(arguments: [
        "", "-", "1", "d", "ms", "1x", "1D", "1dd", "1d1d", "1h1d", "1s1m", "1ms1s", "1ms1m", "1.5h", "1d ", " 1d",
        "1d 2h",
        "+1d", "--1d", "1d-2h", "1w", "1y", "1us", "9223372036854775808ms", "-9223372036854775809ms",
        "106751991167d7h12m55s808ms",
        "9223372036854775807d", "99999999999999999999999ms", "1d9223372036854775807ms", "١d", "1m s",
    ])
    func refuses(_ text: String) { #expect(ExtensionValue.Duration(parsing: text) == nil) }

    @Test(arguments: [
        (#"duration("1d2h3m4s5ms").toMilliseconds()"#, 93_784_005), (#"duration("1d2h3m4s5ms").toSeconds()"#, 93_784),
        (#"duration("1d2h3m4s5ms").toMinutes()"#, 1563), (#"duration("1d2h3m4s5ms").toHours()"#, 26),
        (#"duration("1d2h3m4s5ms").toDays()"#, 1), (#"duration("-1999ms").toSeconds()"#, -1),
        (#"duration("-23h").toDays()"#, 0), (#"duration("-25h").toDays()"#, -1),
    ])
    func converts(_ expression: String, _ result: Int64) throws {
        #expect(try TestWorld().evaluate(expression) == .int(result))
    }

    @Test(arguments: [
        (#"duration("1d") == duration("24h")"#, true), (#"duration("1h") < duration("61m")"#, true),
        (#"duration("-1h") <= duration("-60m")"#, true), (#"duration("1h") > duration("1h")"#, false),
        (#"duration("1s") == 1000"#, false),
    ])
    func compares(_ expression: String, _ result: Bool) throws {
        #expect(try TestWorld().evaluate(expression) == .bool(result))
    }
}
