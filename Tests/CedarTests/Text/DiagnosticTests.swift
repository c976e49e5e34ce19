import Testing

@testable import Cedar

@Suite("Mistakes in policies")
struct DiagnosticTests {
    private func problems(_ text: String) throws -> [Diagnostic] {
        let problems = #expect(throws: Diagnostics.self) { try PolicySet(parsing: text) }
        return try #require(problems).all
    }

    /// What is marked in a text.
    private func marked(_ problem: Diagnostic, in text: String) throws -> String {
        let range = try #require(problem.range)
        return String(decoding: Array(text.utf8)[range.lower..<range.upper], as: UTF8.self)
    }

    @Test(
        "common mistakes are met with help",
        arguments: [
            ("when { principal = resource }", "=", "`==`"), ("when { principal and resource }", "and", "`&&`"),
            ("when { principal or resource }", "or", "`||`"), ("when { not principal }", "not", ""),
            ("when { principal & resource }", "&", "`&&`"), ("when { principal == 'a' }", "'", "double quotes"),
            ("when { resource.tags.contain(1) }", "contain", "`contains`"),
            ("when { contains(1) }", "contains", "method"),
            ("when { context.addr.isInRang(ip(\"1\")) }", "isInRang", "`isInRange`"),
            ("when { deciml(\"1.0\") }", "deciml", "`decimal`"),
            ("when { \"1\".decimal() }", "decimal", "function"), ("when { principl == 1 }", "principl", "`principal`"),
            ("when { User::alice == 1 }", "User::alice", "`User::\"alice\"`"),
            ("when { context.a == null }", "null", "`has`"),
            ("when { 1 < 2 < 3 }", "<", "parentheses"), ("when { !-1 }", "-", "parentheses"),
            ("when { !!!!!true }", "!!!!!", "parentheses"),
            ("when { 9223372036854775808 }", "9223372036854775808", "9223372036854775807"), ("when { 4 / 2 }", "/", ""),
            ("when { context[principal] }", "principal", "string"),
            ("when { principal is \"User\" }", "\"User\"", "quotation marks"),
            ("when { principal is User::\"a\" }", "User::\"a\"", "`is User`"),
            ("when { principal has \"a\".b }", ".", "names"),
            ("when { ?principal == principal }", "?principal", "scope"), ("when { {a: 1, a: 2} }", "a", ""),
            ("when { if true then 1 }", "}", "`else`"), ("when { 1 + if true then 1 else 2 }", "if", "parentheses"),
            ("wen { true }", "wen", "`when`"), ("if { true }", "if", "when"), ("{ true }", "{", "when"),
            ("when { }", "when { }", ""),
            ("when { context.if }", "if", "[\"if\"]"), ("when { \"a\\qb\" == 1 }", "\\q", "escapes"),
            ("when { principal.contains(1, 2) }", "contains", ""), ("when { \"abc }", "\"abc };", "quotation mark"),
            ("when { __cedar::\"a\" }", "__cedar", ""), ("when { principal(1) }", "principal", ""),
        ])
    func help(condition: String, mark: String, help: String) throws {
        let text = "permit (principal, action, resource) \(condition);"
        let problem = try #require(try problems(text).first)
        #expect(try marked(problem, in: text) == mark, "\(problem)")
        if !help.isEmpty { #expect(problem.description.contains(help), "\(problem)") }
        #expect(!problem.message.isEmpty)
    }

    @Test(
        "mistakes in scopes are met with help",
        arguments: [
            ("permit (principle, action, resource);", "principle", "`principal`"),
            ("permti (principal, action, resource);", "permti", "`permit`"),
            ("allow (principal, action, resource);", "allow", "`permit`"),
            ("deny (principal, action, resource);", "deny", "`forbid`"),
            ("permit (principal == \"a\", action, resource);", "\"a\"", "Type::\"a\""),
            ("permit (principal == User, action, resource);", "User", "`is User`"),
            ("permit (principal, action == View::\"a\", resource);", "View::\"a\"", "`Action`"),
            ("permit (principal = U::\"a\", action, resource);", "=", "`==`"),
            ("permit (action, principal, resource);", "action", "principal"),
            ("permit (principal: User, action, resource);", ": User", "`principal is User`"),
            ("permit (principal is U == U::\"a\", action, resource);", "==", "part of it"),
            ("permit (principal in G::\"g\" is U, action, resource);", "is U", "`is Type in group`"),
            ("permit (principal in [U::\"a\"], action, resource);", "[U::\"a\"]", "policy for each"),
            ("permit (principal, action == [Action::\"a\"], resource);", "[Action::\"a\"]", "action in"),
            ("permit (principal, action, resource, context);", "context", "when"),
            ("permit (principal, action, resource)", "", "`;`"),
            ("@a @a permit (principal, action, resource);", "@a", "once"),
            ("@a() permit (principal, action, resource);", ")", "`@a`"),
        ])
    func scopes(text: String, mark: String, help: String) throws {
        let problem = try #require(try problems(text).first)
        #expect(try marked(problem, in: text) == mark, "\(problem)")
        #expect(problem.help?.contains(help) == true, "\(problem)")
    }

    @Test("every policy is looked at, and in each all that can be found")
    func recovery() throws {
        let text = """
            permit (principal, action, resource) when { 1 + };
            permit (principal, action, resource);
            permit (user, action, resource) when { foo.bar && principal.baz() && 1 / 2 == ip };
            permit (principal action, resource) when { true };
            forbid (principal, action, resource) when { "open };
            forbid (principal, action, resource) when { 1 == } unless { ;
            """
        let problems = try problems(text)
        #expect(
            problems.map { SourcePosition(of: $0.range?.lower ?? 0, in: text).line } == [1, 3, 3, 3, 3, 3, 4, 5, 6])
        #expect(problems.first?.expected == ["an expression"])
        #expect(problems[6].expected == ["`,`", "`)`"])
    }

    @Test("expectations are said")
    func expectations() throws {
        func expected(_ text: String) throws -> [String]? { try problems(text).first?.expected }
        #expect(try expected("permit (principal, action, resource) when { 1 2 };") == ["an operator", "`}`"])
        #expect(try expected("permit (principal, action, resource) when { (1 };") == ["an operator", "`)`"])
        #expect(try expected("permit (principal, action, resource) when { [1 2] };") == ["an operator", "`,`", "`]`"])
        #expect(try expected("permit (principal, action, resource) true;") == ["`when`", "`unless`", "`;`"])
        #expect(try expected("permit (principal == , action, resource);") == ["an entity", "`?principal`"])
        #expect(try expected("permit (principal, action in , resource);") == ["an entity", "a set of entities"])
        #expect(try expected("{") == ["`permit`", "`forbid`", "an annotation"])
    }

    @Test("many mistakes are cut off, long tokens are not repeated")
    func bounds() throws {
        let many = try problems(String(repeating: "foo;", count: 5000))
        #expect(many.count == Parser.maximumProblems)
        let long = String(repeating: "x", count: 100_000)
        let problem = try #require(try problems("permit (principal, action, resource) when { \(long) };").first)
        #expect(problem.description.utf8.count < 1000)
        var limits = Limits()
        limits.maximumBytes = 10
        #expect(throws: Diagnostics.self) { try PolicySet(parsing: "// a comment", limits: limits) }
    }

    @Test("positions are counted in lines and scalars")
    func positions() {
        #expect(SourcePosition(of: 6, in: "é\nab😀").description == "2:4")
        #expect(SourcePosition(of: 0, in: "").description == "1:1")
    }
}
