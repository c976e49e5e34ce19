/// Finds text in policies that may look like another text.
struct TextWarnings {
    private var found: [ValidationIssue] = []
    private let policy: Policy

    /// The warnings about the literals, names and patterns of a policy.
    static func of(_ policy: Policy) -> [ValidationIssue] {
        var warnings = TextWarnings(policy: policy)
        warnings.visitScope(policy.principal)
        switch policy.action {
        case .any: break
        case .equal(let action), .in(let action): warnings.visit(action, policy.range)
        case .inAny(let actions): for action in actions { warnings.visit(action, policy.range) }
        }
        warnings.visitScope(policy.resource)
        for condition in policy.conditions { warnings.visit(condition.body) }
        return warnings.found
    }

    private init(policy: Policy) { self.policy = policy }

    private mutating func visitScope(_ constraint: ScopeConstraint) {
        switch constraint {
        case .equal(.entity(let uid)), .in(.entity(let uid)), .isTypeIn(_, .entity(let uid)): visit(uid, policy.range)
        default: break
        }
    }

    private mutating func visit(_ expr: Expr) {
        switch expr.kind {
        case .literal(.string(let string)): checkString(string.string, expr.range)
        case .literal(.entity(let uid)): visit(uid, expr.range)
        case .attribute(_, let name): checkIdentifier(name.string, expr.range)
        case .has(_, let names): for name in names { checkIdentifier(name.string, expr.range) }
        case .record(let fields): for field in fields { checkIdentifier(field.name.string, expr.range) }
        case .like(_, let pattern): checkString(pattern.scalars, expr.range)
        default: break
        }
        for child in expr.children { visit(child) }
    }

    private mutating func visit(_ uid: EntityUID, _ range: SourceRange?) { checkIdentifier(uid.id.string, range) }

    private mutating func warn(_ code: ValidationIssue.Code, _ message: String, _ range: SourceRange?) {
        let warning = ValidationIssue(code, message, at: range ?? policy.range, policy: policy.id)
        if !found.contains(warning) { found.append(warning) }
    }

    private mutating func checkString(_ text: String, _ range: SourceRange?) {
        if text.utf8.allSatisfy({ $0 < 0x80 }) { return }
        if text.unicodeScalars.contains(where: Self.isBidirectionalControl) {
            warn(
                .bidirectionalText,
                "string \(StringLiteral.quoted(text)) has characters that turn the direction of text", range)
        } else if !UnicodeScripts.shared.isOfOneScript(text) {
            warn(.mixedScripts, "string \(StringLiteral.quoted(text)) mixes scripts", range)
        }
    }

    private mutating func checkIdentifier(_ text: String, _ range: SourceRange?) {
        if text.utf8.allSatisfy({ (0x20..<0x7F).contains($0) }) { return }
        let scripts = UnicodeScripts.shared
        if text.unicodeScalars.contains(where: Self.isBidirectionalControl) {
            warn(
                .bidirectionalText,
                "identifier \(StringLiteral.quoted(text)) has characters that turn the direction of text", range)
        } else if let scalar = text.unicodeScalars.first(where: {
            !(0x20..<0x7F).contains($0.value) && !scripts.isAllowedInIdentifiers($0)
        }) {
            let code = "U+" + String(scalar.value, radix: 16, uppercase: true)
            warn(
                .confusableCharacter,
                "identifier \(StringLiteral.quoted(text)) has the character \(code), which identifiers should not have",
                range)
        } else if !scripts.isOfOneScript(text) {
            warn(.mixedScripts, "identifier \(StringLiteral.quoted(text)) mixes scripts", range)
        }
    }

    /// Embeddings, overrides and isolates: they show text in another order than it is read in.
    private static func isBidirectionalControl(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0x202A...0x202E, 0x2066...0x2069: true
        default: false
        }
    }
}

extension Expr {
    /// The direct operands, from the left.
    var children: [Expr] {
        var all: [Expr] = []
        kind.forEachChild { all.append($0) }
        return all
    }
}

extension Pattern {
    /// With `*` for wildcards.
    fileprivate var scalars: String {
        var text = ""
        for element in elements {
            switch element {
            case .scalar(let scalar): text.unicodeScalars.append(scalar)
            case .wildcard: text.append("*")
            }
        }
        return text
    }
}
