extension SchemaFragment {
    /// Reads the Cedar schema format.
    ///
    /// - Throws: every mistake that was found. Names that nothing is declared for are no mistake here.
    public init(parsing text: String, limits: Limits = Limits()) throws(Diagnostics) {
        var parser = try SchemaParser(text, limits: limits)
        self = parser.fragment()
        try parser.finish()
    }
}

extension SchemaParser {
    mutating func fragment() -> SchemaFragment {
        var outside = SchemaNamespace(nil)
        var namespaces: [SchemaNamespace] = []
        var names: Set<Name> = []
        while current.kind != .end, !isFullOfProblems {
            recovering { parser throws(Diagnostic) in
                let annotations = try parser.annotations()
                guard parser.skip(word: "namespace") else {
                    return try parser.declaration(annotations, into: &outside)
                }
                let name = try parser.path(allowsBuiltin: false)
                if !names.insert(name.value).inserted, let range = name.range {
                    parser.note(
                        "the namespace `\(name.value)` is declared twice", at: range,
                        help: "write all its declarations into one block")
                }
                namespaces.append(try parser.namespace(name.value, annotations))
            }
        }
        checkDuplicates(outside)
        namespaces.forEach { checkDuplicates($0) }
        let isEmpty = outside.commonTypes.isEmpty && outside.entityTypes.isEmpty && outside.actions.isEmpty
        return SchemaFragment(namespaces: (isEmpty ? [] : [outside]) + namespaces)
    }

    private mutating func namespace(
        _ name: Name, _ annotations: [Annotation]
    ) throws(Diagnostic) -> SchemaNamespace {
        var namespace = SchemaNamespace(name, annotations: annotations)
        try expect(.openBrace)
        while current.kind != .closeBrace {
            guard current.kind != .end, !isFullOfProblems else { throw unexpected(["a declaration", "`}`"]) }
            recovering { parser throws(Diagnostic) in
                try parser.declaration(try parser.annotations(), into: &namespace)
            }
        }
        advance()
        return namespace
    }

    private mutating func declaration(
        _ annotations: [Annotation], into namespace: inout SchemaNamespace
    ) throws(Diagnostic) {
        if skip(word: "entity") {
            namespace.entityTypes.append(try entityTypes(annotations))
        } else if skip(word: "action") {
            namespace.actions.append(try actions(annotations))
        } else if skip(word: "type") {
            namespace.commonTypes.append(try commonType(annotations))
        } else {
            var help: String?
            if isWord("namespace") { help = "namespaces do not nest: write `namespace A::B { … }`" }
            if current.kind == .semicolon { help = "no `;` follows a namespace" }
            let others = namespace.name == nil ? ["`namespace`"] : annotations.isEmpty ? ["`}`"] : []
            throw unexpected(["`entity`", "`action`", "`type`"] + others, help: help)
        }
        try endOfDeclaration()
    }

    /// Steps over the `;`. Where only it is missing, reading goes on with the next declaration.
    private mutating func endOfDeclaration() throws(Diagnostic) {
        guard !skip(.semicolon) else { return }
        let problem = unexpected(["`;`"], help: "a declaration ends with `;`")
        let starts = ["entity", "action", "type", "namespace"].contains(where: isWord)
        guard starts || [.end, .closeBrace, .at].contains(current.kind) else { throw problem }
        note(problem)
    }

    private mutating func commonType(_ annotations: [Annotation]) throws(Diagnostic) -> CommonTypeDeclaration {
        let name = try identifier(allowsBuiltin: false)
        if TypeExpression.reservedNames.contains(name.value), let range = name.range {
            note("no common type can be called `\(name.value)`", at: range)
        }
        try expect(.assign)
        return CommonTypeDeclaration(name: name, type: try type(), annotations: annotations)
    }

    private mutating func entityTypes(_ annotations: [Annotation]) throws(Diagnostic) -> EntityTypeDeclaration {
        let names = try list { parser throws(Diagnostic) in try parser.identifier(allowsBuiltin: false) }
        if skip(word: "enum") {
            try expect(.openBracket)
            let ids = try list { parser throws(Diagnostic) in
                let token = try parser.expect(.string)
                return parser.string(of: token)
            }
            try expect(.closeBracket, "`,`")
            return EntityTypeDeclaration(names: names, kind: .enumeration(ids), annotations: annotations)
        }
        var parents: [Located<Name>] = []
        if skip(word: "in") { parents = try entityTypeReferences() }
        var attributes: [AttributeDeclaration] = []
        if skip(.assign) || current.kind == .openBrace { attributes = try record() }
        var tags: TypeExpression?
        if skip(word: "tags") { tags = try type() }
        return EntityTypeDeclaration(
            names: names, kind: .standard(parents: parents, shape: .record(attributes), tags: tags),
            annotations: annotations)
    }

