import Testing

@testable import Cedar

@Suite struct EvaluatorTests {
    private static let entities = """
        [{"uid": {"type": "User", "id": "alice"}, "attrs": {"age": 30, "name": "Alice", "manager": {"__entity": {"type": "User", "id": "bob"}},
          "address": {"city": "Paris", "zip": {"code": 1}}, "nobody": {"__entity": {"type": "User", "id": "nobody"}}},
          "parents": [{"type": "Group", "id": "staff"}], "tags": {"level": "high"}},
         {"uid": {"type": "User", "id": "bob"}, "attrs": {"age": 50}, "parents": []},
         {"uid": {"type": "Group", "id": "staff"}, "attrs": {}, "parents": [{"type": "Group", "id": "everybody"}]},
         {"uid": {"type": "Group", "id": "everybody"}, "attrs": {}, "parents": [{"type": "Group", "id": "unlisted"}]}]
        """

    private func world() throws -> TestWorld {
        try TestWorld(
            Self.entities, context: #"{"ip": {"__extn": {"fn": "ip", "arg": "10.0.0.1"}}, "n": 1, "tags": ["a", "b"]}"#)
    }

    @Test(arguments: [
        // Truth values
        ("true && false", false), ("true && true && true", true), ("false || true", true), ("false || false", false),
        ("!true", false), ("!!true", true), ("if true then true else 1", true), ("if 1 == 2 then 1 else false", false),
        // Left to right, and no further than needed
        ("false && 1", false), ("false && nobody.x", false), ("true || 1", true), ("true || User::\"x\".y", true),
        ("if true then true else User::\"x\".y", true), ("false && (1 + true == 2)", false),
        // Equality is of the same type and value
        ("1 == 1", true), ("1 == \"1\"", false), ("1 != \"1\"", true), ("true == 1", false), ("\"a\" == \"A\"", false),
        ("\"e\\u{301}\" == \"\\u{e9}\"", false), ("User::\"alice\" == principal", true),
        ("User::\"a\" == Group::\"a\"", false),
        ("[1, 2] == [2, 1, 1]", true), ("[1, 2] == [1]", false), ("[] == []", true), ("[1] == 1", false),
        ("{a: 1, b: 2} == {b: 2, a: 1}", true), ("{a: 1} == {a: 1, b: 2}", false), ("{a: 1} == {a: \"1\"}", false),
        ("{} == []", false), ("[[1], [2]] == [[2], [1]]", true),
        // Numbers
        ("1 < 2", true), ("2 < 2", false), ("2 <= 2", true), ("3 > 2", true), ("2 >= 3", false), ("-1 < 0", true),
        ("1 + 2 * 3 == 7", true), ("5 - 7 == -2", true), ("-(3) == 0 - 3", true), ("-(-3) == 3", true),
        ("-9223372036854775808 < 9223372036854775807", true), ("3 * -4 == -12", true),
        ("9223372036854775807 + 0 == 9223372036854775807", true), ("-9223372036854775808 - 0 < 0", true),
        // Sets
        ("[1, 2].contains(1)", true), ("[1, 2].contains(\"1\")", false), ("[].contains(1)", false),
        ("[[1]].contains([1])", true),
        ("[1, 2, 3].containsAll([1, 3])", true), ("[1].containsAll([1, 2])", false), ("[1].containsAll([])", true),
        ("[1, 2].containsAny([2, 3])", true), ("[1].containsAny([2])", false), ("[1].containsAny([])", false),
        ("[].isEmpty()", true), ("[1].isEmpty()", false), ("[1, true, \"a\", {}, []].contains({})", true),
        // Records
        ("{a: 1}.a == 1", true), ("{a: {b: true}}.a.b", true), ("{\"a b\": true}[\"a b\"]", true),
        ("{a: 1} has a", true),
        ("{a: 1} has b", false), ("{a: 1} has \"a\"", true), ("{a: {b: 1}} has a.b", true),
        ("{a: {b: 1}} has a.c", false),
        ("{a: {b: 1}} has x.b", false), ("context has n", true), ("context.tags.contains(\"a\")", true),
        ("context.ip.isInRange(ip(\"10.0.0.0/8\"))", true),
        // Entities
        ("principal.age == 30", true), ("principal has age", true), ("principal has height", false),
        ("principal.manager.age == 50", true), ("principal has manager.age", true),
        ("principal has manager.name", false),
        ("principal has nobody.age", false), ("principal has address.zip.code", true),
        ("User::\"nobody\" has age", false),
        ("principal in principal", true), ("principal in Group::\"staff\"", true),
        ("principal in Group::\"everybody\"", true),
        ("principal in Group::\"unlisted\"", true), ("principal in Group::\"other\"", false),
        ("Group::\"unlisted\" in Group::\"unlisted\"", true), ("Group::\"unlisted\" in principal", false),
        ("principal in [Group::\"other\", Group::\"staff\"]", true), ("principal in []", false),
        ("User::\"nobody\" in [User::\"nobody\"]", true), ("Group::\"everybody\" in Group::\"staff\"", false),
        ("principal is User", true), ("principal is Group", false), ("principal is User in Group::\"staff\"", true),
        ("principal is User in Group::\"other\"", false), ("principal is Group in 1", false),
        ("User::\"nobody\" is User", true),
        ("principal is N::User", false), ("principal.hasTag(\"level\")", true), ("principal.hasTag(\"age\")", false),
        ("principal.getTag(\"level\") == \"high\"", true), ("User::\"nobody\".hasTag(\"level\")", false),
        // Patterns
        ("\"alice\" like \"a*\"", true), ("\"alice\" like \"*ice\"", true), ("\"alice\" like \"a*c*\"", true),
        ("\"alice\" like \"b*\"", false), ("\"alice\" like \"alice\"", true), ("\"alice\" like \"alic\"", false),
        ("\"\" like \"\"", true), ("\"\" like \"*\"", true), ("\"a\" like \"\"", false),
        ("\"a*b\" like \"a\\*b\"", true),
        ("\"axb\" like \"a\\*b\"", false), ("\"aXbXc\" like \"a**c\"", true), ("\"aab\" like \"*ab\"", true),
        ("\"e\\u{301}\" like \"e*\"", true), ("\"\\u{e9}\" like \"e*\"", false),
        ("\"mississippi\" like \"*iss*ip*i\"", true),
        ("\"mississippi\" like \"*iss*iss*iss*\"", false),
    ])
    func holds(_ expression: String, _ result: Bool) throws {
        #expect(
            try world().evaluate(expression.replacing("nobody.x", with: "User::\"nobody\".x")) == .bool(result),
            "\(expression)")
    }

