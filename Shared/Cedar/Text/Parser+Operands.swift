extension Parser {
    /// Stands for what was wrong and noted.
    private static let invalid = Expr(.literal(.bool(false)))

    // Each form has a function of its own that is not inlined: what nests then takes little of the stack.

    /// Reads an operand with its signs.
    mutating func unary() throws(Diagnostic) -> Expr {
        guard current.kind != .not, current.kind != .minus else { return try signed() }
        let start = current.range
        let first = try primary()
        return isAccess ? try member(of: first, from: start) : first
    }

    /// Reads signs and what they stand before: up to four `!` or up to four `-`.
    @inline(never)
    private mutating func signed() throws(Diagnostic) -> Expr {
        let start = current
        let sign = current.kind
        var signs = 0
        while skip(sign) { signs += 1 }
        if signs > 4 {
            note(
                "more than four `\(sign.rawValue)` in a row", at: range(from: start),
                help: "put some of it in parentheses")
            signs = 4
        }
        guard current.kind != .minus, current.kind != .not else { throw mixedSigns() }
        var operand: Expr
        if sign == .minus, current.kind == .number {
            let token = advance()
            if isAccess {
                operand = try member(of: integer(token, isNegative: false), from: token.range)
            } else {
                signs -= 1
                operand = integer(token, isNegative: true)
            }
        } else {
            operand = try unary()
        }
        for _ in 0..<signs { operand = try expr(sign == .not ? .not(operand) : .negate(operand), range(from: start)) }
        return operand
    }

    @inline(never)
    private func mixedSigns() -> Diagnostic {
        unexpected("an operand", help: "put `\(shown(current.range))` and its operand in parentheses")
    }

    private var isAccess: Bool {
        switch current.kind {
        case .dot, .openBracket, .openParenthesis: true
        default: false
        }
    }

    /// A number, which was stepped over.
    @inline(never)
    private mutating func integer(_ token: Token, isNegative: Bool) -> Expr {
        let digits = text(of: token)
        guard let value = Int64((isNegative ? "-" : "") + digits) else {
            note(
                "`\(isNegative ? "-" : "")\(shown(token.range))` does not fit in 64 bits", at: token.range,
                help: "numbers go from \(Int64.min) to \(Int64.max)")
            return Self.invalid
        }
        return Expr(.literal(.int(value)), range: range(from: token))
    }

    // MARK: Access

    /// Reads `.a`, `["a"]` and `.f(…)` behind an operand.
    @inline(never)
    private mutating func member(of first: Expr, from start: SourceRange) throws(Diagnostic) -> Expr {
        var operand = first
        while true {
            switch current.kind {
            case .dot:
                advance()
                guard current.kind == .word else {
                    throw unexpected("an attribute", "a method", help: "other names are written `[\"…\"]`")
                }
                let token = current
                let name = attributeName()
                if current.kind == .openParenthesis {
                    advance()
                    let arguments = try expressions(until: .closeParenthesis)
                    operand = try method(token, of: operand, arguments, range(from: start))
                } else {
                    operand = try expr(.attribute(operand, name), range(from: start))
                }
            case .openBracket:
                advance()
                let token = try expect(.string, help: "the name of an attribute is a string, not an expression")
                let name = CedarString(string(of: token))
                try expect(.closeBracket)
                operand = try expr(.attribute(operand, name), range(from: start))
            case .openParenthesis:
                note("only functions and methods are called", at: current.range, expected: ["an operator"])
                advance()
                _ = try expressions(until: .closeParenthesis)
            default: return operand
            }
        }
    }

    /// Reads expressions and commas up to `close`, which is stepped over; a comma may follow the last one.
    @inline(never)
    private mutating func expressions(until close: Token.Kind) throws(Diagnostic) -> [Expr] {
        var expressions: [Expr] = []
        try enter()
        while current.kind != close {
            expressions.append(try expression())
            if current.kind != .comma, current.kind != close {
                throw unexpected("an operator", "`,`", close.expectation)
            }
            _ = skip(.comma)
        }
        advance()
        leave()
        return expressions
    }

    // MARK: Operands

    @inline(never)
    private mutating func primary() throws(Diagnostic) -> Expr {
        switch current.kind {
        case .number: return integer(advance(), isNegative: false)
        case .string: return stringLiteral()
        case .openParenthesis: return try parenthesized()
        case .openBracket: return try set()
        case .openBrace: return try record()
        case .slot: return misplacedSlot()
        case .word: return try word()
        default: throw unexpected("an expression")
        }
    }

    @inline(never)
    private mutating func stringLiteral() -> Expr {
        let token = advance()
        return Expr(.literal(.string(CedarString(string(of: token)))), range: token.range)
    }

    @inline(never)
    private mutating func parenthesized() throws(Diagnostic) -> Expr {
        advance()
        try enter()
        let inner = try expression()
        guard skip(.closeParenthesis) else { throw unexpected("an operator", "`)`") }
        leave()
        return inner
    }

    @inline(never)
    private mutating func set() throws(Diagnostic) -> Expr {
        let start = advance()
        let elements = try expressions(until: .closeBracket)
        return try expr(.set(elements), range(from: start))
    }

    @inline(never)
    private mutating func misplacedSlot() -> Expr {
        let token = advance()
        note(
            "`\(shown(token.range))` stands outside of the scope", at: token.range,
            help: "slots stand only after `==` and `in` of `principal` and `resource` in the scope")
        return Self.invalid
    }

    @inline(never)
    private mutating func word() throws(Diagnostic) -> Expr {
        if isWord("if") { throw unexpected("an operand", help: "put the `if` in parentheses") }
        let isTrue = isWord("true")
        guard isTrue || isWord("false") else { return try named() }
        return Expr(.literal(.bool(isTrue)), range: advance().range)
    }

    @inline(never)
    private mutating func record() throws(Diagnostic) -> Expr {
        let start = advance()
        var fields: [Expr.Field] = []
        var names: Set<CedarString> = []
        try enter()
        while current.kind != .closeBrace {
            let key = current
            let name: CedarString
            switch key.kind {
            case .word: name = attributeName()
            case .string: name = CedarString(string(of: advance()))
            default: throw unexpected("a name", "a string", "`}`")
            }
            try expect(.colon)
            let value = try expression()
            if names.insert(name).inserted {
                fields.append(Expr.Field(name: name, value: value))
            } else {
                note("a second `\(shown(key.range))` in a record", at: key.range)
            }
            if current.kind != .comma, current.kind != .closeBrace { throw unexpected("an operator", "`,`", "`}`") }
            _ = skip(.comma)
        }
        advance()
        leave()
        return try expr(.record(fields), range(from: start))
    }

    /// Reads a variable, an entity or the call of a function.
    @inline(never)
    private mutating func named() throws(Diagnostic) -> Expr {
        let (path, range) = try path()
        let name: Name
        switch path {
        case .entity(let entity): return Expr(.literal(.entity(entity)), range: range)
        case .name(let read): name = read
        }
        if let variable = Variable(rawValue: name.text) {
            if current.kind == .openParenthesis {
                note("`\(name)` is a variable, not a function", at: range)
                advance()
                _ = try expressions(until: .closeParenthesis)
            }
            return Expr(.variable(variable), range: range)
        }
        guard current.kind == .openParenthesis else {
            noteUnlessReserved(name, range)
            return Self.invalid
        }
        advance()
        let arguments = try expressions(until: .closeParenthesis)
        return try function(name, range, arguments, self.range(from: range))
    }

    /// That a name is no expression. Of reserved words this was said already.
    @inline(never)
    private mutating func noteUnlessReserved(_ name: Name, _ range: SourceRange) {
        guard Name(name.text) != nil else { return }
        let variables = Variable.allCases.map(\.rawValue)
        let help =
            if name.namespace != nil {
                "an entity is written `\(name.namespace ?? "")::\"\(name.base)\"`"
            } else if ["null", "nil", "none", "undefined"].contains(name.text.lowercased()) {
                "there is no such value; whether an attribute is there is tested with `has`"
            } else {
                Suggestion.help(for: name.text, among: variables + ["true", "false"])
                    ?? "variables are `principal`, `action`, `resource` and `context`; strings stand in double quotes"
            }
        note("`\(shown(range))` is no variable", at: range, expected: ["an expression"], help: help)
    }
}
