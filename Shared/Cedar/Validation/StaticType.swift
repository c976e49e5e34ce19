/// The type that the validator gives an expression. Finer than the types of schemas: it has types for `true` and
/// `false` alone, for entities of one of several types, and for sets and entities of which nothing more is known.
indirect enum StaticType: Hashable, Sendable {
    /// Of no value: the type of the elements of an empty set.
    case never
    case bool, yes, no
    case long, string
    case anyEntity
    case entity(EntityTypes)
    case anySet
    case set(StaticType)
    case record(StaticRecord)
    case `extension`(ExtensionType)

    static func entity(_ name: Name) -> StaticType { .entity(EntityTypes(name)) }
    static func bool(_ value: Bool) -> StaticType { value ? .yes : .no }
    /// Every record is of this type, in permissive subtyping.
    static let anyRecord = StaticType.record(StaticRecord([:], isOpen: true))

    init(_ type: SchemaType) {
        switch type {
        case .bool: self = .bool
        case .long: self = .long
        case .string: self = .string
        case .set(let element): self = .set(StaticType(element))
        case .record(let record): self = .record(StaticRecord(record))
        case .entity(let name): self = .entity(name)
        case .extension(let type): self = .extension(type)
        }
    }

    var isBool: Bool {
        switch self {
        case .bool, .yes, .no: true
        default: false
        }
    }
}

/// One entity type, or several of which an entity has one.
struct EntityTypes: Hashable, Sendable {
    /// In order, each once; never empty.
    let names: [Name]

    init(_ name: Name) { names = [name] }
    private init(sorted names: [Name]) { self.names = names }

    /// Nil when there are several.
    var only: Name? { names.count == 1 ? names[0] : nil }

    func contains(_ name: Name) -> Bool { names.contains(name) }
    func isSubset(of other: EntityTypes) -> Bool { self == other || names.allSatisfy(other.contains) }
    func isDisjoint(with other: EntityTypes) -> Bool { !names.contains(where: other.contains) }
    func union(_ other: EntityTypes) -> EntityTypes {
        self == other ? self : EntityTypes(sorted: Set(names + other.names).sorted())
    }
}

/// The type of a record, or the attributes of an entity type.
struct StaticRecord: Hashable, Sendable {
    struct Attribute: Hashable, Sendable {
        var type: StaticType
        var isRequired: Bool
    }

    var attributes: [CedarString: Attribute]
    /// Whether there may be attributes that are not named.
    var isOpen: Bool

    init(_ attributes: [CedarString: Attribute] = [:], isOpen: Bool = false) {
        self.attributes = attributes
        self.isOpen = isOpen
    }

    init(_ type: RecordType) {
        attributes = type.attributes.mapValues { Attribute(type: StaticType($0.type), isRequired: $0.isRequired) }
        isOpen = type.isOpen
    }
}

extension StaticType {
    /// Its description, cut short where it would fill a page.
    var brief: String {
        let text = description
        return text.utf8.count <= 240 ? text : text.unicodeScalars.prefix(200).map { String($0) }.joined() + "…"
    }
}

extension StaticType: CustomStringConvertible {
    /// As a schema would write it, as far as it can.
    var description: String {
        switch self {
        case .never: "Nothing"
        case .bool: "Bool"
        case .yes: "Bool (always true)"
        case .no: "Bool (always false)"
        case .long: "Long"
        case .string: "String"
        case .anyEntity: "an entity"
        case .entity(let types): types.names.map(\.text).joined(separator: " or ")
        case .anySet: "Set"
        case .set(let element): "Set<\(element)>"
        case .record(let record): record.description
        case .extension(let type): type.rawValue
        }
    }
}

extension StaticRecord: CustomStringConvertible {
    var description: String {
        if attributes.isEmpty { return isOpen ? "a record" : "{}" }
        var fields = attributes.sorted { $0.key < $1.key }.map { name, attribute in
            let key = Name.isWord(name.string) ? name.string : StringLiteral.quoted(name.string)
            return "\(key)\(attribute.isRequired ? "" : "?"): \(attribute.type)"
        }
        if isOpen { fields.append("…") }
        return "{\(fields.joined(separator: ", "))}"
    }
}
