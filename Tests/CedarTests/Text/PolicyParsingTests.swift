import Testing

@testable import Cedar

@Suite("Reading policies")
struct PolicyParsingTests {
    private let user = EntityUID(type: Name(unchecked: "A::U"), id: "x")

    private func policy(_ text: String) throws -> Policy { try Policy(parsing: text, id: "p") }

    @Test("scopes have their forms")
    func scopes() throws {
        let entity = EntityReference.entity(user)
        let forms: [(String, ScopeConstraint)] = [
            ("", .any), ("== A::U::\"x\"", .equal(entity)), ("in A::U::\"x\"", .in(entity)),
            ("is A::U", .isType(user.type)),
            ("is A::U in A::U::\"x\"", .isTypeIn(user.type, entity)), ("== (((A::U::\"x\")))", .equal(entity)),
        ]
        for (text, constraint) in forms {
            let read = try policy("permit (principal \(text), action, resource \(text));")
            #expect(read.principal == constraint)
            #expect(read.resource == constraint)
            #expect(!read.isTemplate)
        }
        for (text, constraint) in [
            ("==", ScopeConstraint.equal(.slot)), ("in", .in(.slot)), ("is A::U in", .isTypeIn(user.type, .slot)),
        ] {
            let read = try policy("permit (principal \(text) ?principal, action, resource \(text) ?resource);")
            #expect(read.principal == constraint)
            #expect(read.slots == [.principal, .resource])
        }
        let view = EntityUID(type: Name(unchecked: "N::Action"), id: "view")
        let actions: [(String, ActionConstraint)] = [
            ("", .any), ("== N::Action::\"view\"", .equal(view)), ("in N::Action::\"view\"", .in(view)),
            ("in []", .inAny([])),
            ("in [N::Action::\"view\", (N::Action::\"view\"),]", .inAny([view, view])), ("in ([])", .inAny([])),
        ]
        for (text, constraint) in actions {
            #expect(try policy("permit (principal, action \(text), resource,);").action == constraint)
        }
    }

    @Test("annotations have any word as key, and a value or none")
    func annotations() throws {
        let read = try policy("@if @__cedar(\"\") @a(\"b\\n\") forbid (principal, action, resource);")
        #expect(
            read.annotations == [
                Annotation(key: "if", value: nil), Annotation(key: "__cedar", value: ""),
                Annotation(key: "a", value: "b\n"),
            ])
        #expect(read.effect == .forbid)
        #expect(read.annotation("if")?.isEmpty == true)
        #expect(read.annotation("b") == nil)
    }

    @Test("conditions stay in their order")
    func conditions() throws {
        let read = try policy("permit (principal, action, resource) when { 1 } unless { 2 } when { 3 };")
        #expect(read.conditions.map(\.kind) == [.when, .unless, .when])
        #expect(read.conditions.map(\.body.text) == ["1", "2", "3"])
    }

    @Test("policies and templates are counted alike; ids may come from elsewhere")
    func ids() throws {
        let text = """
            @id("a") permit (principal, action, resource);
            permit (principal == ?principal, action, resource);
            forbid (principal, action, resource);
            """
        let set = try PolicySet(parsing: text)
        #expect(set.policies.map(\.id) == ["policy0", "policy2"])
        #expect(set.templates.map(\.id) == ["policy1"])
        #expect(set.policies[0].range == SourceRange(0, 46))
        let named = try PolicySet(parsing: text) { _, policy in
            policy.annotation("id").map { PolicyID($0) } ?? policy.id
        }
        #expect(named.policies.map(\.id) == ["a", "policy2"])
        let problems = #expect(throws: Diagnostics.self) { try PolicySet(parsing: text) { _, _ in "same" } }
        #expect(problems?.all.count == 2)
        #expect(try PolicySet(parsing: " // nothing").isEmpty)
    }

    @Test(
        "what is no policy",
        arguments: [
            "permit", "permit;", "permit ();", "permit (principal);", "permit (principal, action);",
            "permit (principal, action, resource)", "permit (action, principal, resource);",
            "allow (principal, action, resource);",
            "permit (principal, action, resource, context);", "permit (user, action, resource);",
            "permit (,principal, action, resource);", "permit (principal action, resource);",
            "permit (principal, action, resource) when {};", "permit (principal, action, resource) if { true };",
            "permit (principal, action, resource) when true;", "permit (principal, action, resource) when { true }",
            "permit (principal, action, resource) when { ?principal == principal };",
            "permit (principal: U, action, resource);",
            "permit (principal == ?resource, action, resource);", "permit (principal == ?p, action, resource);",
            "permit (principal, action == ?action, resource);", "permit (principal, action in [?action], resource);",
            "permit (principal is U == U::\"a\", action, resource);",
            "permit (principal in U::\"a\" is U, action, resource);",
            "permit (principal, action is Action, resource);", "permit (principal, action == A::\"a\", resource);",
            "permit (principal, action in [Action::\"a\", A::\"a\"], resource);",
            "permit (principal = U::\"a\", action, resource);",
            "permit (principal != U::\"a\", action, resource);", "permit (principal < U::\"a\", action, resource);",
            "permit (principal == \"a\", action, resource);", "permit (principal == U, action, resource);",
            "permit (principal in [U::\"a\"], action, resource);",
            "permit (principal, action == [Action::\"a\"], resource);",
            "permit (principal, action in [[Action::\"a\"]], resource);", "permit (principal == 1, action, resource);",
            "permit (principal == principal, action, resource);",
            "permit (principal == U::\"a\" && true, action, resource);",
            "permit (principal == if true then U::\"a\" else U::\"b\", action, resource);",
            "permit (principal has a, action, resource);",
            "permit (principal is ?principal, action, resource);", "permit (principal is \"U\", action, resource);",
            "permit (principal == U::\"a\".b, action, resource);", "permit (principal == -1, action, resource);",
            "@a(b) permit (principal, action, resource);", "@a() permit (principal, action, resource);",
            "@a @a permit (principal, action, resource);", "@\"a\" permit (principal, action, resource);",
            "@a(\"\\q\") permit (principal, action, resource);", "@ permit (principal, action, resource);", "@a", ";",
            "permit (principal, action, resource);;",
            "permit (principal, action, resource) when { true } foo { true };",
            "permit principal, action, resource;", "permit [principal, action, resource];",
        ])
    func refused(text: String) {
        #expect(throws: Diagnostics.self) { try PolicySet(parsing: text) }
    }
}
