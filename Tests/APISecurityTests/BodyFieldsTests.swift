import Hummingbird
import StrictJSON
import Testing

@testable import APISecurity

/// The members of an object, read one by one.
@Suite struct BodyFieldsTests {
    private enum Side: String, CaseIterable, Sendable { case buy, sell }

    private let api = TestAPI { router in
        router.post("/orders", .public) { request, context in
            var fields = try await request.fields(context)
            let name = fields.string("name", length: 2...4, pattern: .identifier)
            let note = fields.optionalString("note", pattern: .printable)
            let side = fields.choice("side", standIn: Side.buy)
            let count = fields.int("count", in: 1...10)
            let price = fields.optionalDouble("price", in: 0...100)
            let live = fields.optionalBool("live")
            let tags = fields.optionalStringArray("tags", count: 0...2, length: 1...3)
            let owner = fields.optionalObject("owner")
            let at = fields.nested("at") { at in at.int("x") + at.int("y") }
            let legs = fields.optionalObjectArray("legs", count: 1...2) ?? []
            for (index, leg) in legs.enumerated() {
                var leg = BodyFields(leg, at: "/legs/\(index)")
                _ = leg.int("size")
                fields.take(leg)
            }
            try fields.finish()
            return .json([
                "name": .string(name), "note": note.map { .string($0) } ?? .null, "side": .string(side.rawValue),
                "count": .int(Int64(count)), "price": price.map { .double($0) } ?? .null,
                "live": live.map { .bool($0) } ?? .null, "tags": .int(Int64(tags?.count ?? -1)),
                "owner": .int(Int64(owner?.count ?? -1)), "at": .int(Int64(at)),
            ])
        }
    }

    private func faults(_ body: String) async throws -> [String: String] {
        let answer = try await api.post("/orders", body)
        #expect(answer.status == 400)
        #expect(answer.problem == "invalid-body")
        #expect(answer.headers[.contentType] == "application/problem+json")
        let errors = try #require(answer.json?["errors"]?.array)
        return Dictionary(
            errors.map { ($0["pointer"]?.string ?? "none", $0["detail"]?.string ?? "none") },
            uniquingKeysWith: { "\($0); \($1)" })
    }

    private static let minimum = #""name":"ab","side":"buy","count":1,"at":{"x":1,"y":2}"#

    @Test func wellFormed() async throws {
        let least = try await api.post("/orders", "{\(Self.minimum)}")
        #expect(least.status == 200)
        #expect(least.json?["at"] == 3)
        #expect(least.json?["note"] == .null)
        let most = try await api.post(
            "/orders",
            """
            {\(Self.minimum),"note":"é 😀","price":1,"live":false,"tags":["a","bcd"],"owner":{"any":[1]},
             "legs":[{"size":-1},{"size":2}]}
            """)
        #expect(most.status == 200, "\(most.text)")
        #expect(most.json?["price"] == .double(1))
        #expect(most.json?["tags"] == 2)
    }

    @Test func everyFaultAtOnce() async throws {
        let found = try await faults(
            """
            {"name":"a b c d e","note":7,"side":"hold","count":11,"price":"1","live":"true","tags":[1,"abcd"],
             "owner":[],"at":{"x":1.5,"z":0},"legs":[{"size":1,"extra":1},{}],"more":null,"a/b~c":1}
            """)
        #expect(
            found == [
                "/name": "2 to 4 characters are expected", "/note": "a string is expected",
                "/side": "one of buy, sell is expected", "/count": "an integer from 1 to 10 is expected",
                "/price": "a number from 0.0 to 100.0 is expected", "/live": "true or false is expected",
                "/tags/0": "a string of 1 to 3 characters is expected",
                "/tags/1": "a string of 1 to 3 characters is expected", "/owner": "an object is expected",
                "/at/x": "an integer is expected", "/at/y": "is required", "/at/z": "unknown member",
                "/legs/0/extra": "unknown member", "/legs/1/size": "is required", "/more": "unknown member",
                // RFC 6901 section 3.
                "/a~1b~0c": "unknown member",
            ])
    }

    @Test func everythingMissing() async throws {
        #expect(
            try await faults("{}")
                == ["/name": "is required", "/side": "is required", "/count": "is required", "/at": "is required"])
    }

    @Test(arguments: ["null", "[]", "1", "\"{}\"", "true"])
    func noObject(body: String) async throws {
        #expect(try await faults(body) == ["": "an object is expected"])
    }

    /// null is a value like another, and none that was asked for.
    @Test func nullIsNoValue() async throws {
        let found = try await faults(
            #"{"name":null,"note":null,"side":null,"count":null,"price":null,"live":null,"tags":null,"at":null}"#)
        #expect(found.count == 8)
        #expect(found.values.allSatisfy { $0.hasSuffix("expected") })
    }

    @Test(arguments: [
        "1.0", "1e0", "\"1\"", "true", "0", "11", "-1", "9223372036854775808", "1e30", "[1]",
    ])
    func counts(value: String) async throws {
        let body = #"{"name":"ab","side":"buy","at":{"x":1,"y":2},"count":\#(value)}"#
        #expect(try await faults(body) == ["/count": "an integer from 1 to 10 is expected"])
    }

    @Test(arguments: [
        ("a b", "an identifier of letters, digits and - _ . : is expected"),
        ("é123", "an identifier of letters, digits"),
        ("a\\n", "an identifier"), ("a", "2 to 4 characters are expected"), ("abcde", "2 to 4 characters"),
        ("\u{212A}ab", "an identifier"),
    ])
    func names(value: String, expected: String) async throws {
        let body = #"{"name":"\#(value)","side":"buy","count":1,"at":{"x":1,"y":2}}"#
        let found = try await faults(body)
        #expect(found["/name"]?.hasPrefix(expected) == true, "\(found)")
    }

    @Test(arguments: ["\\u0007", "\\u007f", "\\u0085", "a\\nb"])
    func controlCharacters(value: String) async throws {
        let found = try await faults("{\(Self.minimum),\"note\":\"\(value)\"}")
        #expect(found == ["/note": "text without control characters is expected"])
    }

    /// A name that is canonically equivalent to one that is known is another name.
    @Test func namesAreTheirBytes() throws {
        var fields = BodyFields(["caf\u{E9}": 1, "cafe\u{301}": 2])
        #expect(fields.int("caf\u{E9}") == 1)
        #expect(fields.allFaults.map(\.detail) == ["unknown member"])
        #expect(throws: Problem.self) { try fields.finish() }
    }

    /// Names come back in the answer, so that they are cut, and only so many of them.
    @Test func answersAreBounded() async throws {
        let long = String(repeating: "n", count: 5_000)
        #expect(try await faults("{\(Self.minimum),\"\(long)\":1}").keys.allSatisfy { $0.utf8.count == 65 })
        let many = (0..<5_000).map { "\"m\($0)\":1" }.joined(separator: ",")
        let answer = try await api.post("/orders", "{\(many)}")
        #expect(answer.json?["errors"]?.array?.count == 32)
        #expect(answer.bytes.count < 5_000)
    }
}
