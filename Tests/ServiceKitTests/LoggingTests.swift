import Logging
import StrictJSON
import Testing

@testable import ServiceKit

/// What one call writes.
func logged(_ message: Logger.Message, _ metadata: Logger.Metadata = [:]) throws -> JSONValue {
    let sink = MemorySink()
    ServiceLog.logger(service: "token-service", level: .info, sink: sink).info(message, metadata: metadata)
    #expect(sink.text.hasSuffix("\n"))
    #expect(sink.lines.count == 1)
    return try #require(sink.lines.first)
}

@Suite struct LoggingTests {
    @Test func writesOneObjectALine() throws {
        let line = try logged("two\nlines", ["count": "\(3)", "sub": ["a": "b"], "list": ["x", "y"]])
        #expect(line["msg"]?.string == "two\nlines")
        #expect(line["level"]?.string == "info")
        #expect(line["service"]?.string == "token-service")
        #expect(line["sub"]?["a"]?.string == "b")
        #expect(line["list"]?.strings == ["x", "y"])
        #expect(line["ts"]?.string?.hasSuffix("Z") == true)
    }

    @Test func numbersAndFlagsKeepTheirKind() throws {
        let line = try logged("m", ["n": .stringConvertible(42), "f": .stringConvertible(true)])
        #expect(line["n"]?.int == 42)
        #expect(line["f"]?.bool == true)
    }

    @Test func respectsTheLevel() {
        let sink = MemorySink()
        ServiceLog.logger(service: "s", level: .warning, sink: sink).info("unseen")
        #expect(sink.text.isEmpty)
    }

    @Test func metadataCannotPassForOurs() throws {
        let line = try logged("m", ["level": "critical", "service": "other", "ts": "never", "msg": "lie"])
        #expect(line["level"]?.string == "info")
        #expect(line["service"]?.string == "token-service")
        #expect(line["msg"]?.string == "m")
    }
}
