extension Parser {
    /// Reads policies up to the end of the text. After a mistake of grammar it goes on behind the next `;`.
    mutating func policies() -> [Policy] {
        var policies: [Policy] = []
        var count = 0
        while current.kind != .end, !isFullOfProblems {
            do throws(Diagnostic) {
                policies.append(try policy(id: PolicyID("policy\(count)")))
            } catch {
                note(error)
                recover()
            }
            count += 1
        }
        return policies
    }

    /// Steps behind the next `;`, or to where a policy seems to begin.
    private mutating func recover() {
        while current.kind != .end, current.kind != .at {
            if isWord("permit") || isWord("forbid"), peek().kind == .openParenthesis { return }
            if advance().kind == .semicolon { return }
        }
    }

    /// Reads one policy or template, with its `;`.
    mutating func policy(id: PolicyID) throws(Diagnostic) -> Policy {
        leaveAll()
        let first = current
        let annotations = try annotations()
        let effect = try effect()
        let effectRange = SourceRange(lastEnd, lastEnd)
        try expect(.openParenthesis)
        let scope = try scope(effect: effectRange)
        var conditions: [Condition] = []
        while current.kind == .word { if let condition = try condition() { conditions.append(condition) } }
        guard current.kind == .semicolon else {
            throw unexpected("`when`", "`unless`", "`;`", help: helpForMissingSemicolon)
        }
        advance()
        return Policy(
            id: id, effect: effect, annotations: annotations, principal: scope.principal, action: scope.action,
            resource: scope.resource, conditions: conditions, range: range(from: first))
    }

    private var helpForMissingSemicolon: String? {
        switch current.kind {
        case .end, .at: "a policy ends with `;`"
        case .openBrace: "a condition begins with `when` or `unless`"
        default: nil
        }
    }

    private mutating func annotations() throws(Diagnostic) -> [Annotation] {
        var annotations: [Annotation] = []
        var keys: Set<String> = []
        while current.kind == .at {
            let start = advance()
            guard current.kind == .word else {
                throw unexpected("the name of an annotation", help: "an annotation is written `@name(\"value\")`")
            }
            let key = text(of: advance())
            var value: String?
            if skip(.openParenthesis) {
                let help = current.kind == .closeParenthesis ? "without a value it is written `@\(key)`" : nil
                value = string(of: try expect(.string, help: help))
                try expect(.closeParenthesis)
            }
            if keys.insert(key).inserted {
                annotations.append(Annotation(key: key, value: value))
            } else {
                note("a second annotation `@\(key)`", at: range(from: start), help: "a policy has each annotation once")
            }
        }
        return annotations
    }

    private mutating func effect() throws(Diagnostic) -> Effect {
        guard current.kind == .word else { throw unexpected("`permit`", "`forbid`", "an annotation") }
        let token = advance()
        let word = text(of: token)
        if let effect = Effect(rawValue: word) { return effect }
        let help = ["allow": "permit", "deny": "forbid"][word.lowercased()].map { "did you mean `\($0)`?" }
        note(
            "`\(shown(token.range))` is no effect", at: token.range, expected: ["`permit`", "`forbid`"],
            help: help ?? Suggestion.help(for: word, among: ["permit", "forbid"]))
        return .forbid
    }

    /// Nil when it was no condition after all, which is noted.
    private mutating func condition() throws(Diagnostic) -> Condition? {
        let token = current
        let word = text(of: token)
        let kind = Condition.Kind(rawValue: word)
        if kind == nil, peek().kind != .openBrace {
            let suggestion = Suggestion.help(for: word, among: ["when", "unless"])
            let isEffect = Effect(rawValue: word) != nil
            throw unexpected(
                "`when`", "`unless`", "`;`", help: isEffect ? "the policy before ends with `;`" : suggestion)
        }
        advance()
        if kind == nil {
            note(
                "`\(shown(token.range))` begins no condition", at: token.range, expected: ["`when`", "`unless`"],
                help: Suggestion.help(for: word, among: ["when", "unless"])
                    ?? (["if", "where"].contains(word) ? "conditions are written `when { … }`" : nil))
        }
        try expect(.openBrace, help: "a condition stands in braces")
        if skip(.closeBrace) {
            note("a condition without an expression", at: range(from: token), expected: ["an expression"])
            return nil
        }
        let body = try expression()
        guard skip(.closeBrace) else { throw unexpected("an operator", "`}`") }
        return kind.map { Condition($0, body) }
    }
}
