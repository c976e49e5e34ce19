import Testing

@testable import Cedar

/// The rules for types of expressions, one by one.
@Suite struct TypeCheckTests {
    static let logicCases: [ConditionCase] = [
        ConditionCase("true"),
        ConditionCase("1", [.unexpectedType]),
        ConditionCase("principal.name", [.unexpectedType]),
        ConditionCase("!principal.age", [.unexpectedType]),
        ConditionCase("-principal.age < 3"),
        ConditionCase("-principal.name < 3", [.unexpectedType]),
        ConditionCase("resource.public && context.mfa"),
        ConditionCase("resource.public && 1", [.unexpectedType]),
        ConditionCase("1 || resource.public", [.unexpectedType]),
        ConditionCase("if 1 then true else false", [.unexpectedType]),
        ConditionCase("(if context.mfa then 1 else 2) == 1"),
        ConditionCase(#"(if context.mfa then 1 else "x") == 1"#, [.incompatibleTypes]),
        // What is never evaluated is not looked at.
        ConditionCase("false && 1"),
        ConditionCase("resource.public && false && 1"),
        ConditionCase("true || 1"),
        ConditionCase("if true then true else 1"),
        ConditionCase("if false then principal.none else true"),
        ConditionCase("principal is Bot && principal.none"),
        ConditionCase("!(principal is User) && principal.none"),
        ConditionCase("1 == 2 && principal.none"),
        ConditionCase("1 == 1 && principal.none", [.noSuchAttribute]),
        ConditionCase("(true && true) == true || 1"),
        ConditionCase(#"action == Action::"write" && principal.none"#),
        ConditionCase(#"action in Action::"all" || 1"#),
        ConditionCase(#"Action::"all" in action && 1"#),
        ConditionCase("context has mfa || 1"),
        ConditionCase("resource.maker has name || 1", [.unexpectedType]),
    ]

    @Test(arguments: logicCases)
    func logic(_ test: ConditionCase) throws { try test.check() }

    static let operatorsCases: [ConditionCase] = [
        ConditionCase(#"principal.name == "x""#),
        ConditionCase("principal.name == 1", strict: [.incompatibleTypes]),
        ConditionCase("principal.name != 1", strict: [.incompatibleTypes]),
        // Entities of different types are never equal, which is no mistake.
        ConditionCase(#"principal == Bot::"b" || true"#),
        ConditionCase(#"principal == Bot::"b" && 1"#),
        ConditionCase("principal.age < 3 && 3 <= principal.age && principal.age > 1 && 4 >= principal.age"),
        ConditionCase("principal.age < principal.name", [.unexpectedType]),
        ConditionCase("principal.name < principal.age", [.unexpectedType]),
        ConditionCase("principal.name < principal.name", [.unexpectedType]),
        ConditionCase(#"principal.joined < datetime("2024-01-01")"#),
        ConditionCase(#"duration("1d") >= duration("1h")"#),
        ConditionCase(#"principal.joined < duration("1d")"#, [.unexpectedType]),
        ConditionCase("principal.joined < 1", [.unexpectedType]),
        ConditionCase(#"decimal("1.0") < decimal("2.0")"#, [.unexpectedType]),
        ConditionCase("principal.age + 1 - 2 * principal.age == 3"),
        ConditionCase(#"principal.name + "x" == 1"#, [.unexpectedType]),
        ConditionCase(
            "[1] - [2] == [1]", strict: [.unexpectedType, .incompatibleTypes], permissive: [.unexpectedType]),
        ConditionCase(#"principal.name like "a*""#),
        ConditionCase(#"principal like "a*""#, [.unexpectedType]),
        ConditionCase(#"principal.age like "a*""#, [.unexpectedType]),
    ]

    @Test(arguments: operatorsCases)
    func operators(_ test: ConditionCase) throws { try test.check() }

    static let setsAndRecordsCases: [ConditionCase] = [
        ConditionCase(#"principal.roles.contains("a")"#),
        ConditionCase("principal.roles.contains(1)", strict: [.incompatibleTypes]),
        ConditionCase(#"principal.name.contains("a")"#, [.unexpectedType]),
        ConditionCase(#"resource.labels.containsAny(["a", "b"])"#),
        ConditionCase("resource.labels.containsAll([1])", strict: [.incompatibleTypes]),
        ConditionCase("resource.labels.containsAny(1)", [.unexpectedType]),
        ConditionCase("resource.labels.isEmpty()"),
        ConditionCase("principal.name.isEmpty()", [.unexpectedType]),
        ConditionCase("[] == principal.roles", strict: [.emptySet]),
        ConditionCase("[].isEmpty()", strict: [.emptySet]),
        ConditionCase("principal in []", strict: [.emptySet]),
        ConditionCase(#"[1, "a"].contains(1)"#, [.incompatibleTypes]),
        ConditionCase("[true, false].contains(context.mfa)"),
        ConditionCase(#"[User::"a", Bot::"b"].contains(principal)"#, strict: [.incompatibleTypes]),
        ConditionCase("[principal, {name: principal.name}].contains(principal)", [.incompatibleTypes]),
        ConditionCase("[{a: 1}, {a: 2}].contains({a: 3})"),
        ConditionCase("[{a: 1}, {b: 2}].contains({a: 3})", strict: [.incompatibleTypes]),
        ConditionCase("[{a: true}, {a: false}].contains({a: context.mfa})"),
        ConditionCase("{a: 1, b: principal}.b == principal"),
        ConditionCase("{a: 1}.b == 1", [.noSuchAttribute]),
        ConditionCase("{a: 1} has a"),
        ConditionCase("{a: 1} has b && 1"),
        // Strictly, an attribute is required in both records or in none.
        ConditionCase("principal.home == {city: \"x\"}", strict: [.incompatibleTypes]),
        ConditionCase("principal.home == {city: \"x\", zip: \"y\"}", strict: [.incompatibleTypes]),
        ConditionCase(
            "[principal.home, {city: \"x\", zip: \"y\"}].contains(principal.home)", strict: [.incompatibleTypes]),
        ConditionCase("(if context.mfa then {a: 1, b: 2} else {a: 3}).a == 1", strict: [.incompatibleTypes]),
        ConditionCase(
            "(if context.mfa then {a: 1, b: 2} else {a: 3}).b == 1", strict: [.incompatibleTypes],
            permissive: [.noSuchAttribute]),
        ConditionCase(
            "(if context.mfa then {a: 1} else {a: 3}) has b && 1"),
        ConditionCase(
            "(if context.mfa then {a: 1, b: 2} else {a: 3}) has b && 1",
            strict: [.incompatibleTypes, .unexpectedType],
            permissive: [.unexpectedType]),
    ]

    @Test(arguments: setsAndRecordsCases)
    func setsAndRecords(_ test: ConditionCase) throws { try test.check() }

    static let extensionsCases: [ConditionCase] = [
        ConditionCase(#"ip("10.0.0.1").isInRange(ip("10.0.0.0/8")) && principal.from.isIpv4()"#),
        ConditionCase(#"principal.limit.lessThan(decimal("1.5"))"#),
        ConditionCase(#"principal.joined.offset(duration("1d")).toDate() == principal.joined"#),
        ConditionCase(#"principal.joined.durationSince(datetime("2024-01-01")).toDays() > 3"#),
        ConditionCase(#"principal.joined.toTime() == duration("1h")"#),
        ConditionCase(#"ip("300.0.0.1").isIpv4()"#, [.invalidExtensionArgument]),
        ConditionCase(#"decimal("1").lessThan(decimal("1.55555"))"#, [.invalidExtensionArgument]),
        ConditionCase(#"datetime("2024-13-01") == principal.joined"#, [.invalidExtensionArgument]),
        ConditionCase(#"duration("1x") == duration("1d")"#, [.invalidExtensionArgument]),
        ConditionCase("ip(principal.name).isIpv4()", strict: [.nonLiteralExtensionArgument]),
        ConditionCase(
            "ip(principal.age).isIpv4()", strict: [.nonLiteralExtensionArgument], permissive: [.unexpectedType]),
        ConditionCase("ip(1).isIpv4()", [.unexpectedType]),
        ConditionCase("principal.name.isIpv4()", [.unexpectedType]),
        ConditionCase(#"principal.limit.lessThan(ip("1.1.1.1"))"#, [.unexpectedType]),
        // Checking goes on in the arguments.
        ConditionCase(
            #"ip(principal.none).isIpv4()"#, strict: [.nonLiteralExtensionArgument, .noSuchAttribute],
            permissive: [.noSuchAttribute]),
    ]

    @Test(arguments: extensionsCases)
    func extensions(_ test: ConditionCase) throws { try test.check() }

    @Test func wrongNumberOfArguments() throws {
        // The parser knows how many there are; trees made otherwise may have more.
        for count in [0, 2] {
            let arguments = (0..<count).map { _ in Expr(.literal(.string("1.1.1.1"))) }
            let call = Expr(.call(.isIpv4, [Expr(.call(.ip, arguments))]))
            let policy = Policy(
                id: "p", effect: .permit, action: .equal(EntityUID(type: Name(unchecked: "Action"), id: "read")),
                conditions: [Condition(.when, call)])
            let report = try Validator(schema: ValidationSample.schema()).validate(policy)
            #expect(Set(report.errors.map(\.code)) == [.wrongArgumentCount])
        }
    }

    @Test func tooDeep() throws {
        let deep = (0..<300).reduce(Expr(.literal(.bool(true)))) { e, _ in Expr(.not(e)) }
        let long = Expr(.has(Expr(.variable(.context)), Array(repeating: "mfa", count: 100_000)))
        for condition in [deep, long, Expr(.not(long))] {
            let policy = Policy(id: "p", effect: .permit, conditions: [Condition(.when, condition)])
            #expect(try Validator(schema: ValidationSample.schema()).validate(policy).errors.map(\.code) == [.tooDeep])
        }
    }

    @Test func unknownValue() throws {
        let policy = Policy(
            id: "p", effect: .permit, conditions: [Condition(.when, Expr(.unknown("x")))])
        #expect(try Validator(schema: ValidationSample.schema()).validate(policy).errors.map(\.code) == [.unknownValue])
    }
}