    @Test(arguments: [
        ("1 && true", "bool", "long"), ("true && 1", "bool", "long"), ("false || \"a\"", "bool", "string"),
        ("!1", "bool", "long"),
        ("if 1 then 2 else 3", "bool", "long"), ("-true", "long", "bool"), ("-\"a\"", "long", "string"),
        ("1 + true", "long", "bool"), ("\"a\" + \"b\"", "long", "string"), ("true * 1", "long", "bool"),
        ("1 < true", "long", "bool"), ("\"a\" < \"b\"", "long", "string"), ("[1] <= [2]", "long", "set"),
        ("1.contains(1)", "set", "long"), ("[1].containsAll(1)", "set", "long"),
        ("\"a\".containsAny([])", "set", "string"),
        ("[].containsAny({})", "set", "record"), ("{}.isEmpty()", "set", "record"), ("1 like \"*\"", "string", "long"),
        ("1 in principal", "entity", "long"), ("principal in 1", "entity", "long"),
        ("principal in [principal, 1]", "entity", "long"),
        ("1 is User", "entity", "long"), ("principal is User in 1", "entity", "long"), ("1 has a", "entity", "long"),
        ("[1] has a", "entity", "set"), ("{a: 1} has a.b", "entity", "long"), ("principal has age.x", "entity", "long"),
        ("{a: 1}.a.b", "entity", "long"), ("\"a\".b", "entity", "string"), ("1.hasTag(\"a\")", "entity", "long"),
        ("principal.hasTag(1)", "string", "long"), ("principal.getTag({})", "string", "record"),
    ])
    func otherType(_ expression: String, _ expected: String, _ actual: String) throws {
        guard case .type(let types, let found) = try world().error(expression) else {
            Issue.record("\(expression): \(try world().error(expression) as Any)")
            return
        }
        #expect(types.first == expected, "\(expression)")
        #expect(found == actual, "\(expression)")
    }

