/// A schema, or a part of one, as it is written: names are those of the text, and what they mean is found only when
/// all fragments of a schema are put together.
///
/// Equal fragments may stand at different places of a text.
public struct SchemaFragment: Sendable, Hashable {
    /// Each name once.
    public internal(set) var namespaces: [SchemaNamespace]
}

/// The declarations of one namespace.
public struct SchemaNamespace: Sendable, Hashable {
    /// Nil for what stands outside of namespaces.
    public let name: Name?
    public internal(set) var annotations: [Annotation] = []
    public internal(set) var commonTypes: [CommonTypeDeclaration] = []
    public internal(set) var entityTypes: [EntityTypeDeclaration] = []
    public internal(set) var actions: [ActionDeclaration] = []

    init(_ name: Name?, annotations: [Annotation] = []) {
        self.name = name
        self.annotations = annotations
    }
}

/// Something of a schema and where it stands in the text; the place does not count for equality.
public struct Located<Value: Sendable & Hashable>: Sendable, Hashable {
    public let value: Value
    /// Nil for what comes from JSON.
    public let range: SourceRange?

    init(_ value: Value, at range: SourceRange? = nil) {
        self.value = value
        self.range = range
    }

    public static func == (left: Located, right: Located) -> Bool { left.value == right.value }
    public func hash(into hasher: inout Hasher) { hasher.combine(value) }
}

/// `type Name = …;`
public struct CommonTypeDeclaration: Sendable, Hashable {
    /// An identifier: it belongs to the namespace around.
    public let name: Located<String>
    public let type: TypeExpression
    public let annotations: [Annotation]
}

/// `entity A, B in […] = {…} tags …;` or `entity A enum […];`
public struct EntityTypeDeclaration: Sendable, Hashable {
    public enum Kind: Sendable, Hashable {
        /// The shape is a record wherever the Cedar format was read; in JSON it may be the name of one.
        case standard(parents: [Located<Name>], shape: TypeExpression, tags: TypeExpression?)
        /// The only ids that there are; never empty.
        case enumeration([CedarString])
    }

    /// Identifiers: they belong to the namespace around. Never empty; JSON has one each.
    public let names: [Located<String>]
    public let kind: Kind
    public let annotations: [Annotation]
}

/// `action a, "b" in […] appliesTo {…};`
public struct ActionDeclaration: Sendable, Hashable {
    /// Never empty; JSON has one each.
    public let names: [Located<CedarString>]
    public let parents: [Located<ActionReference>]
    /// Nil when the action applies to nothing, such as a group.
    public let appliesTo: AppliesTo?
    public let annotations: [Annotation]

    public struct AppliesTo: Sendable, Hashable {
        /// Never empty in the Cedar format.
        public let principals: [Located<Name>]
        public let resources: [Located<Name>]
        /// Nil for the empty record.
        public let context: TypeExpression?
    }
}

/// An action as another one names it.
public struct ActionReference: Sendable, Hashable, CustomStringConvertible {
    /// Nil for `Action` of the namespace around.
    public let type: Name?
    public let id: CedarString

    public var description: String { EntityUID(type: type ?? Name(unchecked: "Action"), id: id).description }
}

/// A type as it is written.
public indirect enum TypeExpression: Sendable, Hashable {
    /// The primitive types by their names in JSON, which nothing can shadow. In the Cedar format they are `named`.
    case bool, long, string
    case `extension`(ExtensionType)
    case set(TypeExpression)
    /// Each name once.
    case record([AttributeDeclaration])
    /// An entity type.
    case entity(Located<Name>)
    /// A common type.
    case common(Located<Name>)
    /// A common type, or an entity type where there is no such common type.
    case named(Located<Name>)
}

/// An attribute of a record.
public struct AttributeDeclaration: Sendable, Hashable {
    public let name: Located<CedarString>
    public let isRequired: Bool
    public let type: TypeExpression
    public let annotations: [Annotation]
}

extension TypeExpression {
    /// Common types that no schema may declare: JSON has other uses for these words.
    static let reservedNames: Set<String> = [
        "Bool", "Boolean", "Entity", "Extension", "Long", "Record", "Set", "String",
    ]

    /// The namespace of the primitive and extension types.
    static let builtinNamespace = "__cedar"

    /// What a name means in `__cedar`; also outside of it where nothing else has the name.
    static func builtin(_ name: some StringProtocol) -> SchemaType? {
        switch name {
        case "Bool": .bool
        case "Long": .long
        case "String": .string
        default: ExtensionType(rawValue: String(name)).map(SchemaType.extension)
        }
    }
}

extension Name {
    /// A name as a schema refers to it: `__cedar` may be a part of it. Nil when this is no path of identifiers.
    init?(reference text: String) {
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        // Between two identifiers there are two colons, and so an empty part.
        for (index, part) in parts.enumerated() {
            let isWellFormed =
                index % 2 == 1 ? part.isEmpty : Name.isIdentifier(part) || part == TypeExpression.builtinNamespace
            guard isWellFormed else { return nil }
        }
        guard parts.count % 2 == 1 else { return nil }
        self.init(unchecked: text)
    }
}
