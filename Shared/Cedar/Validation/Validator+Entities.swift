extension Validator {
    /// Checks that entities are of types that the schema has, with the attributes, tags and parents it gives them, and
    /// that actions are those of the schema.
    public func validate(entities: Entities) -> [ValidationIssue] {
        entities.all.sorted { $0.uid < $1.uid }.flatMap { entity in
            validate(entity) { entities.ancestors(of: entity.uid) }
        }
    }

    /// Checks one entity, of which all ancestors are known.
    public func validate(_ entity: Entity, ancestors: Set<EntityUID>) -> [ValidationIssue] {
        validate(entity) { ancestors }
    }

    private func validate(_ entity: Entity, ancestors: () -> Set<EntityUID>) -> [ValidationIssue] {
        var check = ValueCheck(index)
        if entity.uid.isAction {
            check.check(action: entity, ancestors: ancestors())
        } else if let type = schema.entityTypes[entity.uid.type] {
            check.check(entity, type)
        } else {
            check.report(
                .unknownEntityType, "entity type `\(entity.uid.type)` is not in the schema",
                help: Suggestion.help(for: entity.uid.type.text, among: schema.entityTypes.keys.map(\.text)))
        }
        return check.issues.map { issue in
            var issue = issue
            issue.entity = entity.uid
            return issue
        }
    }
}

extension ValueCheck {
    fileprivate mutating func check(action: Entity, ancestors: Set<EntityUID>) {
        guard let definition = index.action(action.uid)?.definition else {
            return report(.unknownAction, "the schema has no such action")
        }
        if !action.attributes.isEmpty || !action.tags.isEmpty {
            report(.differentAction, "actions have neither attributes nor tags")
        }
        if ancestors != definition.ancestors {
            let groups = definition.ancestors.sorted().map { "`\($0)`" }.joined(separator: ", ")
            report(
                .differentAction, "the groups that this action is in are not those of the schema",
                help: groups.isEmpty ? "it is in none there" : "there they are \(groups)")
        }
    }

    fileprivate mutating func check(_ entity: Entity, _ type: EntityTypeDefinition) {
        checkName(entity.uid, at: "the entity")
        if let attributes = index.attributes[type.name] { check(entity.attributes, attributes, at: "attributes") }
        for parent in entity.parents.sorted() {
            if !type.ancestors.contains(parent.type) {
                report(
                    .forbiddenParent, "entities of type `\(type.name)` cannot be in `\(parent)`",
                    help: "declare `entity \(type.name) in [\(parent.type)]` in the schema")
            }
            checkName(parent, at: "a parent")
        }
        if let tagType = index.tags[type.name] {
            for tag in entity.tags.fields {
                check(tag.value, tagType, at: "tag \(StringLiteral.quoted(tag.name.string))")
            }
        } else if !entity.tags.isEmpty {
            report(.unexpectedTag, "entities of type `\(type.name)` have no tags", help: "declare `tags` in the schema")
        }
    }
}
