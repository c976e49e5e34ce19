/// Reads policies, templates, expressions and entity references.
///
/// A mistake of grammar (`throw`) ends the policy it stands in, and reading goes on after the next `;`. Mistakes of
/// meaning, such as an unknown function, are noted in `problems` and reading goes on where it is.
struct Parser {
    let limits: Limits
    private var lexer: Lexer
    /// The token that is looked at.
    private(set) var current: Token
    /// The end of the token before.
    private(set) var lastEnd = 0
    private(set) var problems: [Diagnostic] = []
    /// Brackets and conditionals that are open.
    private var nesting = 0
    /// Whether `unknown("x")` may stand for something that partial evaluation does not know.
    let allowsUnknowns: Bool

    /// More mistakes than these are not reported.
    static let maximumProblems = 1000

    /// - Throws: when the text is larger than the limits allow.
    init(_ text: String, limits: Limits, allowsUnknowns: Bool = false) throws(Diagnostics) {
        guard text.utf8.count <= limits.maximumBytes else {
            throw Diagnostics(Diagnostic("the text is larger than \(limits.maximumBytes) bytes"))
        }
        self.limits = limits
        self.allowsUnknowns = allowsUnknowns
        lexer = Lexer(text)
        current = lexer.next()
    }

    // MARK: Tokens

    /// Steps to the next token and returns the one that was current.
    @discardableResult
    mutating func advance() -> Token {
        let token = current
        lastEnd = token.range.upper
        current = lexer.next()
        return token
    }

    /// The token behind the current one.
    func peek() -> Token {
        var ahead = lexer
        return ahead.next()
    }

    /// Steps over the current token if it is of this kind.
    mutating func skip(_ kind: Token.Kind) -> Bool {
        guard current.kind == kind else { return false }
        advance()
        return true
    }

    @discardableResult
    mutating func expect(_ kind: Token.Kind, help: String? = nil) throws(Diagnostic) -> Token {
        guard current.kind == kind else { throw unexpected(kind.expectation, help: help) }
        return advance()
    }

    func isWord(_ word: StaticString) -> Bool {
        let range = current.range
        guard current.kind == .word, range.upper - range.lower == word.utf8CodeUnitCount else { return false }
        return word.withUTF8Buffer { lexer.bytes[range.lower..<range.upper].elementsEqual($0) }
    }

    func text(of token: Token) -> String { lexer.text(of: token) }

    /// A part of the text for a message, cut when it is long.
    func shown(_ range: SourceRange) -> String {
        let text = lexer.text(range)
        return text.unicodeScalars.count <= 60 ? text : String(text.unicodeScalars.prefix(60)) + "…"
    }

    /// From the beginning of a token to the end of the one before the current.
    func range(from token: Token) -> SourceRange { SourceRange(token.range.lower, max(lastEnd, token.range.lower)) }
    func range(from range: SourceRange) -> SourceRange { SourceRange(range.lower, max(lastEnd, range.lower)) }

    /// The string of a literal; mistakes in its escapes are noted.
    mutating func string(of token: Token) -> String {
        do {
            return try StringLiteral.unescaped(lexer.bytes, token.range)
        } catch {
            for problem in error.all { note(problem) }
            return ""
        }
    }

    mutating func pattern(of token: Token) -> Pattern {
        do {
            return try StringLiteral.pattern(lexer.bytes, token.range)
        } catch {
            for problem in error.all { note(problem) }
            return Pattern([])
        }
    }

    // MARK: Mistakes

    mutating func note(_ problem: Diagnostic) {
        if problems.count < Self.maximumProblems { problems.append(problem) }
    }

    @inline(never)
    mutating func note(_ message: String, at range: SourceRange, expected: [String] = [], help: String? = nil) {
        note(Diagnostic(message, at: range, expected: expected, help: help))
    }

    var isFullOfProblems: Bool { problems.count >= Self.maximumProblems }

