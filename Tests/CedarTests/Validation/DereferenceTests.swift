import Testing

@testable import Cedar

/// How many entities are looked up one through another (RFC 76 of the language).
@Suite struct DereferenceTests {
    @Test(arguments: [
        ("true", 0),
        (#"principal == User::"a""#, 0),
        ("principal is User", 0),
        ("context.mfa", 0),
        ("context.at.day == 1", 0),
        ("principal.age == 1", 1),
        ("principal has nick", 1),
        (#"principal in Group::"g""#, 1),
        (#"principal.hasTag("a")"#, 1),
        (#"principal.hasTag("a") && principal.getTag("a") == "b""#, 1),
        ("principal.home.city == \"x\"", 1),
        ("resource.owner.name == \"x\"", 2),
        ("resource.owner == principal", 1),
        ("resource.owner has boss && resource.owner.boss.name == \"x\"", 3),
        ("principal has boss.boss", 2),
        ("resource.owner in resource.shown", 2),
        ("resource.shown.contains(principal)", 1),
        ("{a: principal, b: resource.owner}.a.name == \"x\"", 1),
        ("{a: principal, b: resource.owner}.b.name == \"x\"", 2),
        ("{a: {b: resource.owner}}.a.b.name == \"x\"", 2),
        ("(if context.mfa then principal else resource.owner).name == \"x\"", 2),
        ("(if resource.owner.age == 1 then principal else principal).name == \"x\"", 2),
        ("context.mfa || resource.owner.age == 1", 2),
        // What is never evaluated does not count.
        ("false && resource.owner.age == 1", 0),
        ("true || resource.owner.age == 1", 0),
        ("if true then context.mfa else resource.owner.age == 1", 0),
        ("principal is User || resource.owner.age == 1", 0),
        (#"action in Action::"see""#, 1),
    ])
    func levels(_ condition: String, _ level: Int) throws {
        let policies = try PolicySet(
            parsing: #"permit(principal is User, action == Action::"read", resource) when { \#(condition) };"#)
        let validator = Validator(schema: try ValidationSample.schema())
        for maximum in 0...4 {
            let report = validator.validate(policies, maximumDereferences: maximum)
            #expect(Set(report.errors.map(\.code)) == (maximum < level ? [.tooManyDereferences] : []), "\(maximum)")
        }
    }

    @Test func literals() throws {
        let validator = Validator(schema: try ValidationSample.schema())
        func codes(_ text: String) throws -> [ValidationIssue.Code] {
            validator.validate(try PolicySet(parsing: text), maximumDereferences: 3).errors.map(\.code)
        }
        let head = #"permit(principal, action == Action::"read", resource) when"#
        #expect(try codes(head + #"{ User::"a".age == 1 };"#) == [.dereferencedLiteral])
        #expect(try codes(head + #"{ Action::"read" in action };"#) == [])
        #expect(try codes(head + #"{ Action::"write" in action };"#) == [.dereferencedLiteral])
    }

    @Test func scopes() throws {
        let validator = Validator(schema: try ValidationSample.schema())
        func codes(_ text: String) throws -> [ValidationIssue.Code] {
            validator.validate(try PolicySet(parsing: text), maximumDereferences: 0).errors.map(\.code)
        }
        #expect(try codes("permit(principal, action, resource);") == [])
        #expect(try codes(#"permit(principal == User::"a", action, resource);"#) == [])
        #expect(try codes(#"permit(principal in Group::"a", action, resource);"#) == [.tooManyDereferences])
    }
}