    /// Reads `A::B` or `[A::B, C]`; the brackets may be empty.
    private mutating func entityTypeReferences() throws(Diagnostic) -> [Located<Name>] {
        guard skip(.openBracket) else {
            guard current.kind == .word else { throw unexpected(["an entity type", "`[`"]) }
            return [try path()]
        }
        if skip(.closeBracket) { return [] }
        let types = try list { parser throws(Diagnostic) in try parser.path() }
        try expect(.closeBracket, "`,`")
        return types
    }

    private mutating func actions(_ annotations: [Annotation]) throws(Diagnostic) -> ActionDeclaration {
        let names = try list { parser throws(Diagnostic) in try parser.quotableName() }
        var parents: [Located<ActionReference>] = []
        if skip(word: "in") {
            if skip(.openBracket) {
                parents = try list { parser throws(Diagnostic) in try parser.actionReference() }
                try expect(.closeBracket, "`,`")
            } else {
                parents = [try actionReference()]
            }
        }
        var appliesTo: ActionDeclaration.AppliesTo?
        if skip(word: "appliesTo") { appliesTo = try self.appliesTo(names[0]) }
        if skip(word: "attributes") {
            try expect(.openBrace)
            try expect(.closeBrace, help: "actions have no attributes")
        }
        return ActionDeclaration(names: names, parents: parents, appliesTo: appliesTo, annotations: annotations)
    }

    /// Reads `a`, `"a"` or `A::Action::"a"`.
    private mutating func actionReference() throws(Diagnostic) -> Located<ActionReference> {
        let first = current
        guard first.kind == .word else {
            let name = try quotableName()
            return Located(ActionReference(type: nil, id: name.value), at: name.range)
        }
        var path = try identifier(allowsBuiltin: true).value
        var isAlone = true
        while skip(.doubleColon) {
            isAlone = false
            if current.kind == .string {
                let id = string(of: advance())
                return Located(ActionReference(type: Name(unchecked: path), id: id), at: range(from: first))
            }
            path += "::" + (try identifier(allowsBuiltin: true, or: "a string").value)
        }
        guard isAlone else {
            throw unexpected(["`::`"], help: "an action of another namespace is written `A::Action::\"id\"`")
        }
        return Located(ActionReference(type: nil, id: CedarString(path)), at: range(from: first))
    }

    private mutating func appliesTo(
        _ action: Located<CedarString>
    ) throws(Diagnostic) -> ActionDeclaration.AppliesTo {
        var types: [String: [Located<Name>]] = [:]
        var context: TypeExpression?
        try expect(.openBrace)
        repeat {
            let token = current
            let word = token.kind == .word ? text(of: token) : ""
            guard ["principal", "resource", "context"].contains(word) else {
                let closes = types.isEmpty && context == nil ? [] : ["`}`"]
                throw unexpected(["`principal`", "`resource`", "`context`"] + closes)
            }
            advance()
            try expect(.colon)
            let isSecond = word == "context" ? context != nil : types[word] != nil
            if isSecond { note("`\(word)` is given twice for the action `\(action.value)`", at: token.range) }
            if word == "context" {
                context = try self.context()
            } else {
                let names = try entityTypeReferences()
                if names.isEmpty {
                    note(
                        "`\(word)` of the action `\(action.value)` names no entity type", at: range(from: token),
                        help: "leave out `appliesTo` for a group of actions")
                }
                types[word] = names
            }
        } while skip(.comma) && current.kind != .closeBrace
        try expect(.closeBrace, "`,`")
        for word in ["principal", "resource"] where types[word] == nil {
            if let range = action.range {
                note("`appliesTo` of the action `\(action.value)` has no `\(word)`", at: range)
            }
        }
        return ActionDeclaration.AppliesTo(
            principals: types["principal"] ?? [], resources: types["resource"] ?? [], context: context)
    }

    private mutating func context() throws(Diagnostic) -> TypeExpression {
        if current.kind == .openBrace { return .record(try record()) }
        guard current.kind == .word else { throw unexpected(["a record", "the name of a common type"]) }
        return .common(try path())
    }

    // MARK: Duplicates

    private mutating func checkDuplicates(_ namespace: SchemaNamespace) {
        checkDuplicates(namespace.commonTypes.map(\.name), "common type")
        checkDuplicates(namespace.entityTypes.flatMap(\.names), "entity type")
        checkDuplicates(namespace.actions.flatMap(\.names), "action")
    }

    private mutating func checkDuplicates<Value: CustomStringConvertible>(_ names: [Located<Value>], _ kind: String) {
        var seen: Set<Located<Value>> = []
        for name in names where !seen.insert(name).inserted {
            if let range = name.range { note("the \(kind) `\(name.value)` is declared twice", at: range) }
        }
    }
}
