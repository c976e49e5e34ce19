import Testing

@testable import Cedar

/// Attributes, tags, `in` and `is`: what must be asked before, and what is known of the hierarchy.
@Suite struct EntityRuleTests {
    static let byAnybody = #"principal, action == Action::"read", resource"#

    static let attributesCases: [ConditionCase] = [
        ConditionCase("principal.name == resource.owner.name"),
        ConditionCase("principal.nam == \"x\"", [.noSuchAttribute]),
        ConditionCase("principal.nick == \"x\"", [.unsafeOptionalAttribute]),
        ConditionCase("principal has nick && principal.nick == \"x\""),
        ConditionCase("principal.nick == \"x\" && principal has nick", [.unsafeOptionalAttribute]),
        ConditionCase("principal has nick || principal.nick == \"x\"", [.unsafeOptionalAttribute]),
        ConditionCase("!(principal has nick) || principal.nick == \"x\"", [.unsafeOptionalAttribute]),
        ConditionCase("if principal has nick then principal.nick == \"x\" else false"),
        ConditionCase("if principal has nick then true else principal.nick == \"x\"", [.unsafeOptionalAttribute]),
        ConditionCase("if !(principal has nick) then true else principal.nick == \"x\"", [.unsafeOptionalAttribute]),
        ConditionCase("principal has nick && resource.owner.nick == \"x\"", [.unsafeOptionalAttribute]),
        ConditionCase("resource.owner has nick && resource.owner.nick == \"x\""),
        ConditionCase("(principal has nick && context.mfa) && principal.nick == \"x\""),
        ConditionCase("((principal has nick && context.mfa) || (principal has nick)) && principal.nick == \"x\""),
        ConditionCase(
            "((principal has nick && context.mfa) || (principal has boss)) && principal.nick == \"x\"",
            [.unsafeOptionalAttribute]),
        ConditionCase("(principal has nick || false) && principal.nick == \"x\""),
        ConditionCase("(false || principal has nick) && principal.nick == \"x\""),
        ConditionCase(
            "(if context.mfa then principal has nick else false) && principal.nick == \"x\"", [.unsafeOptionalAttribute]
        ),
        ConditionCase(
            "(if principal has nick then principal has nick else principal has nick) && principal.nick == \"x\""),
        ConditionCase("principal has boss && principal.boss has boss && principal.boss.boss.name == \"x\""),
        ConditionCase("principal has boss.boss.nick && principal.boss.boss.nick == \"x\""),
        ConditionCase("principal has boss.boss.nick && principal.boss.nick == \"x\"", [.unsafeOptionalAttribute]),
        ConditionCase("principal has home.zip && principal.home.zip == \"x\""),
        ConditionCase("principal has \"two words\" && principal[\"two words\"] == 1"),
        ConditionCase("context has reason && context.reason == \"x\""),
        ConditionCase("context has at.note && context[\"at\"].note == \"x\""),
        ConditionCase("context.reason == \"x\"", [.unsafeOptionalAttribute]),
        ConditionCase("principal has none && principal.none"),
        ConditionCase("principal.name has x", [.unexpectedType]),
        ConditionCase("principal.roles has x", [.unexpectedType]),
        ConditionCase("action has x && 1"),
        ConditionCase("action.x == 1", [.noSuchAttribute]),
        // A second question is known to be true.
        ConditionCase("principal has nick && (principal has nick || 1)"),
        ConditionCase("principal has name && (principal has name || 1)"),
        ConditionCase("principal has name || 1", [.unexpectedType]),
        // Equal expressions, written differently.
        ConditionCase(
            "(if 1 > principal.age then principal else principal) has nick && (if !(1 <= principal.age) then principal else principal).nick == \"x\""
        ),
        // In each environment by itself: bots have another type of age.
        ConditionCase("principal.age < 3", [.unexpectedType], scope: byAnybody),
        ConditionCase("principal is User && principal.age < 3", scope: byAnybody),
        ConditionCase("principal.name == \"x\"", scope: byAnybody),
        ConditionCase("principal.home.city == \"x\"", [.noSuchAttribute], scope: byAnybody),
    ]

    @Test(arguments: attributesCases)
    func attributes(_ test: ConditionCase) throws { try test.check() }

