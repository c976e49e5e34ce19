extension Parser {
    /// How tightly operators bind; comparisons do not associate.
    enum Precedence: Int, Comparable {
        case or, and, relation, sum, product

        static func < (left: Precedence, right: Precedence) -> Bool { left.rawValue < right.rawValue }
    }

    /// Reads `if … then … else …`, or operators and operands.
    mutating func expression() throws(Diagnostic) -> Expr {
        isWord("if") ? try conditional() : try operation(atLeast: .or)
    }

    @inline(never)
    private mutating func conditional() throws(Diagnostic) -> Expr {
        let start = advance()
        try enter()
        let condition = try expression()
        guard isWord("then") else { throw unexpected("an operator", "`then`") }
        advance()
        let then = try expression()
        guard isWord("else") else { throw unexpected("an operator", "`else`", help: "every `if` has an `else`") }
        advance()
        let otherwise = try expression()
        leave()
        return try expr(.conditional(if: condition, then: then, else: otherwise), range(from: start))
    }

    /// Reads operators that bind at least as tightly as `minimum`, and their operands.
    mutating func operation(atLeast minimum: Precedence) throws(Diagnostic) -> Expr {
        let start = current.range
        var left = try unary()
        var hasRelation = false
        while let precedence = precedence(), precedence >= minimum {
            // The right side of a comparison took all that binds tighter, but for names and patterns.
            if hasRelation, precedence > .relation { throw unexpected() }
            switch precedence {
            case .or, .and:
                left = try chain(left, precedence, start)
                hasRelation = false
            case .relation:
                if hasRelation {
                    note("comparisons do not associate", at: current.range, help: "put one of them in parentheses")
                }
                hasRelation = true
                left = try relation(left, start)
            case .sum, .product: left = try arithmetic(left, start)
            }
        }
        return left
    }

    /// The precedence of the operator that stands here, if one does.
    private func precedence() -> Precedence? {
        switch current.kind {
        case .or: .or
        case .and: .and
        case .equal, .notEqual, .less, .lessOrEqual, .greater, .greaterOrEqual, .assign: .relation
        case .plus, .minus: .sum
        case .times, .divide, .modulo: .product
        case .word where isWord("in") || isWord("has") || isWord("like") || isWord("is"): .relation
        default: nil
        }
    }

    /// Reads `&& b && c`, or with `||`. Operators associate to the left, so that `(a && b) && c` is the same chain.
    @inline(never)
    private mutating func chain(
        _ first: Expr, _ precedence: Precedence, _ start: SourceRange
    ) throws(Diagnostic) -> Expr {
        let isAnd = precedence == .and
        let symbol: Token.Kind = isAnd ? .and : .or
        var operands: [Expr]
        switch first.kind {
        case .and(let inner) where isAnd: operands = inner
        case .or(let inner) where !isAnd: operands = inner
        default: operands = [first]
        }
        while skip(symbol) { operands.append(try operation(atLeast: isAnd ? .relation : .and)) }
        return try expr(isAnd ? .and(operands) : .or(operands), range(from: start))
    }

    @inline(never)
    private mutating func arithmetic(_ left: Expr, _ start: SourceRange) throws(Diagnostic) -> Expr {
        let token = advance()
        let symbol: BinaryOperator
        switch token.kind {
        case .plus: symbol = .add
        case .minus: symbol = .subtract
        default:
            symbol = .multiply
            if token.kind != .times {
                let name = token.kind == .divide ? "division" : "remainder"
                note("there is no \(name)", at: token.range, help: "numbers are added, subtracted and multiplied")
            }
        }
        let right = symbol == .multiply ? try unary() : try operation(atLeast: .product)
        return try expr(.binary(symbol, left, right), range(from: start))
    }

    // MARK: Comparisons

    @inline(never)
    private mutating func relation(_ left: Expr, _ start: SourceRange) throws(Diagnostic) -> Expr {
        let token = advance()
        let symbol: BinaryOperator
        switch token.kind {
        case .equal: symbol = .equal
        case .assign:
            note("`=` compares nothing", at: token.range, expected: ["`==`"], help: "equality is written `==`")
            symbol = .equal
        case .notEqual: symbol = .notEqual
        case .less: symbol = .less
        case .lessOrEqual: symbol = .lessOrEqual
        case .greater: symbol = .greater
        case .greaterOrEqual: symbol = .greaterOrEqual
        case .word where text(of: token) == "in": symbol = .in
        default: return try test(token, of: left, start)
        }
        let right = try operation(atLeast: .sum)
        return try expr(.binary(symbol, left, right), range(from: start))
    }

    /// Reads what follows `has`, `like` or `is`.
    @inline(never)
    private mutating func test(_ word: Token, of left: Expr, _ start: SourceRange) throws(Diagnostic) -> Expr {
        switch text(of: word) {
        case "has":
            let names = try attributePath()
            guard names.count + left.depth <= limits.maximumNesting else { throw tooDeep(range(from: start)) }
            return try expr(.has(left, names), range(from: start))
        case "like":
            let pattern = try patternOperand()
            return try expr(.like(left, pattern), range(from: start))
        default:
            let type = try typeName()
            guard isWord("in") else { return try expr(.isType(left, type, in: nil), range(from: start)) }
            advance()
            let group = try operation(atLeast: .sum)
            return try expr(.isType(left, type, in: group), range(from: start))
        }
    }

    /// What follows `has`: a name, a string, or names with dots between them.
    @inline(never)
    private mutating func attributePath() throws(Diagnostic) -> [CedarString] {
        if current.kind == .string {
            let name = CedarString(string(of: advance()))
            if current.kind == .dot {
                throw unexpected("an operator", help: "a path after `has` is made of names, not of strings")
            }
            return [name]
        }
        guard current.kind == .word else { throw unexpected("the name of an attribute") }
        var names = [attributeName()]
        if current.kind == .doubleColon { throw unexpected("an operator", help: "attributes have no namespace") }
        while skip(.dot) {
            guard current.kind == .word else { throw unexpected("the name of an attribute") }
            names.append(attributeName())
            if current.kind == .openParenthesis {
                throw unexpected("an operator", help: "a method cannot be called after `has`; use `&&`")
            }
        }
        return names
    }

    @inline(never)
    private mutating func patternOperand() throws(Diagnostic) -> Pattern {
        guard current.kind == .string else {
            throw unexpected("a pattern", help: "a pattern is a string such as `\"*.txt\"`")
        }
        return pattern(of: advance())
    }
}
