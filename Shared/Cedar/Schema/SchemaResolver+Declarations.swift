extension SchemaResolver {
    /// The entity types of a declaration, as far as they are right; without ancestors.
    mutating func entityTypes(
        _ declaration: EntityTypeDeclaration, in namespace: SchemaNamespace
    ) -> [EntityTypeDefinition] {
        let name = declaration.names[0]
        let owner = Owner(
            namespace: namespace.name, description: "entity type `\(namespace.qualify(name.value))`")
        var template = EntityTypeDefinition(
            name: namespace.qualify(name.value), annotations: declaration.annotations)
        switch declaration.kind {
        case .enumeration(let ids): template.enumeration = ids
        case .standard(let parents, let shape, let tags):
            template.parents = declaredTypes(parents, owner)
            let attributes = record(shape, owner, at: name.range, "the shape of the \(owner.description) is no record")
            if count(attributes, times: declaration.names.count, owner, at: name.range),
                case .record(let record)? = attributes?.type
            {
                template.attributes = record
            }
            if let tags, let type = resolve(tags, owner, at: name.range),
                count(type, times: declaration.names.count, owner, at: name.range)
            {
                template.tags = type.type
            }
        }
        return declaration.names.map { name in
            var type = EntityTypeDefinition(
                name: namespace.qualify(name.value), parents: template.parents, attributes: template.attributes,
                tags: template.tags, enumeration: template.enumeration, annotations: template.annotations)
            type.ancestors = type.parents
            return type
        }
    }

    /// The actions of a declaration, as far as they are right; without ancestors.
    mutating func actions(_ declaration: ActionDeclaration, in namespace: SchemaNamespace) -> [ActionDefinition] {
        let name = declaration.names[0]
        let type = namespace.qualify("Action")
        let owner = Owner(
            namespace: namespace.name, description: "action `\(EntityUID(type: type, id: name.value))`")
        var parents: Set<EntityUID> = []
        for parent in declaration.parents {
            if let action = definitions.action(parent.value, in: namespace.name) {
                parents.insert(action)
            } else {
                note("unknown action `\(parent.value)` in the \(owner.description)", at: parent.range)
            }
        }
        let principals = declaredTypes(declaration.appliesTo?.principals ?? [], owner)
        let resources = declaredTypes(declaration.appliesTo?.resources ?? [], owner)
        var context = RecordType()
        if let expression = declaration.appliesTo?.context {
            let type = record(
                expression, owner, at: name.range, "the context of the \(owner.description) is no record")
            if count(type, times: declaration.names.count, owner, at: name.range),
                case .record(let record)? = type?.type
            {
                context = record
            }
        }
        return declaration.names.map { name in
            ActionDefinition(
                uid: EntityUID(type: type, id: name.value), parents: parents, ancestors: parents,
                principals: principals, resources: resources, context: context, annotations: declaration.annotations)
        }
    }

    /// Names that must be those of declared entity types.
    private mutating func declaredTypes(_ names: [Located<Name>], _ owner: Owner) -> Set<Name> {
        var types: Set<Name> = []
        for name in names {
            guard case .entity(let type)? = meaning(of: name, as: .entity, owner) else { continue }
            if definitions.entityTypes[type] == nil {
                note(
                    "`\(type)` is the type of actions; the \(owner.description) cannot refer to it here", at: name.range
                )
            }
            types.insert(type)
        }
        return types
    }

    private mutating func record(
        _ type: TypeExpression, _ owner: Owner, at range: SourceRange?, _ message: String
    ) -> SizedType? {
        guard let resolved = resolve(type, owner, at: range) else { return nil }
        if case .record = resolved.type { return resolved }
        var place = range
        switch type {
        case .common(let name), .named(let name), .entity(let name): place = name.range ?? range
        default: break
        }
        note(message, at: place)
        return nil
    }

    // MARK: Ancestors

    /// Adds what types are in over several steps. They may be in each other.
    mutating func close(_ types: inout [Name: EntityTypeDefinition]) {
        let names = types.keys.sorted()
        let graph = Self.graph(names) { types[$0]?.parents ?? [] }
        guard let ancestors = graph.reachable() else {
            return note("the hierarchy of entity types is too large", at: nil)
        }
        for (name, ancestors) in zip(names, ancestors) {
            types[name]?.ancestors = Set(ancestors.lazy.map { names[$0] })
        }
    }

    /// Adds the groups that actions are in over several steps. None may be in itself.
    mutating func close(_ actions: inout [EntityUID: ActionDefinition]) {
        let names = actions.keys.sorted()
        let graph = Self.graph(names) { actions[$0]?.parents ?? [] }
        for cycle in graph.order().cycles {
            let path = DependencyGraph.path(cycle.map { "`\(names[$0])`" })
            note("actions are in each other in a circle: \(path)", at: definitions.actions[names[cycle[0]]]?.range)
        }
        guard let ancestors = graph.reachable() else {
            return note("the hierarchy of actions is too large", at: nil)
        }
        for (name, ancestors) in zip(names, ancestors) {
            actions[name]?.ancestors = Set(ancestors.lazy.map { names[$0] })
        }
    }

    private static func graph<Node: Hashable>(_ nodes: [Node], _ edges: (Node) -> Set<Node>) -> DependencyGraph {
        let indices = Dictionary(uniqueKeysWithValues: nodes.enumerated().map { ($0.element, $0.offset) })
        return DependencyGraph(edges: nodes.map { edges($0).compactMap { indices[$0] }.sorted() })
    }
}
