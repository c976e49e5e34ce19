extension Parser {
    /// What a word followed by `::` and more turned out to be.
    enum Path {
        case name(Name)
        case entity(EntityUID)
    }

    /// Reads `A`, `A::B` or `A::B::"id"`, from a word on.
    mutating func path() throws(Diagnostic) -> (path: Path, range: SourceRange) {
        let first = current
        var text = identifier()
        while skip(.doubleColon) {
            switch current.kind {
            case .word: text += "::" + identifier()
            case .string:
                let id = string(of: advance())
                return (.entity(EntityUID(type: Name(unchecked: text), id: CedarString(id))), range(from: first))
            case .openBrace:
                throw unexpected("a name", "a string", help: "an entity is written `\(text)::\"id\"`")
            default: throw unexpected("a name", "a string")
            }
        }
        return (.name(Name(unchecked: text)), range(from: first))
    }

    /// Steps over a word that must not be reserved; a reserved one is noted.
    mutating func identifier() -> String {
        let token = advance()
        let word = text(of: token)
        if word == "__cedar" {
            note("`__cedar` is reserved", at: token.range)
        } else if Name.reserved.contains(word) {
            note("`\(word)` is a reserved word", at: token.range, expected: ["a name"])
        }
        return word
    }

    /// The name of an attribute, after `.` or as a key.
    mutating func attributeName() -> CedarString {
        let token = advance()
        let word = text(of: token)
        if Name.reserved.contains(word) {
            let help = word == "__cedar" ? nil : "write it as a string: `[\"\(word)\"]`, or `\"\(word)\"` as a key"
            note("`\(word)` is reserved", at: token.range, help: help)
        }
        return CedarString(word)
    }

    /// The name of a type after `is`.
    mutating func typeName() throws(Diagnostic) -> Name {
        guard current.kind == .word else {
            var help: String?
            if current.kind == .string { help = "the type is written without quotation marks" }
            throw unexpected("an entity type", help: help)
        }
        let (path, range) = try path()
        switch path {
        case .name(let name): return name
        case .entity(let entity):
            note(
                "`is` takes a type, not an entity", at: range, expected: ["an entity type"],
                help: "write `is \(entity.type)`, or `== \(shown(range))`")
            return entity.type
        }
    }
}
