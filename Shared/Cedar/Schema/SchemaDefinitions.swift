/// All that the fragments of a schema declare, by full names.
struct SchemaDefinitions {
    struct Definition<Declaration> {
        let declaration: Declaration
        /// In which the names of the declaration are looked up.
        let namespace: Name?
        let range: SourceRange?
    }

    /// What a name was found to mean.
    enum Meaning: Hashable {
        case builtin(SchemaType)
        case common(Name)
        case entity(Name)
    }

    /// What a name may mean where it stands.
    enum Kind {
        case common, entity, either

        var description: String {
            switch self {
            case .common: "common type"
            case .entity: "entity type"
            case .either: "type"
            }
        }
    }

    private(set) var commonTypes: [Name: Definition<CommonTypeDeclaration>] = [:]
    private(set) var entityTypes: [Name: Definition<EntityTypeDeclaration>] = [:]
    private(set) var actions: [EntityUID: Definition<ActionDeclaration>] = [:]
    /// The types of the actions. They are no declared entity types, but attributes may have them.
    private(set) var actionTypes: Set<Name> = []
    private(set) var problems: [Diagnostic] = []

    init(_ fragments: [SchemaFragment]) {
        for namespace in fragments.lazy.flatMap(\.namespaces) { add(namespace) }
        checkShadowing()
    }

    private mutating func add(_ namespace: SchemaNamespace) {
        for declaration in namespace.commonTypes {
            let name = namespace.qualify(declaration.name.value)
            let definition = Definition(
                declaration: declaration, namespace: namespace.name, range: declaration.name.range)
            if commonTypes.updateValue(definition, forKey: name) != nil {
                note("the common type `\(name)` is declared twice", at: definition.range)
            }
        }
        for declaration in namespace.entityTypes {
            for name in declaration.names {
                let definition = Definition(declaration: declaration, namespace: namespace.name, range: name.range)
                if name.value == "Action" {
                    note(
                        "no entity type can be called `Action`", at: name.range,
                        help: "this is the type of actions, which are declared with `action`")
                }
                if entityTypes.updateValue(definition, forKey: namespace.qualify(name.value)) != nil {
                    note("the entity type `\(namespace.qualify(name.value))` is declared twice", at: name.range)
                }
            }
        }
        let type = namespace.qualify("Action")
        for declaration in namespace.actions {
            actionTypes.insert(type)
            for name in declaration.names {
                let definition = Definition(declaration: declaration, namespace: namespace.name, range: name.range)
                let uid = EntityUID(type: type, id: name.value)
                if actions.updateValue(definition, forKey: uid) != nil {
                    note("the action `\(uid)` is declared twice", at: name.range)
                }
            }
        }
    }

    private mutating func note(_ message: String, at range: SourceRange?, help: String? = nil) {
        guard problems.count < Parser.maximumProblems else { return }
        problems.append(Diagnostic(message, at: range, help: help))
    }

    // MARK: Shadowing

    /// A name outside of namespaces may not be declared again inside of one: it could not be referred to there.
    private mutating func checkShadowing() {
        var types: [(name: Name, range: SourceRange?)] = commonTypes.map { ($0.key, $0.value.range) }
        types += entityTypes.map { ($0.key, $0.value.range) }
        let outside = Set(types.lazy.map(\.name).filter { $0.namespace == nil })
        for (name, range) in types.sorted(by: { $0.name < $1.name }) where name.namespace != nil {
            let base = Name(unchecked: String(name.base))
            guard outside.contains(base) else { continue }
            note(
                "`\(name)` shadows `\(base)`", at: range,
                help: "rename one of them, or move `\(base)` into a namespace")
        }
        let outer = Set(actions.keys.lazy.filter { $0.type.namespace == nil }.map(\.id))
        for action in actions.keys.sorted() where action.type.namespace != nil && outer.contains(action.id) {
            let shadowed = EntityUID(type: Name(unchecked: "Action"), id: action.id)
            note(
                "`\(action)` shadows `\(shadowed)`", at: actions[action]?.range,
                help: "rename one of them, or move `\(shadowed)` into a namespace")
        }
    }

    // MARK: Meaning of names

    /// What a name means in a namespace: something of the namespace before something outside, and of the same place a
    /// common type before an entity type.
    func meaning(of name: Name, in namespace: Name?, as kind: Kind) -> Meaning? {
        for candidate in name.candidates(in: namespace) {
            if kind != .entity {
                if commonTypes[candidate] != nil { return .common(candidate) }
                if let type = builtin(candidate) { return .builtin(type) }
            }
            if kind != .common, entityTypes[candidate] != nil || actionTypes.contains(candidate) {
                return .entity(candidate)
            }
        }
        return nil
    }

    /// `__cedar::Long`; also `Long` where nothing of this name is declared outside of namespaces.
    private func builtin(_ name: Name) -> SchemaType? {
        switch name.namespace {
        case nil: entityTypes[name] == nil ? TypeExpression.builtin(name.text) : nil
        case TypeExpression.builtinNamespace?: TypeExpression.builtin(name.base)
        default: nil
        }
    }

    /// The action that is meant in a namespace.
    func action(_ reference: ActionReference, in namespace: Name?) -> EntityUID? {
        (reference.type ?? Name(unchecked: "Action")).candidates(in: namespace).lazy
            .map { EntityUID(type: $0, id: reference.id) }
            .first { actions[$0] != nil }
    }
}
