/// Makes a layout of the tokens of policies, which are known to be well formed.
struct LayoutBuilder {
    private let tokens: [CommentedToken]
    private var index = 0

    /// - Parameter tokens: ends with the end of the text.
    init(_ tokens: [CommentedToken]) { self.tokens = tokens }

    private var current: CommentedToken { tokens[index] }
    private var kind: Token.Kind { current.kind }

    private mutating func token() -> Layout {
        defer { if index < tokens.count - 1 { index += 1 } }
        return .token(tokens[index])
    }

    // MARK: Policies

    mutating func policies() -> [Layout] {
        var layouts: [Layout] = []
        while kind != .end {
            if !layouts.isEmpty { layouts.append(.blankLine) }
            layouts.append(contentsOf: leadingComments())
            layouts.append(contentsOf: policy())
        }
        if !current.leading.isEmpty {
            if !layouts.isEmpty { layouts.append(.blankLine) }
            layouts.append(.comments(current.leading, keepsBlankLines: true))
        }
        return layouts
    }

    /// The comments before a policy; blank lines between them stay.
    private func leadingComments() -> [Layout] {
        guard !current.leading.isEmpty else { return [] }
        return [
            .comments(current.leading, keepsBlankLines: true), current.followsBlankLine ? .blankLine : .hardLine,
        ]
    }

    private mutating func policy() -> [Layout] {
        var layouts: [Layout] = []
        var first: CommentedToken? = current
        first?.leading = []
        // The comments of its first token were printed already.
        func bare(_ layout: Layout) -> Layout {
            defer { first = nil }
            return first.map { .token($0) } ?? layout
        }
        while kind == .at {
            layouts += [bare(token()), token()]
            if kind == .openParenthesis { layouts += [token(), token(), token()] }
            layouts.append(.hardLine)
        }
        layouts += [bare(token()), .space, list(closing: .closeParenthesis)]
        while kind == .word { layouts += [.hardLine, condition()] }
        layouts.append(token())
        return layouts
    }

    private mutating func condition() -> Layout {
        let keyword = token()
        let open = token()
        let body = expression()
        let comments = commentsInside()
        return .sequence([
            keyword, .space, .group([open, .nest([.line, body, comments]), .line, bareToken()]),
        ])
    }

    /// The comments before a closing bracket, which stand with what is in the brackets.
    private func commentsInside() -> Layout { .comments(current.leading, keepsBlankLines: false) }

    private mutating func bareToken() -> Layout {
        var token = current
        token.leading = []
        _ = self.token()
        return .token(token)
    }

    // MARK: Lists

    /// Brackets with elements and commas between them.
    private mutating func list(closing: Token.Kind) -> Layout {
        let open = token()
        var inside: [Layout] = []
        while kind != closing {
            inside.append(inside.isEmpty ? .softLine : .line)
            inside.append(expression())
            if kind == .colon { inside += [token(), .space, expression()] }
            if kind == .comma { inside.append(token()) }
        }
        let comments = current.leading
        guard !inside.isEmpty || !comments.isEmpty else { return .sequence([open, token()]) }
        inside.append(.comments(comments, keepsBlankLines: false))
        return .group([open, .nest(inside), .softLine, bareToken()])
    }

    // MARK: Expressions

    private mutating func expression() -> Layout {
        // `if` may also be the key of a record, but then it is refused.
        guard kind == .word, current.text == "if" else { return operation(atLeast: .or) }
        let condition: [Layout] = [token(), .space, expression()]
        let then: [Layout] = [.line, token(), .space, expression()]
        let otherwise: [Layout] = [.line, token(), .space, expression()]
        return .group(condition + [.nest(then + otherwise)])
    }

    private mutating func operation(atLeast minimum: Parser.Precedence) -> Layout {
        var layouts = unary()
        var level: Parser.Precedence?
        while let precedence = precedence(), precedence >= minimum {
            // What was read so far is the left operand of an operator that binds less.
            if let level, level != precedence { layouts = [.group(layouts)] }
            level = precedence
            layouts += [.space, token()]
            let right: [Layout]
            switch precedence {
            case .or: right = [.line, operation(atLeast: .and)]
            case .and: right = [.line, operation(atLeast: .relation)]
            case .relation: right = [.nest([.line, operation(atLeast: .sum)])]
            case .sum: right = [.nest([.line, operation(atLeast: .product)])]
            case .product: right = [.nest([.line] + unary())]
            }
            layouts += right
        }
        return level == nil && layouts.count == 1 ? layouts[0] : .group(layouts)
    }

    private func precedence() -> Parser.Precedence? {
        switch kind {
        case .or: .or
        case .and: .and
        case .equal, .notEqual, .less, .lessOrEqual, .greater, .greaterOrEqual: .relation
        case .plus, .minus: .sum
        case .times: .product
        case .word where ["in", "has", "like", "is"].contains(current.text): .relation
        default: nil
        }
    }

    private mutating func unary() -> [Layout] {
        var layouts: [Layout] = []
        while kind == .not || kind == .minus { layouts.append(token()) }
        layouts.append(primary())
        while true {
            switch kind {
            case .dot: layouts += [token(), token()]
            case .openParenthesis: layouts.append(list(closing: .closeParenthesis))
            case .openBracket: layouts += [token(), token(), token()]
            default: return layouts
            }
        }
    }

    private mutating func primary() -> Layout {
        switch kind {
        case .openParenthesis: return list(closing: .closeParenthesis)
        case .openBracket: return list(closing: .closeBracket)
        case .openBrace: return list(closing: .closeBrace)
        default:
            let first = token()
            guard kind == .doubleColon else { return first }
            var path = [first]
            while kind == .doubleColon { path += [token(), token()] }
            return .sequence(path)
        }
    }
}
