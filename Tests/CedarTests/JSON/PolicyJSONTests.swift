import StrictJSON
import Testing

@testable import Cedar

@Suite("Policies in JSON")
struct PolicyJSONTests {
    @Test("an expression that was written is read as the same", arguments: 0..<20)
    func expressions(seed: Int) throws {
        var generator = RandomExpr(seed: UInt64(seed))
        generator.allowsUnknowns = true
        for _ in 0..<200 {
            let expr = generator.expr()
            #expect(try Expr(json: expr.json) == expr.desugared, "\(expr.text)")
        }
    }

    @Test("policies and templates that were written are read as the same", arguments: 0..<10)
    func policies(seed: Int) throws {
        var generator = RandomExpr(seed: UInt64(2000 + seed))
        for _ in 0..<100 {
            let policy = generator.policy()
            #expect(try Policy(json: policy.json, id: "policy0") == policy.desugared, "\(policy.text)")
        }
    }

    private func expr(_ json: JSONValue) throws -> String { try Expr(json: json).text }

    @Test("every operator has its name")
    func operators() throws {
        let (a, b): (JSONValue, JSONValue) = (["Var": "principal"], ["Value": 2])
        for symbol in BinaryOperator.allCases {
            let read = try Expr(json: .object([symbol.rawValue: ["left": a, "right": b]]))
            #expect(read == Expr(.binary(symbol, Expr(.variable(.principal)), Expr(.literal(.int(2))))))
        }
        #expect(try expr(["!": ["arg": a]]) == "!principal")
        #expect(try expr(["neg": ["arg": b]]) == "-(2)")
        #expect(try expr(["isEmpty": ["arg": a]]) == "principal.isEmpty()")
        #expect(try expr([".": ["left": a, "attr": "b c"]]) == "principal[\"b c\"]")
        #expect(try expr(["has": ["left": a, "attr": "b"]]) == "principal has b")
        #expect(try expr(["has": ["left": a, "attr": ["b", "c"]]]) == "principal has b.c")
        #expect(
            try expr(["like": ["left": a, "pattern": ["Wildcard", ["Literal": "b*"]]]]) == "principal like \"*b\\*\"")
        #expect(try expr(["is": ["left": a, "entity_type": "A::B"]]) == "principal is A::B")
        #expect(try expr(["is": ["left": a, "entity_type": "A", "in": b]]) == "principal is A in 2")
        #expect(try expr(["if-then-else": ["if": a, "then": b, "else": a]]) == "if principal then 2 else principal")
        #expect(try expr(["Set": [a, b]]) == "[principal, 2]")
        #expect(try expr(["Record": ["x": a, "y z": b]]) == "{x: principal, \"y z\": 2}")
        #expect(try expr(["decimal": [["Value": "1.0"]]]) == "decimal(\"1.0\")")
        #expect(try expr(["isInRange": [a, b]]) == "principal.isInRange(2)")
        #expect(
            try expr(["&&": ["left": ["&&": ["left": a, "right": b]], "right": a]]) == "principal && 2 && principal")
        #expect(
            try expr(["||": ["left": a, "right": ["||": ["left": b, "right": a]]]]) == "principal || (2 || principal)")
    }

    @Test("values have escapes for entities and extension values")
    func values() throws {
        let value: JSONValue = [
            1, true, "a", ["b": ["__entity": ["type": "A::B", "id": "c"]]], ["__extn": ["fn": "ip", "arg": "::1"]],
            ["__extn": ["fn": "offset", "args": ["a", "b"]]],
        ]
        #expect(
            try expr(["Value": value])
                == "[1, true, \"a\", {b: A::B::\"c\"}, ip(\"::1\"), \"a\".offset(\"b\")]")
    }

    @Test("a path after `has` is written out, unless that would repeat a long operand")
    func paths() throws {
        let short = try Expr(parsing: "principal has a.b").json
        let test: JSONValue = ["has": ["left": ["Var": "principal"], "attr": "a"]]
        let second: JSONValue = ["has": ["left": [".": ["left": ["Var": "principal"], "attr": "a"]], "attr": "b"]]
        #expect(short == ["&&": ["left": test, "right": second]])
        let long = try Expr(parsing: "[principal] has a.b")
        #expect(long.json["has"]?["attr"] == ["a", "b"])
        #expect(try Expr(json: long.json) == long)
    }

    @Test("nested paths do not grow without bounds")
    func nestedPaths() throws {
        let text = (0..<60).reduce("principal") { text, _ in "(\(text) has a.b)" }
        let expr = try Expr(parsing: text)
        #expect(expr.json.written.count < 10_000)
        #expect(try Expr(json: expr.json) == expr.desugared)
    }

    @Test("chains nest to the left, and long ones in halves")
    func chains() throws {
        let short = try Expr(parsing: Array(repeating: "true", count: 150).joined(separator: " && "))
        #expect(try Expr(json: short.json) == short)
        let long = try Expr(parsing: Array(repeating: "true", count: 100_000).joined(separator: " || "))
        let bytes = long.json.written
        let limits = JSONLimits(maxBytes: 1 << 30, maxDepth: 64, maxMembers: 1 << 30)
        let read = try Expr(json: JSONValue(parsing: bytes, limits: limits))
        #expect(read.leaves == 100_000)
    }

    @Test(
        "what is no expression is refused, with its place",
        arguments: [
            (#"{}"#, "the document"), (#"[]"#, "the document"),
            (#"{"!": {"arg": {"Value": 1}}, "neg": {}}"#, "one member"),
            (#"{"!": {}}"#, "!: `arg` is missing"), (#"{"!": {"arg": {"Value": 1}, "x": 1}}"#, "unknown member `x`"),
            (#"{"==": {"left": {"Value": 1}}}"#, "==: `right` is missing"),
            (#"{"=": {"left": {"Value": 1}, "right": {"Value": 1}}}"#, "no operator"),
            (#"{"Var": "user"}"#, "Var: not a variable"), (#"{"Slot": "?principal"}"#, "only in the scope"),
            (#"{"Value": null}"#, "no null"), (#"{"Value": 1.5}"#, "no whole number"),
            (#"{"Value": {"__entity": "A"}}"#, "not an object"),
            (#"{"Value": {"__entity": {"type": "A", "id": "b", "x": 1}}}"#, "unknown member `x`"),
            (#"{"Value": {"__entity": {"type": "if", "id": "b"}}}"#, "no name of an entity type"),
            (#"{"Value": {"__extn": {"fn": "foo", "arg": 1}}}"#, "no function `foo`"),
            (#"{"Value": {"__extn": {"fn": "ip"}}}"#, "either `arg` or `args`"),
            (#"{"Value": {"__expr": "1"}}"#, "__expr"),
            (#"{"has": {"left": {"Value": 1}, "attr": []}}"#, "has.attr"),
            (#"{"has": {"left": {"Set": []}, "attr": ["a", "b c"]}}"#, "no identifiers"),
            (#"{"like": {"left": {"Value": 1}, "pattern": "a*"}}"#, "like.pattern: not an array"),
            (#"{"like": {"left": {"Value": 1}, "pattern": ["wildcard"]}}"#, "like.pattern.0"),
            (#"{"is": {"left": {"Value": 1}, "entity_type": " A"}}"#, "no name of an entity type"),
            (#"{"ip": {"Value": "a"}}"#, "ip: not an array"), (#"{"Set": {}}"#, "Set: not an array"),
            (#"{"&&": {"left": {"Value": true}, "right": {"Valu": true}}}"#, "&&[1].Valu"),
            (#"{"&&": {"left": {"Value": true}, "right": {"Value": true}, "x": 1}}"#, "&&: unknown member"),
        ])
    func refused(text: String, message: String) throws {
        let json = try JSONValue(parsing: Array(text.utf8))
        let problems = #expect(throws: Diagnostics.self) { _ = try Expr(json: json) }
        #expect(problems?.all.first?.description.contains(message) == true, "\(problems?.all.first?.description ?? "")")
    }

    @Test("expressions and values that nest too far are refused")
    func nesting() throws {
        var deep: JSONValue = ["Value": true]
        for _ in 0..<199 { deep = ["!": ["arg": deep]] }
        #expect(try Expr(json: deep).depth == 200)
        #expect(throws: Diagnostics.self) { try Expr(json: ["!": ["arg": deep]]) }
        var value: JSONValue = [[]]
        for _ in 0..<5000 { value = [value] }
        let sets = value
        #expect(throws: Diagnostics.self) { try Expr(json: ["Value": sets]) }
    }
}

extension Expr {
    /// Leaves of a tree.
    fileprivate var leaves: Int {
        var count = 0
        kind.forEachChild { count += $0.leaves }
        return max(count, 1)
    }
}

extension JSONValue {
    /// As bytes of a document.
    fileprivate var written: [UInt8] {
        var writer = JSONWriter()
        writer.value(self)
        return writer.bytes
    }
}
