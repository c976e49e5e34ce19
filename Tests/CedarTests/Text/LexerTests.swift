import Testing

@testable import Cedar

@Suite("Lexer")
struct LexerTests {
    private func tokens(_ text: String, keepsComments: Bool = false) -> [String] {
        var lexer = Lexer(text, keepsComments: keepsComments)
        var tokens: [String] = []
        while true {
            let token = lexer.next()
            if token.kind == .end { return tokens }
            tokens.append("\(token.kind):\(lexer.text(of: token))")
        }
    }

    @Test("tokens are as long as they can be")
    func longest() {
        #expect(tokens("a::b:c") == ["word:a", "doubleColon:::", "word:b", "colon::", "word:c"])
        #expect(tokens("<=<==!=!") == ["lessOrEqual:<=", "lessOrEqual:<=", "assign:=", "notEqual:!=", "not:!"])
        #expect(tokens("===") == ["equal:==", "assign:="])
        #expect(tokens("12a_b 007") == ["number:12", "word:a_b", "number:007"])
        #expect(tokens("?principal?:?1") == ["slot:?principal", "question:?", "colon::", "question:?", "number:1"])
        #expect(tokens("||&&|&") == ["or:||", "and:&&", "invalid:|", "invalid:&"])
    }

    @Test("white space is that of Unicode, comments end with the line")
    func space() {
        #expect(tokens("\u{A0}a\u{2003}\u{85}b\u{3000}\u{2028}c") == ["word:a", "word:b", "word:c"])
        #expect(tokens("a // b\rc // d\r\ne") == ["word:a", "word:c", "word:e"])
        #expect(tokens("a//b\n/ c", keepsComments: true) == ["word:a", "comment://b", "divide:/", "word:c"])
        #expect(tokens("\u{FEFF}a é") == ["invalid:\u{FEFF}", "word:a", "invalid:é"])
    }

    @Test("strings may have line breaks, but not behind a backslash")
    func strings() {
        #expect(tokens(#""a\"b" "\\""#) == [#"string:"a\"b""#, #"string:"\\""#])
        #expect(tokens("\"a\nb\"") == ["string:\"a\nb\""])
        #expect(tokens("\"a\\\nb") == ["unclosedString:\"a\\", "word:b"])
        #expect(tokens("\"a\nb") == ["unclosedString:\"a", "word:b"])
        #expect(tokens("\"\\") == ["unclosedString:\"\\"])
    }

    @Test(
        "escapes",
        arguments: [
            (#"\n\r\t\\\0\'\""#, "\n\r\t\\\0'\""), (#"\x41\x7f\x00"#, "A\u{7F}\0"),
            (#"\u{1F600}\u{1_0}\u{0}"#, "😀\u{10}\0"),
            (#"\u{10FFFF}"#, "\u{10FFFF}"), ("é\n日本😀", "é\n日本😀"), (#"é\té"#, "é\té"),
        ])
    func escapes(literal: String, string: String) throws {
        let expr = try Expr(parsing: "\"\(literal)\"")
        #expect(expr == Expr(.literal(.string(CedarString(string)))))
    }

    @Test(
        "what is no escape",
        arguments: [
            #"\q"#, #"\x80"#, #"\x4"#, #"\xg0"#, #"\u41"#, #"\u{}"#, #"\u{_1}"#, #"\u{0000001}"#, #"\u{D800}"#,
            #"\u{110000}"#,
            #"\u{12"#, #"\*"#, #"\é"#, "a\rb", #"\u{g}"#,
        ])
    func noEscapes(literal: String) {
        #expect(throws: Diagnostics.self) { try Expr(parsing: "\"\(literal)\"") }
    }

    @Test("every bad escape is reported where it stands")
    func ranges() {
        let problems = #expect(throws: Diagnostics.self) { try Expr(parsing: #""é\q \xff" == "\u{}""#) }
        #expect(problems?.all.map(\.range) == [SourceRange(3, 5), SourceRange(6, 10), SourceRange(16, 20)])
    }

    @Test("a star of a pattern is a wildcard however it is written, but for the escaped one")
    func patterns() throws {
        let expr = try Expr(parsing: #""a" like "a*\*\x2a\u{2A}""#)
        let pattern = Pattern([.scalar("a"), .wildcard, .scalar("*"), .wildcard, .wildcard])
        #expect(expr == Expr(.like(Expr(.literal(.string("a"))), pattern)))
    }
}
