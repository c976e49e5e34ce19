extension SchemaFragment {
    /// The Cedar schema format of this: valid text that means the same.
    ///
    /// An action without principals or without resources applies to nothing, and so has no `appliesTo` there.
    ///
    /// - Throws: what that format cannot say and JSON can: a shape that is not written out as a record, a context that
    ///   can be none, and the name of an entity type where it would be read as that of a common type.
    public var text: String {
        get throws(Diagnostics) {
            var printer = SchemaPrinter(self)
            printer.print()
            guard printer.problems.isEmpty else { throw Diagnostics(printer.problems) }
            return printer.text
        }
    }
}

/// Writes the Cedar schema format.
struct SchemaPrinter {
    private let fragment: SchemaFragment
    private(set) var text = ""
    private(set) var problems: [Diagnostic] = []
    private var commonTypes: Set<Name> = []
    private var entityTypes: Set<Name> = []
    private var namespace: Name?
    private var indentation = ""
    /// What is written, for messages.
    private var declaration = ""

    init(_ fragment: SchemaFragment) {
        self.fragment = fragment
        for namespace in fragment.namespaces {
            for type in namespace.commonTypes { commonTypes.insert(namespace.qualify(type.name.value)) }
            for name in namespace.entityTypes.flatMap(\.names) { entityTypes.insert(namespace.qualify(name.value)) }
        }
    }

    mutating func print() {
        // What stands outside of namespaces comes first.
        let namespaces = fragment.namespaces.filter { $0.name == nil } + fragment.namespaces.filter { $0.name != nil }
        for namespace in namespaces {
            self.namespace = namespace.name
            guard let name = namespace.name else {
                print(declarationsOf: namespace)
                continue
            }
            separate()
            print(namespace.annotations)
            text += "namespace \(name) {\n"
            indentation = "  "
            print(declarationsOf: namespace)
            indentation = ""
            text += "}\n"
        }
    }

    /// An empty line, but not at the beginning of the text or of a block.
    private mutating func separate() {
        if !text.isEmpty, !text.hasSuffix("{\n") { text += "\n" }
    }

    // MARK: Declarations

    private mutating func print(declarationsOf namespace: SchemaNamespace) {
        for type in namespace.commonTypes {
            begin(type.annotations, "common type `\(namespace.qualify(type.name.value))`")
            text += "type \(type.name.value) = "
            print(type.type)
            text += ";\n"
        }
        for type in namespace.entityTypes {
            begin(type.annotations, "entity type `\(namespace.qualify(type.names[0].value))`")
            text += "entity " + type.names.map(\.value).joined(separator: ", ")
            print(type.kind)
            text += ";\n"
        }
        for action in namespace.actions {
            begin(action.annotations, "action `\(action.names[0].value)`")
            text += "action " + action.names.map { StringLiteral.quoted($0.value.string) }.joined(separator: ", ")
            print(action)
            text += ";\n"
        }
    }

    private mutating func begin(_ annotations: [Annotation], _ declaration: String) {
        self.declaration = declaration
        separate()
        print(annotations)
        text += indentation
    }

    private mutating func print(_ annotations: [Annotation]) {
        for annotation in annotations {
            text += indentation + "@" + annotation.key
            if let value = annotation.value { text += "(\(StringLiteral.quoted(value)))" }
            text += "\n"
        }
    }

    private mutating func print(_ kind: EntityTypeDeclaration.Kind) {
        switch kind {
        case .enumeration(let ids):
            text += " enum [" + ids.map { StringLiteral.quoted($0.string) }.joined(separator: ", ") + "]"
        case .standard(let parents, let shape, let tags):
            if !parents.isEmpty { text += " in " + names(parents) }
            switch shape {
            case .record([]): break
            case .record: print(shape, after: " = ")
            default: problem("has a shape that is not written out as a record")
            }
            if let tags { print(tags, after: " tags ") }
        }
    }

