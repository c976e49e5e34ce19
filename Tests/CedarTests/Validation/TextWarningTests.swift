import Testing

@testable import Cedar

/// Texts that look like others.
@Suite struct TextWarningTests {
    static func warnings(_ condition: String) throws -> [ValidationIssue.Code] {
        let policy = Policy(
            id: "p", effect: .permit, conditions: [Condition(.when, try Expr(parsing: condition))])
        return TextWarnings.of(policy).map(\.code)
    }

    @Test(
        arguments: [
            (#"context.a == "test""#, []),
            (#"context.a == "test\t\t""#, []),
            ("context.a == \"say_\u{4BB}ello\"", [.mixedScripts]),
            ("context.a == \"\u{434}\u{43E}\u{43C}\"", []),
            ("context.a == \"東京タワーへ\"", []),
            ("context.a == \"한국어 漢字\"", []),
            ("context.a == \"東京 дом\"", [.mixedScripts]),
            ("context.a == \"café 123 ☕\"", []),
            ("context.a == \"user\u{202E} \u{2066}// admin\u{2069}\"", [.bidirectionalText]),
            ("context.a like \"*\u{202A}\"", [.bidirectionalText]),
            ("context.a like \"\u{430}b*\"", [.mixedScripts]),
            ("context[\"say_\u{4BB}ello\"]", [.mixedScripts]),
            ("context has \"\u{202D}x\"", [.bidirectionalText]),
            ("{\"\u{200B}x\": 1} == context.a", [.confusableCharacter]),
            ("{\"x\u{1F600}\": 1} == context.a", [.confusableCharacter]),
            ("User::\"\u{4BB}x\" == principal", [.mixedScripts]),
            (#"User::"https://www.example.com/test?foo=bar&bar=baz#buz" == principal"#, []),
            ("User::\"\u{7F}\" == principal", [.confusableCharacter]),
        ] as [(String, [ValidationIssue.Code])])
    func texts(_ condition: String, _ codes: [ValidationIssue.Code]) throws {
        #expect(try Self.warnings(condition) == codes)
    }

    @Test func scopes() throws {
        let uid = EntityUID(type: Name(unchecked: "User"), id: "a\u{2067}")
        let policy = Policy(
            id: "p", effect: .permit, principal: .equal(.entity(uid)), action: .inAny([uid]),
            resource: .in(.entity(uid)))
        #expect(TextWarnings.of(policy).map(\.code) == [.bidirectionalText])
    }

    @Test func tablesAgreeWithTheStandardLibrary() {
        let scripts = UnicodeScripts.shared
        #expect(!scripts.isOfOneScript("a\u{430}"))
        #expect(!scripts.isOfOneScript("α\u{430}"))
        #expect(scripts.isOfOneScript("é\u{301}"))
        #expect(!scripts.isOfOneScript("a\u{378}"))
        // Whatever identifiers should have is something that they can have, or one of few marks between letters.
        let marks: Set<UInt32> = [
            0x27, 0x2D, 0x2E, 0x3A, 0xB7, 0x375, 0x58A, 0x5F3, 0x5F4, 0x6FD, 0x6FE, 0xF0B, 0x2010, 0x2019, 0x2027,
            0x30A0,
            0x30FB, 0x200C, 0x200D,
        ]
        var allowed = 0
        for value in UInt32(0)...0x10FFFF {
            guard let scalar = Unicode.Scalar(value), scripts.isAllowedInIdentifiers(scalar) else { continue }
            allowed += 1
            #expect(scalar.properties.isXIDContinue || marks.contains(value), "\(String(value, radix: 16))")
        }
        #expect(allowed > 100_000)
    }
}