    /// That the current token cannot stand here.
    @inline(never)
    func unexpected(_ expected: String..., help: String? = nil) -> Diagnostic {
        let message: String
        var help = help
        switch current.kind {
        case .end: message = "the text ends too early"
        case .unclosedString:
            message = "this string is not closed"
            help = "a string ends with `\"`; a quotation mark in it is written `\\\"`"
        case .invalid:
            message = "unexpected `\(shown(current.range))`"
            help = Self.helpForInvalid[lexer.text(of: current)] ?? help
        case .assign:
            message = "unexpected `=`"
            help = help ?? "equality is written `==`"
        case .word:
            let word = shown(current.range)
            message = "unexpected `\(word)`"
            help = help ?? Self.helpForWord[word.lowercased()]
        default: message = "unexpected `\(shown(current.range))`"
        }
        return Diagnostic(message, at: current.range, expected: expected, help: help)
    }

    private static let helpForInvalid = [
        "'": "strings stand in double quotes",
        "&": "conjunction is written `&&`",
        "|": "disjunction is written `||`",
        "“": "strings stand in straight double quotes",
        "”": "strings stand in straight double quotes",
        "≠": "inequality is written `!=`",
        "≤": "write `<=`",
        "≥": "write `>=`",
        "#": "comments begin with `//`",
        "\u{FEFF}": "a byte order mark is no part of the language",
    ]

    private static let helpForWord = [
        "and": "conjunction is written `&&`",
        "or": "disjunction is written `||`",
        "not": "negation is written `!`",
        "contains": "it is a method: `set.contains(element)`",
        "equals": "equality is written `==`",
        "eq": "equality is written `==`",
        "where": "conditions are written `when { … }`",
        "elif": "write `else if … then … else …`",
    ]

    // MARK: Nesting

    /// Something begins that stands in brackets or the like: it may nest only so far.
    ///
    /// After a mistake of grammar nobody leaves what was entered; `policy` begins anew.
    mutating func enter() throws(Diagnostic) {
        guard nesting < limits.maximumNesting else { throw tooDeep(current.range) }
        nesting += 1
    }

    mutating func leave() { nesting -= 1 }
    mutating func leaveAll() { nesting = 0 }

    @inline(never)
    func tooDeep(_ range: SourceRange) -> Diagnostic {
        Diagnostic("more than \(limits.maximumNesting) levels of nesting", at: range)
    }

    /// An expression, unless it nests too far.
    @inline(never)
    func expr(_ kind: Expr.Kind, _ range: SourceRange) throws(Diagnostic) -> Expr {
        let expr = Expr(kind, range: range)
        guard expr.depth <= limits.maximumNesting else { throw tooDeep(range) }
        return expr
    }

    /// Reads elements and commas up to `close`, which is stepped over; a comma may follow the last element.
    mutating func list(
        until close: Token.Kind, of expectation: String, _ element: (inout Parser) throws(Diagnostic) -> Void
    ) throws(Diagnostic) {
        while current.kind != close {
            try element(&self)
            guard skip(.comma) else {
                guard current.kind == close else { throw unexpected("`,`", close.expectation) }
                break
            }
        }
        advance()
    }

    // MARK: The end

    /// That the text ends here.
    mutating func expectEnd() throws(Diagnostic) {
        if current.kind != .end { throw unexpected("the end of the text") }
    }

    /// Throws the mistakes that were noted, in the order of the text.
    func finish() throws(Diagnostics) {
        guard !problems.isEmpty else { return }
        throw Diagnostics(problems.sorted { ($0.range?.lower ?? 0) < ($1.range?.lower ?? 0) })
    }
}

extension Token.Kind {
    /// How messages call it.
    var expectation: String {
        switch self {
        case .word: "a name"
        case .number: "a number"
        case .string: "a string"
        case .slot: "a slot"
        case .comment: "a comment"
        case .end: "the end of the text"
        case .invalid, .unclosedString: "something else"
        default: "`\(rawValue)`"
        }
    }
}