    private mutating func print(_ action: ActionDeclaration) {
        if !action.parents.isEmpty {
            let parents = action.parents.map { parent in
                (parent.value.type.map { "\($0)::" } ?? "") + StringLiteral.quoted(parent.value.id.string)
            }
            text += " in [" + parents.joined(separator: ", ") + "]"
        }
        guard let appliesTo = action.appliesTo, !appliesTo.principals.isEmpty, !appliesTo.resources.isEmpty else {
            return
        }
        text += " appliesTo {\n"
        indented {
            $0.text += "\($0.indentation)principal: \($0.names(appliesTo.principals)),\n"
            $0.text += "\($0.indentation)resource: \($0.names(appliesTo.resources))"
            if let context = appliesTo.context {
                $0.text += ",\n"
                switch context {
                case .record: $0.print(context, after: $0.indentation + "context: ")
                // Here only the name of a common type is looked for, and an entity type would be no context anyway.
                case .common(let name), .named(let name): $0.text += "\($0.indentation)context: \(name.value)"
                default: $0.problem("has a context that is no record")
                }
            }
        }
        text += "\n\(indentation)}"
    }

    private func names(_ names: [Located<Name>]) -> String {
        "[" + names.map(\.value.text).joined(separator: ", ") + "]"
    }

    private mutating func indented(_ body: (inout SchemaPrinter) -> Void) {
        let outer = indentation
        indentation += "  "
        body(&self)
        indentation = outer
    }

    private mutating func problem(_ message: String) {
        problems.append(
            Diagnostic("the \(declaration) \(message)", help: "the Cedar schema format cannot say this; JSON can"))
    }

    // MARK: Types

    private mutating func print(_ type: TypeExpression, after prefix: String = "") {
        text += prefix
        switch type {
        case .bool: text += "__cedar::Bool"
        case .long: text += "__cedar::Long"
        case .string: text += "__cedar::String"
        case .extension(let type): text += "__cedar::\(type.rawValue)"
        case .set(let element):
            text += "Set<"
            print(element)
            text += ">"
        case .record(let attributes): print(attributes)
        case .named(let name): text += name.value.text
        case .entity(let name):
            if meaning(of: name.value) == .common {
                problem("refers to the entity type `\(name.value)`, whose name is also that of a common type")
            }
            text += name.value.text
        case .common(let name):
            // An entity type of the namespace may only hide a builtin type: more shadowing is not allowed.
            if meaning(of: name.value) == .entity, TypeExpression.builtin(name.value.text) != nil {
                text += "__cedar::"
            }
            text += name.value.text
        }
    }

    private mutating func print(_ attributes: [AttributeDeclaration]) {
        guard !attributes.isEmpty else {
            text += "{}"
            return
        }
        text += "{\n"
        indented {
            for attribute in attributes {
                $0.print(attribute.annotations)
                let name = attribute.name.value.string
                $0.text += $0.indentation + (Name.isIdentifier(name) ? name : StringLiteral.quoted(name))
                $0.print(attribute.type, after: attribute.isRequired ? ": " : "?: ")
                $0.text += ",\n"
            }
        }
        text += indentation + "}"
    }

    private enum Meaning { case common, entity }

    /// What a name would be read as, as far as this fragment tells.
    private func meaning(of name: Name) -> Meaning? {
        for candidate in name.candidates(in: namespace) {
            if commonTypes.contains(candidate) { return .common }
            if entityTypes.contains(candidate) { return .entity }
        }
        return nil
    }
}

extension SchemaNamespace {
    /// The full name of something declared here.
    func qualify(_ name: String) -> Name {
        let name = Name(unchecked: name)
        return self.name.map { name.qualified(by: $0.text) } ?? name
    }
}

extension Name {
    /// What a name that is used in a namespace may stand for, best first.
    func candidates(in namespace: Name?) -> [Name] {
        guard let namespace, self.namespace == nil else { return [self] }
        return [qualified(by: namespace.text), self]
    }
}
