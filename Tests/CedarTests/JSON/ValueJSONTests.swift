import StrictJSON
import Testing

@testable import Cedar

@Suite struct ValueJSONTests {
    private func read(_ text: String, _ type: SchemaType? = nil) throws -> Value {
        try Value(json: try json(text), expected: type)
    }

    private static let decimal = Value.extension(.decimal(.init(tenThousandths: 15_000)))
    private static let epoch = Value.extension(.datetime(.init(milliseconds: 0)))
    private static let alice = Value.entity(EntityUID(type: Name(unchecked: "User"), id: "alice"))
    private static let user = SchemaType.entity(Name(unchecked: "User"))

    @Test func values() throws {
        #expect(try read("true") == .bool(true))
        #expect(try read("-9223372036854775808") == .int(.min))
        #expect(try read(#""a\u0000""#) == .string("a\0"))
        #expect(try read("[1, 1, true]") == .set(ValueSet([.bool(true), .int(1)])))
        #expect(try read(#"{"a": {"b": 1}}"#) == .record(["a": .record(["b": .int(1)])]))
        #expect(try read(#"{"__entity": {"type": "User", "id": "alice"}}"#) == Self.alice)
        #expect(try read(#"{"__extn": {"fn": "decimal", "arg": "1.5"}}"#) == Self.decimal)
        #expect(try read(#"{"__extn": {"fn": "decimal", "args": ["1.5"]}}"#) == Self.decimal)
        #expect(
            try read(
                #"""
                {"__extn": {"fn": "offset", "args": [{"__extn": {"fn": "datetime", "arg": "1970-01-02"}},
                                                     {"__extn": {"fn": "duration", "arg": "-1d"}}]}}
                """#) == Self.epoch)
    }

    @Test(arguments: [
        "null", "1.5", "1.0", "1e2", "9223372036854775808", "[null]", #"{"a": null}"#, #"{"a": [0.5]}"#,
        #"{"__expr": "1 + 1"}"#, #"{"__entity": {"type": "User::", "id": "a"}}"#,
        #"{"__entity": {"type": "if", "id": "a"}}"#,
        #"{"__entity": {"type": "A :: B", "id": "a"}}"#, #"{"__extn": {"fn": "decimal", "arg": "1"}}"#,
        #"{"__extn": {"fn": "decimal", "arg": 1}}"#, #"{"__extn": {"fn": "decimal", "args": []}}"#,
        #"{"__extn": {"fn": "decimal", "args": ["1.0", "1.0"]}}"#, #"{"__extn": {"fn": "nothing", "arg": "1.0"}}"#,
        #"{"__entity": {"type": "User", "id": "a", "more": 1.5}}"#,
        #"{"__extn": {"fn": "ip", "arg": "::1", "more": [0.5]}}"#,
        #"{"__extn": {"fn": "unknown", "arg": "x"}}"#, #"{"__extn": {"fn": "offset", "args": ["1970-01-01", "1d"]}}"#,
    ])
    func noValues(_ text: String) {
        #expect(throws: Diagnostics.self) { try read(text) }
    }

    /// What only resembles an escape is a record.
    @Test(arguments: [
        #"{"__entity": {"type": "User"}}"#, #"{"__entity": {"type": "User", "id": 1}}"#, #"{"__entity": "User"}"#,
        #"{"__entity": {"type": "User", "id": "a"}, "more": 1}"#, #"{"__extn": {"fn": "ip"}}"#,
        #"{"__extn": {"arg": "1.0"}}"#,
        #"{"__extn": {"fn": "decimal", "args": "1.0"}}"#, #"{"__expr": 1}"#, #"{"type": "User", "id": "alice"}"#,
        #"{"fn": "decimal", "arg": "1.5"}"#,
    ])
    func records(_ text: String) throws {
        guard case .record = try read(text) else {
            Issue.record("\(text) is no record")
            return
        }
    }

    @Test func implicitForms() throws {
        #expect(try read(#"{"type": "User", "id": "alice"}"#, Self.user) == Self.alice)
        #expect(try read(#"{"__entity": {"type": "User", "id": "alice"}}"#, Self.user) == Self.alice)
        #expect(try read(#""1.5""#, .extension(.decimal)) == Self.decimal)
        #expect(try read(#"{"fn": "decimal", "arg": "1.5"}"#, .extension(.decimal)) == Self.decimal)
        #expect(try read(#"{"__extn": {"fn": "decimal", "arg": "1.5"}}"#, .extension(.decimal)) == Self.decimal)
        let offset = #"{"fn": "offset", "args": ["1970-01-02", "-1d"]}"#
        #expect(try read(offset, .extension(.datetime)) == Self.epoch)
        let set = SchemaType.set(.extension(.decimal))
        #expect(try read(#"["1.5", "1.50"]"#, set) == .set(ValueSet([Self.decimal])))
        let record = SchemaType.record(RecordType(["a": AttributeType(Self.user, isRequired: false)]))
        #expect(try read(#"{"a": {"type": "User", "id": "alice"}}"#, record) == .record(["a": Self.alice]))
        #expect(try read("{}", record) == .record(.empty))
        // A type says how something is read, not what it is.
        #expect(try read("1", .string) == .int(1))
        #expect(try read(#"{"__extn": {"fn": "ip", "arg": "::1"}}"#, .extension(.decimal)) != Self.decimal)
    }

    @Test func whereTypesDoNotFit() throws {
        let required = SchemaType.record(RecordType(["a": AttributeType(.long)]))
        let wrong: [(String, SchemaType)] = [
            ("1", .set(.long)), ("[]", required), ("{}", required), (#"{"a": 1, "b": 2}"#, required),
            (#""alice""#, Self.user),
            (#"{"__expr": "1"}"#, Self.user), (#"["User", "alice"]"#, Self.user), ("1", .extension(.decimal)),
            (#""x""#, .extension(.decimal)),
            (#"{"__expr": "1"}"#, .extension(.decimal)),
        ]
        for (text, type) in wrong { #expect(throws: Diagnostics.self, "\(text)") { try read(text, type) } }
    }

    @Test func placeOfAMistake() throws {
        let error = #expect(throws: Diagnostics.self) { try read(#"{"a": [1, {"b c": null}]}"#) }
        #expect(error?.all.first?.message == "a.[1].b c: there is no null")
    }

    @Test func nesting() throws {
        var limits = Limits()
        limits.maximumNesting = 5
        let deep = JSONValue.array([.array([.array([.array([1])])])])
        #expect(throws: Never.self) { try Value(json: deep, limits: limits) }
        #expect(throws: Diagnostics.self) { try Value(json: .array([deep]), limits: limits) }
        let text = String(repeating: "[", count: 100_000)
        #expect(throws: JSONParseError.self) { try json(text) }
    }

    @Test(arguments: [
        "true", "-5", #""\u0000é""#, "[1,2]", #"{"a":{"b":[{"__entity":{"type":"A::B","id":""}}]}}"#,
        #"{"__extn":{"fn":"decimal","arg":"-0.5000"}}"#, #"{"__extn":{"fn":"ip","arg":"10.0.0.0/8"}}"#,
        #"{"__extn":{"fn":"duration","arg":"1ms"}}"#, #"{"__extn":{"fn":"datetime","arg":"2024-02-29T00:00:00.000Z"}}"#,
    ])
    func written(_ text: String) throws {
        #expect(try read(text).json == (try json(text)))
    }

    /// Instants that have no text.
    @Test func writtenBeyondTexts() throws {
        for milliseconds in [Int64.min, -62_167_219_200_001, 253_402_300_800_000, .max] {
            let value = Value.extension(.datetime(.init(milliseconds: milliseconds)))
            #expect(try Value(json: try value.json) == value)
        }
    }

    @Test func reservedNames() throws {
        for name in ["__entity", "__extn", "__expr"] {
            let value = Value.record([CedarString(name): .record(["type": .string("A"), "id": .string("a")])])
            #expect(throws: Diagnostics.self) { try value.json }
        }
    }
}
