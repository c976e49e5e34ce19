/// A word, number, string or mark of a policy or schema text.
struct Token: Sendable, Hashable {
    enum Kind: String, Sendable, Hashable {
        /// `[_a-zA-Z][_a-zA-Z0-9]*`, reserved or not.
        case word
        /// `[0-9]+`; a sign is an operator.
        case number
        /// With its double quotes and escapes.
        case string
        /// `?name`.
        case slot
        /// `// …` up to the end of the line. Comes only from a lexer that keeps comments.
        case comment
        /// The end of the text.
        case end
        /// What no token begins with.
        case invalid
        /// A `"` that is closed nowhere, up to the end of its line; also one with a backslash before a line's end.
        case unclosedString

        case at = "@"
        case dot = "."
        case comma = ","
        case semicolon = ";"
        case colon = ":"
        case doubleColon = "::"
        case openParenthesis = "("
        case closeParenthesis = ")"
        case openBrace = "{"
        case closeBrace = "}"
        case openBracket = "["
        case closeBracket = "]"
        case equal = "=="
        case notEqual = "!="
        case less = "<"
        case lessOrEqual = "<="
        case greaterOrEqual = ">="
        case greater = ">"
        case or = "||"
        case and = "&&"
        case plus = "+"
        case minus = "-"
        case times = "*"
        case divide = "/"
        case modulo = "%"
        case not = "!"
        case assign = "="
        /// Only in schemas.
        case question = "?"
    }

    var kind: Kind
    var range: SourceRange
}

extension SourceRange {
    /// From the beginning of this to the end of another one.
    func through(_ other: SourceRange) -> SourceRange { SourceRange(lower, other.upper) }
}