    @Test(arguments: [
        ("9223372036854775807 + 1", "+"), ("-9223372036854775808 - 1", "-"), ("9223372036854775807 * 2", "*"),
        ("-(-9223372036854775808)", "-"), ("-9223372036854775808 * -1", "*"), ("-9223372036854775808 + -1", "+"),
    ])
    func overflow(_ expression: String, _ op: String) throws {
        #expect(try world().error(expression) == .overflow(op))
    }

    @Test func missing() throws {
        let nobody = try entity(#"User::"nobody""#)
        let alice = try entity(#"User::"alice""#)
        #expect(try world().error("{a: 1}.b") == .noSuchAttribute(of: nil, name: "b"))
        #expect(try world().error("context.b") == .noSuchAttribute(of: nil, name: "b"))
        #expect(try world().error("principal.height") == .noSuchAttribute(of: alice, name: "height"))
        #expect(try world().error("principal.level") == .noSuchAttribute(of: alice, name: "level"))
        #expect(try world().error("User::\"nobody\".age") == .noSuchEntity(nobody))
        #expect(try world().error("principal.nobody.age") == .noSuchEntity(nobody))
        #expect(try world().error("User::\"nobody\".getTag(\"a\")") == .noSuchEntity(nobody))
        #expect(try world().error("principal.getTag(\"age\")") == .noSuchTag(of: alice, name: "age"))
        #expect(try world().error("unknown(\"x\") == 1") == .unknown("x"))
    }

    /// Functions are called with whatever a policy gives them; only then are arguments counted.
    @Test func arity() throws {
        let one = Expr(.literal(.string("1.0")))
        let evaluator = Evaluator(request: try world().request, entities: .none)
        for arguments in [[], [one, one]] {
            #expect(throws: EvaluationError.self) { try evaluator.evaluate(Expr(.call(.decimal, arguments))) }
        }
    }

    /// Both sides are evaluated before their types are looked at.
    @Test func errorsFromTheLeft() throws {
        #expect(
            try world().error("(1 + true) + (9223372036854775807 + 1)") == .type(expected: ["long"], actual: "bool"))
        #expect(try world().error("true + (9223372036854775807 + 1)") == .overflow("+"))
        // Attributes of a record in the order of their names.
        #expect(try world().error("{b: 1 + true, a: 9223372036854775807 + 1}") == .overflow("+"))
        #expect(try world().error("[1 + true, 9223372036854775807 + 1]") == .type(expected: ["long"], actual: "bool"))
    }

    @Test func nesting() throws {
        var expr = Expr(.literal(.bool(true)))
        for _ in 1..<Evaluator.maximumDepth { expr = Expr(.not(expr)) }
        let evaluator = Evaluator(request: try world().request, entities: .none)
        #expect(try evaluator.evaluate(expr) == .bool(Evaluator.maximumDepth % 2 == 1))
        #expect(throws: EvaluationError.tooDeep) { try evaluator.evaluate(Expr(.not(expr))) }
        let policy = Policy(id: "p", effect: .permit, conditions: [Condition(.when, Expr(.not(expr)))])
        #expect(throws: EvaluationError.tooDeep) { try evaluator.holds(policy) }
    }

    /// Would take longer than the age of the universe if every way to match were tried.
    @Test func manyWildcards() throws {
        let pattern = Pattern(Array(repeating: [.wildcard, .scalar("a")], count: 200).flatMap { $0 } + [.scalar("b")])
        #expect(!pattern.matches(CedarString(String(repeating: "a", count: 2000))))
        #expect(pattern.matches(CedarString(String(repeating: "a", count: 2000) + "b")))
    }
}
