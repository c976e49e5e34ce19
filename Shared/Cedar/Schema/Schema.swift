/// A schema whose names are resolved and whose common types are replaced by what they stand for.
public struct Schema: Sendable, Hashable {
    public var entityTypes: [Name: EntityTypeDefinition]
    public var actions: [EntityUID: ActionDefinition]

    public init(entityTypes: [Name: EntityTypeDefinition] = [:], actions: [EntityUID: ActionDefinition] = [:]) {
        self.entityTypes = entityTypes
        self.actions = actions
    }
}

public struct EntityTypeDefinition: Sendable, Hashable {
    public let name: Name
    /// All types that entities of this type may be in, over any number of steps; without itself unless it is its own parent.
    public var ancestors: Set<Name>
    /// Those of one step.
    public var parents: Set<Name>
    public var attributes: RecordType
    /// The type of every tag; nil when entities of this type have none.
    public var tags: SchemaType?
    /// The only ids there are; nil when any is. In the order of the text.
    public var enumeration: [CedarString]?
    public var annotations: [Annotation]

    public init(
        name: Name, ancestors: Set<Name> = [], parents: Set<Name> = [], attributes: RecordType = RecordType(),
        tags: SchemaType? = nil, enumeration: [CedarString]? = nil, annotations: [Annotation] = []
    ) {
        self.name = name
        self.ancestors = ancestors
        self.parents = parents
        self.attributes = attributes
        self.tags = tags
        self.enumeration = enumeration
        self.annotations = annotations
    }
}

public struct ActionDefinition: Sendable, Hashable {
    public let uid: EntityUID
    /// Groups it is in, over one step.
    public var parents: Set<EntityUID>
    /// Groups it is in, over any number of steps.
    public var ancestors: Set<EntityUID>
    /// Whom it can be asked for; empty for a group that is no action itself.
    public var principals: Set<Name>
    public var resources: Set<Name>
    public var context: RecordType
    public var annotations: [Annotation]

    public init(
        uid: EntityUID, parents: Set<EntityUID> = [], ancestors: Set<EntityUID> = [], principals: Set<Name> = [],
        resources: Set<Name> = [], context: RecordType = RecordType(), annotations: [Annotation] = []
    ) {
        self.uid = uid
        self.parents = parents
        self.ancestors = ancestors
        self.principals = principals
        self.resources = resources
        self.context = context
        self.annotations = annotations
    }
}

/// A type as schemas can write it.
public indirect enum SchemaType: Sendable, Hashable {
    case bool, long, string
    case set(SchemaType)
    case record(RecordType)
    case entity(Name)
    case `extension`(ExtensionType)
}

public struct RecordType: Sendable, Hashable {
    public var attributes: [CedarString: AttributeType]
    /// Whether there may be attributes that are not named (`additionalAttributes` of the JSON format).
    public var isOpen: Bool

    public init(_ attributes: [CedarString: AttributeType] = [:], isOpen: Bool = false) {
        self.attributes = attributes
        self.isOpen = isOpen
    }
}

public struct AttributeType: Sendable, Hashable {
    public var type: SchemaType
    public var isRequired: Bool

    public init(_ type: SchemaType, isRequired: Bool = true) {
        self.type = type
        self.isRequired = isRequired
    }
}
