import Testing

@testable import Cedar

@Suite("Reading expressions")
struct ExpressionParsingTests {
    private let principal = Expr(.variable(.principal))
    private let one = Expr(.literal(.int(1)))
    private let two = Expr(.literal(.int(2)))

    @Test(
        "what binds tighter",
        arguments: [
            ("1 || 2 && 3 == 4 + 5 * -6", "1 || (2 && (3 == (4 + (5 * (-6)))))"), ("1 - 2 + 3", "(1 - 2) + 3"),
            ("1 * 2 * 3 + 4", "((1 * 2) * 3) + 4"), ("!principal.a", "!(principal.a)"),
            ("-principal.a", "-(principal.a)"),
            ("(1 && 2) && 3", "1 && 2 && 3"), ("((1 || 2)) || 3 || 4", "1 || 2 || 3 || 4"),
            ("if 1 then 2 else 3 || 4", "if 1 then 2 else (3 || 4)"),
            ("principal is A in 1 + 2", "principal is A in (1 + 2)"),
            ("1 + 2 has a", "(1 + 2) has a"), ("[1, 2,]", "[1, 2]"), ("{a: 1,}", "{\"a\": 1}"),
            ("ip(\"a\",)", "ip(\"a\")"), ("- - 1", "--1"), ("A :: B :: \"c\"", "A::B::\"c\""),
            ("principal . a [ \"b\" ]", "principal.a.b"), ("principal//c\n.a", "principal[\"a\"]"),
        ])
    func precedence(text: String, explicit: String) throws {
        #expect(try Expr(parsing: text) == Expr(parsing: explicit))
    }

    @Test("chains are one node, but not those in parentheses on the right")
    func chains() throws {
        #expect(try Expr(parsing: "1 && 2 && principal") == Expr(.and([one, two, principal])))
        #expect(try Expr(parsing: "1 && (2 && principal)") == Expr(.and([one, Expr(.and([two, principal]))])))
        #expect(try Expr(parsing: "(1 || 2) && principal") == Expr(.and([Expr(.or([one, two])), principal])))
    }

    @Test("signs and numbers")
    func numbers() throws {
        #expect(try Expr(parsing: "-9223372036854775808") == Expr(.literal(.int(.min))))
        #expect(try Expr(parsing: "--9223372036854775808") == Expr(.negate(Expr(.literal(.int(.min))))))
        #expect(try Expr(parsing: "-1") == Expr(.literal(.int(-1))))
        #expect(try Expr(parsing: "-(1)") == Expr(.negate(one)))
        #expect(try Expr(parsing: "-1.a") == Expr(.negate(Expr(.attribute(one, "a")))))
        #expect(try Expr(parsing: "0001") == one)
        #expect(try Expr(parsing: "2-1") == Expr(.binary(.subtract, two, one)))
        #expect(try Expr(parsing: "!!!!true").depth == 5)
        for bad in [
            "9223372036854775808", "-(9223372036854775808)", "-9223372036854775809", "99999999999999999999999",
            "!!!!!true",
            "-----1", "!-1", "-!true", "+1", "-9223372036854775808.a", "1.5", "1_000",
        ] {
            #expect(throws: Diagnostics.self, "\(bad)") { try Expr(parsing: bad) }
        }
    }

    @Test("every form")
    func forms() throws {
        for symbol in BinaryOperator.allCases {
            let text = symbol.isMethod ? "1.\(symbol.rawValue)(2)" : "1 \(symbol.rawValue) 2"
            #expect(try Expr(parsing: text) == Expr(.binary(symbol, one, two)))
        }
        #expect(try Expr(parsing: "1.isEmpty()") == Expr(.isEmpty(one)))
        #expect(try Expr(parsing: "1 has \"a b\"") == Expr(.has(one, ["a b"])))
        #expect(try Expr(parsing: "1 has a.principal.c") == Expr(.has(one, ["a", "principal", "c"])))
        #expect(try Expr(parsing: "1 is principal") == Expr(.isType(one, Name(unchecked: "principal"), in: nil)))
        #expect(try Expr(parsing: "{principal: 1}") == Expr(.record([Expr.Field(name: "principal", value: one)])))
        #expect(try Expr(parsing: "[]") == Expr(.set([])))
        #expect(try Expr(parsing: "{}") == Expr(.record([])))
        #expect(try Expr(parsing: "1[\"__cedar\"]") == Expr(.attribute(one, "__cedar")))
        for function in ExtensionFunction.allCases {
            let text = function.isConstructor ? "\(function.rawValue)(1)" : "1.\(function.rawValue)()"
            #expect(try Expr(parsing: text) == Expr(.call(function, [one])))
        }
    }