    static let tagsCases: [ConditionCase] = [
        ConditionCase("principal.hasTag(\"a\") && principal.getTag(\"a\") == \"x\""),
        ConditionCase("principal.getTag(\"a\") == \"x\"", [.unsafeTag]),
        ConditionCase("principal.hasTag(\"a\") && principal.getTag(\"b\") == \"x\"", [.unsafeTag]),
        ConditionCase("principal.hasTag(principal.name) && principal.getTag(principal.name) == \"x\""),
        ConditionCase("principal.hasTag(1)", [.unexpectedType]),
        ConditionCase("principal.name.hasTag(\"a\")", [.unexpectedType]),
        ConditionCase("principal.hasTag(\"a\") && principal.getTag(\"a\") == 1", strict: [.incompatibleTypes]),
        ConditionCase("resource.hasTag(\"a\") && resource.getTag(\"a\").contains(\"x\")"),
        ConditionCase("principal.hasTag(\"a\") && (principal.hasTag(\"a\") || 1)"),
        ConditionCase("principal has a && principal.getTag(\"a\") == \"x\""),
        ConditionCase("principal has nick && principal.getTag(\"nick\") == \"x\"", [.unsafeTag]),
        ConditionCase("principal.hasTag(\"nick\") && principal.nick == \"x\"", [.unsafeOptionalAttribute]),
        // Albums have none.
        ConditionCase(
            "resource.hasTag(\"a\") && resource.getTag(\"a\")", scope: #"principal, action == Action::"add", resource"#),
        ConditionCase(
            "!resource.hasTag(\"a\") || resource.getTag(\"a\") == 1",
            scope: #"principal, action == Action::"add", resource"#),
        ConditionCase(
            "(if context.mfa then principal else resource.maker).hasTag(\"a\")", strict: [.incompatibleTypes]),
        ConditionCase(
            "(if context.mfa then principal else resource.maker).hasTag(\"a\") && (if context.mfa then principal else resource.maker).getTag(\"a\") == 1",
            [.incompatibleTypes]),
    ]

    @Test(arguments: tagsCases)
    func tags(_ test: ConditionCase) throws { try test.check() }

    static let hierarchyCases: [ConditionCase] = [
        ConditionCase(#"principal in Group::"g""#),
        ConditionCase(#"principal in Org::"o""#),
        ConditionCase(#"principal in Album::"a" && 1"#),
        ConditionCase(#"Group::"g" in principal && 1"#),
        ConditionCase(#"principal in [Group::"g", Group::"h"]"#),
        ConditionCase(#"principal in [Group::"g", Org::"o"]"#, strict: [.incompatibleTypes]),
        ConditionCase(#"principal in [Album::"g", Album::"h"] && 1"#),
        ConditionCase("principal in resource.shown"),
        ConditionCase("principal in resource.owner"),
        ConditionCase("resource in resource.shown && 1"),
        ConditionCase("principal in 1", [.unexpectedType]),
        ConditionCase("1 in principal", [.unexpectedType]),
        ConditionCase("1 in [1, 2]", [.unexpectedType]),
        ConditionCase(#"action in [Action::"see", Action::"add"] || 1"#),
        ConditionCase(#"action in [Action::"paint", Action::"add"] && 1"#),
        ConditionCase(#"action in User::"a" && 1"#),
        ConditionCase(#"action in Other::Action::"look" && 1"#),
        ConditionCase(#"Action::"read" in Action::"see" || 1"#),
        ConditionCase("action in action || 1"),
        ConditionCase("principal is User || 1"),
        ConditionCase("resource is User && 1"),
        ConditionCase(#"principal is User in Group::"g""#),
        ConditionCase(#"principal is Bot in 1"#),
        ConditionCase("principal.name is User", [.unexpectedType]),
        ConditionCase(#"action is Action || 1"#),
        ConditionCase(
            "(if context.mfa then principal else resource.maker) is Bot || 1",
            strict: [.incompatibleTypes, .unexpectedType],
            permissive: [.unexpectedType]),
        ConditionCase(
            "(if context.mfa then principal else resource.maker) is Album && 1",
            strict: [.incompatibleTypes, .unexpectedType]),
        ConditionCase(
            "(if context.mfa then principal else resource.maker).name == \"x\"", strict: [.incompatibleTypes]),
        ConditionCase(
            "(if context.mfa then principal else resource.maker).age == 1", strict: [.incompatibleTypes],
            permissive: [.noSuchAttribute]),
        ConditionCase(
            "(if context.mfa then principal else resource.maker) has age && 1",
            strict: [.incompatibleTypes, .unexpectedType],
            permissive: [.unexpectedType]),
        ConditionCase(
            "(if context.mfa then principal else resource.maker) has none && 1",
            strict: [.incompatibleTypes, .unexpectedType]),
    ]

    @Test(arguments: hierarchyCases)
    func hierarchy(_ test: ConditionCase) throws { try test.check() }

    static let namesCases: [ConditionCase] = [
        ConditionCase(#"principal == Nobody::"x""#, [.unknownEntityType]),
        ConditionCase("principal is Nobody", [.unknownEntityType]),
        ConditionCase(#"action == Action::"none""#, [.unknownAction]),
        ConditionCase(#"action in [Action::"none"]"#, [.unknownAction]),
        ConditionCase(#"action == Other::Action::"see""#, [.unknownAction]),
        ConditionCase(#"resource.color == Color::"red""#),
        ConditionCase(#"resource.color == Color::"blue""#, [.unknownEnumeratedID]),
        // Also where it is never evaluated.
        ConditionCase(#"false && principal == Nobody::"x""#, [.unknownEntityType]),
    ]

    @Test(arguments: namesCases)
    func names(_ test: ConditionCase) throws { try test.check() }
}
