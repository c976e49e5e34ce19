import Testing

@testable import Cedar

/// What is checked of scopes, templates and whole policies.
@Suite struct ScopeValidationTests {
    struct ScopeCase: Sendable, CustomTestStringConvertible {
        let scope: String
        let codes: Set<ValidationIssue.Code>
        let warnings: Set<ValidationIssue.Code>
        var testDescription: String { scope }

        init(_ scope: String, _ codes: Set<ValidationIssue.Code> = [], warnings: Set<ValidationIssue.Code> = []) {
            self.scope = scope
            self.codes = codes
            self.warnings = warnings
        }
    }

    static let scopeCases: [ScopeCase] = [
        ScopeCase("principal, action, resource"),
        ScopeCase(#"principal == User::"a", action, resource"#),
        ScopeCase(#"principal in Group::"a", action, resource"#),
        ScopeCase(#"principal in Org::"a", action, resource"#),
        ScopeCase(#"principal is User, action, resource"#),
        ScopeCase(#"principal is User in Group::"a", action, resource"#),
        ScopeCase(#"principal, action in Action::"all", resource"#),
        ScopeCase(#"principal, action in [Action::"read", Action::"add"], resource"#),
        ScopeCase(#"principal, action == Other::Action::"look", resource"#),
        // Groups and parties that no action is for.
        ScopeCase(#"principal == Group::"a", action, resource"#, [.inapplicableScope], warnings: [.impossiblePolicy]),
        ScopeCase(
            #"principal == Bot::"a", action == Action::"add", resource"#, [.inapplicableScope],
            warnings: [.impossiblePolicy]),
        ScopeCase(
            #"principal is Bot in Group::"a", action, resource"#, [.inapplicableScope], warnings: [.impossiblePolicy]),
        ScopeCase(
            #"principal, action == Action::"all", resource"#, [.inapplicableScope], warnings: [.impossiblePolicy]),
        ScopeCase(
            #"principal, action == Action::"read", resource == Album::"a""#, [.inapplicableScope],
            warnings: [.impossiblePolicy]),
        ScopeCase(#"principal, action == Action::"read", resource in Album::"a""#),
        ScopeCase(
            #"principal, action in [Action::"read", Other::Action::"look"], resource"#, [.incompatibleTypes]),
        ScopeCase("principal, action in [], resource", [.emptySet, .inapplicableScope]),
        // Names.
        ScopeCase(#"principal == Nobody::"a", action, resource"#, [.unknownEntityType, .inapplicableScope]),
        ScopeCase(#"principal in Nobody::"a", action, resource"#, [.unknownEntityType, .inapplicableScope]),
        ScopeCase(
            "principal is Nobody, action, resource", [.unknownEntityType, .inapplicableScope],
            warnings: [.impossiblePolicy]),
        ScopeCase(
            #"principal, action == Action::"none", resource"#, [.unknownAction, .inapplicableScope],
            warnings: [.impossiblePolicy]),
        ScopeCase(#"principal, action in [Action::"none"], resource"#, [.unknownAction, .inapplicableScope]),
        ScopeCase(#"principal, action, resource == Color::"red""#),
        ScopeCase(#"principal, action, resource == Color::"blue""#, [.unknownEnumeratedID]),
    ]

    @Test(arguments: scopeCases)
    func scopes(_ test: ScopeCase) throws {
        let text = "permit(\(test.scope));"
        #expect(Set(try ValidationSample.codes(text)) == test.codes)
        #expect(Set(try ValidationSample.warnings(text)) == test.warnings)
    }

    @Test(arguments: [
        ScopeCase("principal == ?principal, action, resource"),
        ScopeCase("principal in ?principal, action, resource in ?resource"),
        ScopeCase("principal is User in ?principal, action, resource == ?resource"),
        ScopeCase(
            "principal is Nobody in ?principal, action, resource", [.unknownEntityType, .inapplicableScope],
            warnings: [.impossiblePolicy]),
        ScopeCase(
            #"principal in ?principal, action == Action::"all", resource"#, [.inapplicableScope],
            warnings: [.impossiblePolicy]),
    ])
    func templates(_ test: ScopeCase) throws {
        let text = "permit(\(test.scope)) when { true };"
        #expect(Set(try ValidationSample.codes(text)) == test.codes)
        #expect(Set(try ValidationSample.warnings(text)) == test.warnings)
    }

    @Test func conditionsOfTemplatesAreChecked() throws {
        let text =
            #"permit(principal in ?principal, action == Action::"read", resource) when { principal.nick == "x" };"#
        #expect(
            try ValidationSample.codes(text).allSatisfy { $0 == .unsafeOptionalAttribute || $0 == .noSuchAttribute })
        #expect(try !ValidationSample.codes(text).isEmpty)
    }

    @Test func links() throws {
        var policies = try PolicySet(
            parsing: #"permit(principal in ?principal, action == Action::"add", resource == ?resource);"#)
        let album = EntityUID(type: Name(unchecked: "Album"), id: "a")
        func link(_ id: PolicyID, _ principal: String, _ resource: EntityUID) throws {
            try policies.link(
                TemplateLink(
                    id: id, template: "policy0",
                    values: [.principal: EntityUID(type: Name(unchecked: principal), id: "x"), .resource: resource]))
        }
        try link("good", "Group", album)
        try link("unknown", "Nobody", album)
        try link("other", "Group", EntityUID(type: Name(unchecked: "Photo"), id: "a"))
        let report = Validator(schema: try ValidationSample.schema()).validate(policies)
        #expect(report.errors(of: "policy0").isEmpty)
        #expect(report.errors(of: "good").isEmpty)
        #expect(Set(report.errors(of: "unknown").map(\.code)) == [.unknownEntityType, .inapplicableScope])
        #expect(report.errors(of: "other").map(\.code) == [.inapplicableScope])
    }

    @Test(arguments: [
        (#"permit(principal, action, resource) when { false };"#, true),
        (#"permit(principal, action, resource) unless { true };"#, true),
        (#"permit(principal, action == Action::"read", resource) when { principal is Album };"#, true),
        (#"permit(principal, action == Action::"read", resource) when { resource in Group::"g" };"#, true),
        (#"permit(principal, action == Action::"read", resource) when { principal is Bot };"#, false),
        (#"permit(principal, action, resource) when { true };"#, false),
        // Also with an issue before, when what follows is never true.
        (#"permit(principal, action == Action::"read", resource) when { context.reason == "x" && false };"#, true),
    ])
    func impossible(_ text: String, _ isImpossible: Bool) throws {
        #expect(try ValidationSample.warnings(text) == (isImpossible ? [.impossiblePolicy] : []))
    }

    @Test func reportsSayWhereAndWhat() throws {
        let text = """
            permit(principal, action == Action::"read", resource);
            forbid(principal is User, action == Action::"read", resource)
            when { principal.nick == "x" }
            unless { principal.nam == "y" || resource.owner.age == "z" };
            """
        let report = Validator(schema: try ValidationSample.schema()).validate(try PolicySet(parsing: text))
        #expect(report.errors(of: "policy0").isEmpty)
        let errors = report.errors(of: "policy1")
        #expect(errors.map(\.code) == [.unsafeOptionalAttribute, .noSuchAttribute, .incompatibleTypes])
        let bytes = Array(text.utf8)
        let places = errors.map { error in
            error.range.map { String(decoding: bytes[$0.lower..<$0.upper], as: UTF8.self) }
        }
        #expect(places == ["principal.nick", "principal.nam", #"resource.owner.age == "z""#])
        #expect(errors[0].help?.contains("principal has nick") == true)
        #expect(errors[1].help?.contains("`name`") == true)
        #expect(errors[2].message.contains("Long and String"))
    }

    @Test func suggestions() throws {
        func help(_ text: String) throws -> String {
            let report = Validator(schema: try ValidationSample.schema()).validate(try PolicySet(parsing: text))
            return report.errors.compactMap(\.help).joined(separator: "\n")
        }
        #expect(try help("permit(principal is Usr, action, resource);").contains("`User`"))
        #expect(try help("permit(principal is Thing, action, resource);").contains("`Other::Thing`"))
        #expect(try help(#"permit(principal, action == Action::"reed", resource);"#).contains(#"Action::"read""#))
        #expect(try help(#"permit(principal == Group::"g", action, resource);"#).contains("`==` with `in`"))
        #expect(try help(#"permit(principal, action, resource == Color::"blue");"#).contains(#""red", "green""#))
        #expect(try help(#"permit(principal is Bot, action == Action::"add", resource);"#).contains("`User`"))
    }
}
