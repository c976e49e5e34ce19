extension Parser {
    struct PolicyScope {
        var principal = ScopeConstraint.any
        var action = ActionConstraint.any
        var resource = ScopeConstraint.any
    }

    /// What is compared with a variable of a scope.
    private enum Operand {
        case entity(EntityUID, SourceRange)
        case entities([EntityUID], SourceRange)
        /// A slot that fits the variable.
        case slot(SourceRange)
        /// Something else, which was noted.
        case invalid
    }

    private static let variables = ["principal", "action", "resource"]

    /// Reads `principal …, action …, resource …)`.
    mutating func scope(effect: SourceRange) throws(Diagnostic) -> PolicyScope {
        var scope = PolicyScope()
        var count = 0
        try list(until: .closeParenthesis, of: "a variable") { parser throws(Diagnostic) in
            try parser.variable(at: count, &scope)
            count += 1
        }
        if count < 3 {
            let missing = Self.variables[count...].map { "`\($0)`" }.joined(separator: ", ")
            note(
                "the scope lacks \(missing)", at: SourceRange(effect.lower, lastEnd),
                help: "a scope is written `(principal, action, resource)`")
        }
        return scope
    }

    private mutating func variable(at index: Int, _ scope: inout PolicyScope) throws(Diagnostic) {
        guard current.kind == .word else { throw unexpected(index < 3 ? "`\(Self.variables[index])`" : "`)`") }
        let token = advance()
        let word = text(of: token)
        noteMisplaced(word, token, index)
        if current.kind == .colon {
            let colon = advance()
            let type = current.kind == .word ? shown(try path().range) : "Type"
            note(
                "a variable of a scope has no type after `:`", at: range(from: colon),
                help: "write `\(word) is \(type)`")
        }
        if word == "action" {
            scope.action = try actionConstraint()
        } else {
            let constraint = try constraint(of: Variable(rawValue: word) ?? .principal)
            if word == "resource" { scope.resource = constraint } else { scope.principal = constraint }
        }
    }

    private mutating func noteMisplaced(_ word: String, _ token: Token, _ index: Int) {
        guard index < 3 else {
            note("a scope has three variables", at: token.range, expected: ["`)`"], help: helpForScope)
            return
        }
        guard word != Self.variables[index] else { return }
        if Self.variables.contains(word) {
            note(
                "`\(word)` stands in the place of `\(Self.variables[index])`", at: token.range,
                expected: ["`\(Self.variables[index])`"],
                help: "a scope is written `(principal, action, resource)`")
        } else {
            note(
                "`\(shown(token.range))` is no variable of a scope", at: token.range,
                expected: ["`\(Self.variables[index])`"],
                help: Suggestion.help(for: word, among: [Self.variables[index]]) ?? helpForScope)
        }
    }

    private var helpForScope: String { "what else must hold stands in `when { … }`" }

    // MARK: Constraints

    private enum Relation { case equal, `in` }

    /// Steps over `==` or `in`; nil when neither stands here. Other comparisons are noted.
    private mutating func relation() -> Relation? {
        let token = current
        switch token.kind {
        case .equal:
            advance()
            return .equal
        case .word where isWord("in"):
            advance()
            return .in
        case .assign:
            advance()
            note("`=` compares nothing", at: token.range, expected: ["`==`"], help: "equality is written `==`")
            return .equal
        case .less, .lessOrEqual, .greater, .greaterOrEqual, .notEqual:
            advance()
            note(
                "`\(token.kind.rawValue)` cannot stand in a scope", at: token.range,
                expected: ["`==`", "`in`", "`is`"],
                help: helpForScope)
            return .equal
        default: return nil
        }
    }

    private mutating func constraint(of variable: Variable) throws(Diagnostic) -> ScopeConstraint {
        var type: Name?
        if isWord("is") {
            advance()
            type = try typeName()
        }
        let operatorRange = current.range
        guard let relation = relation() else { return type.map { .isType($0) } ?? .any }
        let operand = try operand(of: variable)
        if relation == .equal, type != nil {
            note("`is` and `==` cannot stand together", at: operatorRange, help: "an entity's type is part of it")
        }
        try noteIsAfterIn(relation)
        let reference: EntityReference
        switch operand {
        case .entity(let entity, _): reference = .entity(entity)
        case .slot: reference = .slot
        case .entities(_, let range):
            note(
                "`\(variable.rawValue)` is compared with one entity, not with a set", at: range,
                expected: ["an entity", "`?\(variable.rawValue)`"],
                help: "write a policy for each, or give them a group")
            return .any
        case .invalid: return .any
        }
        return switch (relation, type) {
        case (.equal, _): .equal(reference)
        case (.in, let type?): .isTypeIn(type, reference)
        case (.in, nil): .in(reference)
        }
    }

    /// `principal in G is T`, the wrong way round.
    private mutating func noteIsAfterIn(_ relation: Relation) throws(Diagnostic) {
        guard relation == .in, isWord("is") else { return }
        let token = advance()
        _ = try typeName()
        note("`is` stands after `in`", at: range(from: token), help: "write `is Type in group`")
    }

    private mutating func actionConstraint() throws(Diagnostic) -> ActionConstraint {
        if isWord("is") {
            let token = advance()
            _ = try typeName()
            note("`action` cannot be tested with `is`", at: range(from: token), expected: ["`==`", "`in`"])
        }
        guard let relation = relation() else { return .any }
        switch (relation, try operand(of: .action)) {
        case (.equal, .entity(let entity, let range)):
            noteUnlessAction(entity, range)
            return .equal(entity)
        case (.equal, .entities(_, let range)):
            note("`==` takes one entity, not a set", at: range, expected: ["an entity"], help: "write `action in […]`")
            return .any
        case (.in, .entity(let entity, let range)):
            noteUnlessAction(entity, range)
            return .in(entity)
        case (.in, .entities(let entities, let range)):
            for entity in entities { noteUnlessAction(entity, range) }
            return .inAny(entities)
        case (_, .slot), (_, .invalid): return .any
        }
    }

    private mutating func noteUnlessAction(_ entity: EntityUID, _ range: SourceRange) {
        guard !entity.isAction else { return }
        note(
            "`\(entity)` is no action", at: range,
            help:
                "an action's type is named `Action`, as in `\(entity.type.namespace.map { $0 + "::" } ?? "")Action::\"…\"`"
        )
    }

    // MARK: Operands

    private mutating func operand(of variable: Variable) throws(Diagnostic) -> Operand {
        let start = current
        let expected = expectations(of: variable)
        switch current.kind {
        case .openParenthesis:
            advance()
            try enter()
            let operand = try operand(of: variable)
            try expect(.closeParenthesis)
            leave()
            return operand
        case .openBracket:
            advance()
            var entities: [EntityUID] = []
            try enter()
            try list(until: .closeBracket, of: "an entity") { parser throws(Diagnostic) in
                switch try parser.operand(of: variable) {
                case .entity(let entity, _): entities.append(entity)
                case .entities(_, let range), .slot(let range):
                    parser.note("a set of a scope holds only entities", at: range, expected: ["an entity"])
                case .invalid: break
                }
            }
            leave()
            return .entities(entities, range(from: start))
        case .slot:
            let token = advance()
            return slot(token, variable)
        case .word where !isWord("if"):
            let (path, range) = try path()
            switch path {
            case .entity(let entity): return .entity(entity, range)
            case .name(let name):
                let written = "an entity is written `\(name)::\"id\"`"
                note(
                    "`\(shown(range))` is no entity", at: range, expected: expected,
                    help: variable == .action ? written : written + "; a type is tested with `is \(name)`")
                return .invalid
            }
        case .string:
            let token = advance()
            note(
                "a string is no entity", at: token.range, expected: expected,
                help: "an entity has a type: `Type::\(shown(token.range))`")
            return .invalid
        case .number:
            note("a number is no entity", at: advance().range, expected: expected)
            return .invalid
        default:
            throw Diagnostic(unexpected().message, at: current.range, expected: expected, help: unexpected().help)
        }
    }

    private func expectations(of variable: Variable) -> [String] {
        variable == .action ? ["an entity", "a set of entities"] : ["an entity", "`?\(variable.rawValue)`"]
    }

    private mutating func slot(_ token: Token, _ variable: Variable) -> Operand {
        let name = text(of: token)
        if variable == .action {
            note("`action` has no slot", at: token.range, expected: expectations(of: variable))
            return .invalid
        }
        if name != "?\(variable.rawValue)" {
            note("`\(shown(token.range))` cannot stand here", at: token.range, expected: expectations(of: variable))
            return .invalid
        }
        return .slot(token.range)
    }
}
