import Cedar
import StrictJSON

/// What a caller may say of entities and context when it asks for a decision. Everything else comes from the token or from
/// the entity store, so that nobody talks herself into access.
///
///     {"context": ["venue"], "entities": {"Order": ["notional", "instrument_class"]}}
///
/// `"*"` stands for every name.
public struct AssertableAttributes: Sendable, Hashable {
    public var context: Set<CedarString> = []
    public var entities: [Name: Set<CedarString>] = [:]

    public init() {}

    public init(parsing text: String) throws(Diagnostics) {
        guard let object = try TemplateLinks.parse(text).object else {
            throw Diagnostics(Diagnostic("an object is expected"))
        }
        for member in object.members {
            switch member.key {
            case "context": context = try AssertableAttributes.names(member.value, at: "context")
            case "entities":
                guard let types = member.value.object else {
                    throw Diagnostics(Diagnostic("entities: an object of entity types is expected"))
                }
                for type in types.members {
                    guard let name = Name(type.key) else {
                        throw Diagnostics(Diagnostic("entities.\(type.key): is not the name of an entity type"))
                    }
                    entities[name] = try AssertableAttributes.names(type.value, at: "entities.\(type.key)")
                }
            default: throw Diagnostics(Diagnostic("\(member.key) is not known", expected: ["context", "entities"]))
            }
        }
    }

    private static func names(_ value: JSONValue, at place: String) throws(Diagnostics) -> Set<CedarString> {
        guard let names = value.strings else { throw Diagnostics(Diagnostic("\(place): a list of names is expected")) }
        return Set(names.map { CedarString($0) })
    }

    public func allowsContext(_ name: CedarString) -> Bool { context.contains(name) || context.contains("*") }

    public func allows(_ name: CedarString, of type: Name) -> Bool {
        guard let names = entities[type] else { return false }
        return names.contains(name) || names.contains("*")
    }
}
