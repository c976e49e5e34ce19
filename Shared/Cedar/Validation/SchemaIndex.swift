/// A schema in the form in which types of expressions are found.
struct SchemaIndex: Sendable {
    let schema: Schema
    /// The attributes of entity types.
    let attributes: [Name: StaticRecord]
    /// The types of tags, of those entity types that have tags.
    let tags: [Name: StaticType]
    /// Actions with the environments they can be asked in, in the order of their names.
    let actions: [Action]
    private let actionIndices: [EntityUID: Int]
    /// The types of groups that actions of a type may be in.
    private let actionTypeAncestors: [Name: Set<Name>]
    private let openTypes: Set<Name>

    struct Action: Sendable {
        let definition: ActionDefinition
        let type: StaticType
        let context: StaticType
        /// The same for actions of equal contexts.
        let contextNumber: Int
        let principals: [Party]
        let resources: [Party]
    }

    /// What a principal or resource may be.
    struct Party: Sendable, Hashable {
        let name: Name
        let type: StaticType

        init(_ name: Name) {
            self.name = name
            type = .entity(name)
        }
    }

    init(_ schema: Schema) {
        self.schema = schema
        attributes = schema.entityTypes.mapValues { StaticRecord($0.attributes) }
        tags = schema.entityTypes.compactMapValues { $0.tags.map(StaticType.init) }
        openTypes = Set(schema.entityTypes.values.lazy.filter(\.attributes.isOpen).map(\.name))
        var contexts: [RecordType: Int] = [:]
        actions = schema.actions.values.sorted { $0.uid < $1.uid }.map { definition in
            let number = contexts[definition.context] ?? contexts.count
            contexts[definition.context] = number
            return Action(
                definition: definition, type: .entity(definition.uid.type),
                context: .record(StaticRecord(definition.context)), contextNumber: number,
                principals: definition.principals.sorted().map(Party.init),
                resources: definition.resources.sorted().map(Party.init))
        }
        actionIndices = Dictionary(
            actions.enumerated().map { ($1.definition.uid, $0) }, uniquingKeysWith: { first, _ in first })
        var groups: [Name: Set<Name>] = [:]
        for action in schema.actions.values {
            groups[action.uid.type, default: []].formUnion(action.ancestors.lazy.map(\.type))
        }
        actionTypeAncestors = groups
    }

    func action(_ uid: EntityUID) -> Action? { actionIndices[uid].map { actions[$0] } }

    /// Whether policies may name this type.
    func isKnown(_ type: Name) -> Bool { type.isActionType || schema.entityTypes[type] != nil }

    /// The type of an entity that stands in a policy; nil when the schema does not know it.
    func type(of literal: EntityUID) -> StaticType? {
        let isKnown = literal.isAction ? actionIndices[literal] != nil : schema.entityTypes[literal.type] != nil
        return isKnown ? .entity(literal.type) : nil
    }

    /// Whether an entity of the type may be in one of the group's type, which it is in when they are the same.
    func mayBe(_ type: Name, in group: Name) -> Bool {
        type == group || schema.entityTypes[type]?.ancestors.contains(group) == true
            || actionTypeAncestors[type]?.contains(group) == true
    }

    /// Whether an action is in a group of actions, or is it.
    func isAction(_ action: EntityUID, in group: EntityUID) -> Bool {
        action == group || schema.actions[action]?.ancestors.contains(group) == true
    }

    /// The attribute of a record or entity, when there is one for certain of a type that is known.
    func attribute(_ name: CedarString, of type: StaticType) -> StaticRecord.Attribute? {
        switch type {
        case .record(let record): record.attributes[name]
        case .entity(let types): commonAttributes(of: types)[name]
        default: nil
        }
    }

    /// Whether there may be such an attribute.
    func mayHave(_ name: CedarString, _ type: StaticType) -> Bool {
        switch type {
        case .never, .anyEntity: true
        case .record(let record): record.isOpen || record.attributes[name] != nil
        case .entity(let types):
            types.names.contains { type in
                guard let attributes = attributes[type] else { return !type.isActionType }
                return openTypes.contains(type) || attributes.attributes[name] != nil
            }
        default: false
        }
    }

    /// The names of the attributes that there are for certain.
    func attributeNames(of type: StaticType) -> [CedarString] {
        switch type {
        case .record(let record): record.attributes.keys.sorted()
        case .entity(let types): commonAttributes(of: types).keys.sorted()
        default: []
        }
    }

    /// Those that all of the types have.
    private func commonAttributes(of types: EntityTypes) -> [CedarString: StaticRecord.Attribute] {
        let first = attributes[types.names[0]] ?? StaticRecord()
        return types.names.dropFirst().reduce(first) { common, type in
            StaticRecord(common.commonAttributes(with: attributes[type] ?? StaticRecord()))
        }.attributes
    }

    /// The types that tags of an entity may have; none when it has no tags.
    func tagTypes(of type: StaticType) -> [StaticType] {
        switch type {
        case .entity(let types): types.names.compactMap { tags[$0] }
        case .anyEntity: tags.sorted { $0.key < $1.key }.map(\.value)
        default: []
        }
    }
}

extension Name {
    /// Whether entities of this type are actions.
    var isActionType: Bool { base == "Action" }
}
