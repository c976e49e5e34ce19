import Testing

@testable import Cedar

@Suite("Printing")
struct PrintingTests {
    @Test("an expression that was printed is read as the same", arguments: 0..<20)
    func expressions(seed: Int) throws {
        var generator = RandomExpr(seed: UInt64(seed))
        generator.allowsUnknowns = true
        for _ in 0..<200 {
            let expr = generator.expr()
            let read = try Expr(parsing: expr.text)
            #expect(read == expr, "\(expr.text) became \(read.text)")
        }
    }

    @Test("a policy that was printed is read as the same", arguments: 0..<10)
    func policies(seed: Int) throws {
        var generator = RandomExpr(seed: UInt64(1000 + seed))
        for _ in 0..<100 {
            let policy = generator.policy()
            #expect(try Policy(parsing: policy.text, id: "policy0").unplaced == policy, "\(policy.text)")
        }
    }

    @Test("a set keeps the order of its text")
    func sets() throws {
        let text = """
            @a
            permit (principal == ?principal, action, resource);

            forbid (principal, action, resource)
            when { true };

            permit (principal, action, resource in ?resource)
            unless { 1 < 2 };

            """
        #expect(try PolicySet(parsing: text).text == text)
    }

    @Test(
        "no more parentheses than needed",
        arguments: [
            #"principal || action && resource"#,
            #"(principal || action) && resource"#,
            #"principal && (action && resource)"#,
            #"principal && action && resource"#,
            #"(principal < action) == resource"#,
            #"principal + action < resource"#,
            #"1 - (2 - 3)"#,
            #"1 - 2 - 3"#,
            #"1 * (2 + 3) * 4"#,
            #"-1 * -2"#,
            #"!(principal < action)"#,
            #"!!!!principal"#,
            #"!!!!(!principal)"#,
            #"----(-1)"#,
            #"----(1)"#,
            #"-(1)"#,
            #"---1"#,
            #"!(-1)"#,
            #"-(!principal)"#,
            #"(-1).b"#,
            #"-1.b"#,
            #"(if principal then action else resource) && resource"#,
            #"principal && (if principal then action else resource)"#,
            #"if principal then action else if principal then action else resource"#,
            #"(principal has b) has c"#,
            #"principal has b.c.d"#,
            #"principal has "b c""#,
            #"principal.b["c d"].e"#,
            #"[principal, [], {}]"#,
            #"{a: 1, "b c": 2, "if": 3}"#,
            #"principal like "*\*\"\n\u{202e}""#,
            #"principal is A::B in action"#,
            #"(principal is A) == action"#,
            #"principal.contains(action || resource).d"#,
            #"ip("1.2.3.4").isInRange(ip("::1"))"#,
            #"(principal + action).isEmpty()"#,
            #"-9223372036854775808"#,
            #"A::"b\0" in [A::B::"c"]"#,
            #"principal.getTag("x") != action.hasTag("y")"#,
        ])
    func minimal(text: String) throws {
        #expect(try Expr(parsing: text).text == text)
    }
}
