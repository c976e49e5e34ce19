import Testing

@testable import Cedar

@Suite struct DecimalTests {
    @Test(arguments: [
        ("0.0", 0), ("1.0", 10_000), ("1.2345", 12_345), ("-1.2345", -12_345), ("-0.5", -5000), ("00.5", 5000),
        ("12.30", 123_000), ("0012.3", 123_000), ("922337203685477.5807", Int64.max),
        ("-922337203685477.5808", Int64.min),
    ])
    func reads(_ text: String, _ value: Int64) {
        #expect(ExtensionValue.Decimal(parsing: text)?.tenThousandths == value)
    }

    @Test(arguments: [
        "", ".", "1", "1.", ".5", "-.5", "+1.0", "1.23456", "1.00000", "1.0 ", " 1.0", "1,0", "1.0.0", "--1.0", "1.-5",
        "1e3", "0x1.0", "-", "-1", "١.٢", "1.0\n", "922337203685477.5808", "-922337203685477.5809",
        "922337203685478.0", "99999999999999999999.0", "1_000.0",
    ])
    func refuses(_ text: String) { #expect(ExtensionValue.Decimal(parsing: text) == nil) }

    @Test(arguments: [
        ("0.0", "0.0000"), ("-0.05", "-0.0500"), ("1.2345", "1.2345"),
        ("-922337203685477.5808", "-922337203685477.5808"),
        ("922337203685477.5807", "922337203685477.5807"),
    ])
    func prints(_ text: String, _ printed: String) throws {
        let value = try #require(ExtensionValue.Decimal(parsing: text))
        #expect(value.description == printed)
        #expect(ExtensionValue.Decimal(parsing: printed) == value)
    }

    @Test(arguments: [
        (#"decimal("1.23").lessThan(decimal("1.24"))"#, true), (#"decimal("1.23").lessThan(decimal("1.23"))"#, false),
        (#"decimal("1.23").lessThanOrEqual(decimal("1.23"))"#, true),
        (#"decimal("-1.23").greaterThan(decimal("-1.24"))"#, true),
        (#"decimal("1.23").greaterThanOrEqual(decimal("1.24"))"#, false),
        (#"decimal("1.0") == decimal("1.0000")"#, true),
        (#"decimal("1.0") == "1.0""#, false), (#"decimal("0.0") == decimal("-0.0")"#, true),
    ])
    func compares(_ expression: String, _ result: Bool) throws {
        #expect(try TestWorld().evaluate(expression) == .bool(result))
    }

    @Test(arguments: [
        #"decimal("1.0") < decimal("2.0")"#, #"decimal("1.0").lessThan(1)"#, #"decimal(1)"#,
        #"decimal("1.0").lessThan("2.0")"#, #"decimal("1.0").lessThan(ip("1.1.1.1"))"#, #"decimal("1.0") + 1"#,
    ])
    func isNoNumber(_ expression: String) throws {
        guard case .type = try TestWorld().error(expression) else {
            Issue.record("\(expression) has the right types")
            return
        }
    }
}
