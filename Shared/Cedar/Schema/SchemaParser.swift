/// Reads the Cedar schema format.
///
/// A mistake of grammar (`throw`) ends the declaration it stands in, and reading goes on after it; others are noted and
/// reading goes on where it is.
struct SchemaParser {
    private var tokens: Parser
    /// Braces that are open, for finding the end of a declaration that is given up.
    private var openBraces = 0
    private var nesting = 0

    /// - Throws: when the text is larger than the limits allow.
    init(_ text: String, limits: Limits) throws(Diagnostics) {
        tokens = try Parser(text, limits: limits)
    }

    // MARK: Tokens

    var current: Token { tokens.current }
    func isWord(_ word: String) -> Bool { current.kind == .word && text(of: current) == word }
    func text(of token: Token) -> String { tokens.text(of: token) }
    mutating func string(of token: Token) -> CedarString { CedarString(tokens.string(of: token)) }
    func range(from token: Token) -> SourceRange { tokens.range(from: token) }

    @discardableResult
    mutating func advance() -> Token {
        switch current.kind {
        case .openBrace: openBraces += 1
        case .closeBrace: openBraces -= 1
        default: break
        }
        return tokens.advance()
    }

    mutating func skip(_ kind: Token.Kind) -> Bool {
        guard current.kind == kind else { return false }
        advance()
        return true
    }

    mutating func skip(word: String) -> Bool {
        guard isWord(word) else { return false }
        advance()
        return true
    }

    @discardableResult
    mutating func expect(_ kind: Token.Kind, _ others: String..., help: String? = nil) throws(Diagnostic) -> Token {
        guard current.kind == kind else { throw unexpected(others + [kind.expectation], help: help) }
        return advance()
    }

    // MARK: Mistakes

    mutating func note(_ problem: Diagnostic) { tokens.note(problem) }

    mutating func note(_ message: String, at range: SourceRange, help: String? = nil) {
        tokens.note(message, at: range, help: help)
    }

    /// That the current token cannot stand here.
    func unexpected(_ expected: [String], help: String? = nil) -> Diagnostic {
        var problem = tokens.unexpected()
        problem.expected = expected
        // What is usually meant in policies is not what is meant here.
        if help != nil || current.kind == .assign || current.kind == .word { problem.help = help }
        return problem
    }

    func finish() throws(Diagnostics) { try tokens.finish() }
    var isFullOfProblems: Bool { tokens.isFullOfProblems }

    /// Reads a declaration. After a mistake, what is left of it is stepped over.
    mutating func recovering(_ body: (inout SchemaParser) throws(Diagnostic) -> Void) {
        let outside = openBraces
        do throws(Diagnostic) {
            try body(&self)
        } catch {
            tokens.note(error)
            skipDeclaration(outside: outside)
        }
        openBraces = outside
        nesting = 0
    }

    /// Up to and with the next `;`, or up to the brace that closes what is around.
    private mutating func skipDeclaration(outside: Int) {
        while current.kind != .end {
            if current.kind == .closeBrace, openBraces <= outside {
                // At the outermost level there is nothing to close.
                if outside > 0 { return }
                openBraces += 1
            }
            if advance().kind == .semicolon { return }
        }
    }

    // MARK: Nesting

    /// Steps over the bracket that a type within a type begins with. They may nest only so far; `leave` ends one.
    mutating func enter(_ bracket: Token.Kind) throws(Diagnostic) {
        try expect(bracket)
        guard nesting < tokens.limits.maximumNesting else { throw tokens.tooDeep(current.range) }
        nesting += 1
    }

    mutating func leave() { nesting -= 1 }

    // MARK: Names

    /// Steps over a word that is an identifier.
    ///
    /// - Parameter allowsBuiltin: whether `__cedar` may stand here.
    mutating func identifier(allowsBuiltin: Bool, or others: String...) throws(Diagnostic) -> Located<String> {
        guard current.kind == .word else { throw unexpected(["a name"] + others) }
        let token = advance()
        let word = text(of: token)
        if word == TypeExpression.builtinNamespace {
            if !allowsBuiltin { note("`__cedar` is reserved", at: token.range) }
        } else if Name.reserved.contains(word) {
            note("`\(word)` is a reserved word", at: token.range)
        }
        return Located(word, at: token.range)
    }

    /// Reads `A` or `A::B`.
    mutating func path(allowsBuiltin: Bool = true) throws(Diagnostic) -> Located<Name> {
        let first = current
        var text = try identifier(allowsBuiltin: allowsBuiltin).value
        while skip(.doubleColon) { text += "::" + (try identifier(allowsBuiltin: allowsBuiltin).value) }
        return Located(Name(unchecked: text), at: range(from: first))
    }

    /// Reads the name of an action or attribute: an identifier or a string.
    mutating func quotableName() throws(Diagnostic) -> Located<CedarString> {
        guard current.kind == .string else {
            guard current.kind == .word else { throw unexpected(["a name", "a string"]) }
            let token = advance()
            let word = text(of: token)
            if Name.reserved.contains(word), word != TypeExpression.builtinNamespace {
                note("`\(word)` is a reserved word", at: token.range, help: "write it as a string: `\"\(word)\"`")
            }
            return Located(CedarString(word), at: token.range)
        }
        let token = advance()
        return Located(string(of: token), at: token.range)
    }

    /// Reads `a, b, c`: one element or more, without a comma at the end.
    mutating func list<Element>(
        _ element: (inout SchemaParser) throws(Diagnostic) -> Element
    ) throws(Diagnostic) -> [Element] {
        var elements = [try element(&self)]
        while skip(.comma) { elements.append(try element(&self)) }
        return elements
    }

    /// Reads `@key` and `@key("value")`, as many as there are.
    mutating func annotations() throws(Diagnostic) -> [Annotation] {
        var annotations: [Annotation] = []
        var keys: Set<String> = []
        while skip(.at) {
            guard current.kind == .word else { throw unexpected(["the name of an annotation"]) }
            let token = advance()
            let key = text(of: token)
            var value: String?
            if skip(.openParenthesis) {
                value = string(of: try expect(.string)).string
                try expect(.closeParenthesis)
            }
            if keys.insert(key).inserted {
                annotations.append(Annotation(key: key, value: value))
            } else {
                note("the annotation `\(key)` is given twice", at: token.range)
            }
        }
        return annotations
    }
}
