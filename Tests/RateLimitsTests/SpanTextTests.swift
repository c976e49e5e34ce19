import Testing

@testable import RateLimits

@Suite struct SpanTextTests {
    @Test(arguments: [
        ("500ms", 500), ("1s", 1000), ("90s", 90_000), ("5m", 300_000), ("24h", 86_400_000), ("7d", 604_800_000),
    ])
    func reads(_ text: String, _ milliseconds: Int64) {
        #expect(SpanText.milliseconds(text) == milliseconds)
        #expect(SpanText.milliseconds(SpanText.text(milliseconds)) == milliseconds)
    }

    @Test(arguments: [
        "", "s", "1", "1 s", "-1s", "+1s", "1.5s", "1S", "1sec", "٣s", "9999999999999d", "400d", "999999999999ms",
    ])
    func refuses(_ text: String) { #expect(SpanText.milliseconds(text) == nil) }
}