    @Test("how many arguments an extension function takes is not looked at here, as in the reference")
    func arity() throws {
        #expect(try Expr(parsing: "ip()") == Expr(.call(.ip, [])))
        #expect(try Expr(parsing: "ip(1, 2)") == Expr(.call(.ip, [one, two])))
        #expect(try Expr(parsing: "1.isIpv4(2)") == Expr(.call(.isIpv4, [one, two])))
    }

    @Test("unknowns are for residual expressions, not for policies")
    func unknowns() throws {
        #expect(try Expr(parsing: "unknown(\"x\")") == Expr(.unknown("x")))
        #expect(throws: Diagnostics.self) { try Expr(parsing: "unknown(1)") }
        #expect(throws: Diagnostics.self) {
            try Policy(parsing: "permit (principal, action, resource) when { unknown(\"x\") };", id: "p")
        }
    }

    @Test(
        "what is no expression",
        arguments: [
            "", "1 < 2 < 3", "1 == 2 != 3", "1 has a == 2", "1 like 2", "1 like \"a\" + \"b\"", "1 has 2",
            "1 has \"a\".b",
            "1 has a[\"b\"]", "1 has (a)", "1 has if", "1 has A::b", "1 has a.b()", "1 is \"A\"", "1 is (A)",
            "1 is A::\"b\"",
            "1 is if", "1 is __cedar::A", "a", "A::B", "foo(1)", "A::ip(1)", "1.foo()", "1.ip()", "isIpv4(1)",
            "contains(1)",
            "1.contains()", "1.contains(1, 2)", "1.isEmpty(1)", "principal()", "1(2)", "principal[\"contains\"](1)",
            "1.if",
            "1.__cedar", "1[principal]", "1[(\"a\")]", "1[1]", "{a: 1, a: 2}", "{a: 1, \"a\": 2}", "{if: 1}", "{1: 2}",
            "{(\"a\"): 2}", "{A::b: 1}", "{a}", "[1 2]", "[,]", "{,}", "ip(,)", "?principal", "1 = 2", "1 / 2", "1 % 2",
            "1 && if true then 1 else 2", "!if true then 1 else 2", "if true then 1", "if 1 else 2", "(1", "[1",
            "{a: 1", "ip(1",
            "1)", "1;", "true::\"a\"", "A::if::\"a\"", "A::", "::A", "A::{id: \"a\"}", "A::1", "1..a", "1.\"a\"", "\"a",
            "'a'",
            "1 & 2", "principal in", "1 is A in", "a.b", "A::b.c()", "__cedar::\"a\"", "A::__cedar::\"a\"", "1 <> 2",
            "1 ! 2",
            "1 not in 2", "ip \"a\"", "@a", "permit", "1 // comment\n2",
        ])
    func refused(text: String) {
        #expect(throws: Diagnostics.self) { try Expr(parsing: text) }
    }

    @Test("expressions know where they stand")
    func ranges() throws {
        let expr = try Expr(parsing: " principal.a + -(1)  ")
        #expect(expr.range == SourceRange(1, 19))
        guard case .binary(_, let left, let right) = expr.kind else { return #expect(Bool(false)) }
        #expect(left.range == SourceRange(1, 12))
        #expect(right.range == SourceRange(15, 19))
    }

    @Test("entities are read alone as well")
    func entities() throws {
        #expect(try EntityUID(parsing: " A::B::\"c\\n\" // c").description == "A::B::\"c\\n\"")
        for bad in ["", "A", "A::", "\"a\"", "A::\"b\".c", "if::\"a\"", "A::\"b\" c"] {
            #expect(throws: Diagnostics.self, "\(bad)") { try EntityUID(parsing: bad) }
        }
    }
}
