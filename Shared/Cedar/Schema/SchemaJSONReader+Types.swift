import StrictJSON

extension SchemaJSONReader {
    /// Reads a type.
    mutating func type(_ place: JSONPlace, depth: Int = 1) -> TypeExpression { type(place, extras: [], depth: depth).0 }

    /// Reads a type that has further members besides its own.
    mutating func type(
        _ place: JSONPlace, extras: [String], depth: Int = 1
    ) -> (TypeExpression, extras: [String: JSONPlace]) {
        guard depth <= limits.maximumNesting else {
            note("more than \(limits.maximumNesting) levels of nesting", place)
            return (.bool, [:])
        }
        guard let kind = place.value["type"] else {
            note(place.value.object == nil ? "this must be an object" : "the member `type` is missing", place)
            return (.bool, [:])
        }
        guard let kind = kind.string else {
            note("`type` must be a string", place)
            return (.bool, [:])
        }
        var required = ["type"]
        var optional = extras
        switch kind {
        case "Set": required.append("element")
        case "Record":
            required.append("attributes")
            optional.append("additionalAttributes")
        case "Entity", "EntityOrCommon", "Extension": required.append("name")
        default: break
        }
        let fields = fields(place, required: required, optional: optional)
        let type = type(kind, place, fields, depth)
        return (type, fields.filter { extras.contains($0.key) })
    }

    private mutating func type(
        _ kind: String, _ place: JSONPlace, _ fields: [String: JSONPlace], _ depth: Int
    ) -> TypeExpression {
        switch kind {
        case "Boolean": return .bool
        case "Long": return .long
        case "String": return .string
        case "Set": return .set(fields["element"].map { type($0, depth: depth + 1) } ?? .bool)
        case "Record": return .record(attributes(fields, depth))
        case "Entity": return fields["name"].flatMap { name($0) }.map { .entity(Located($0)) } ?? .bool
        case "EntityOrCommon": return fields["name"].flatMap { name($0) }.map { .named(Located($0)) } ?? .bool
        case "Extension":
            guard let place = fields["name"], let name = string(place) else { return .bool }
            guard let type = ExtensionType(rawValue: name) else {
                let help = Suggestion.help(for: name, among: ExtensionType.allCases.map(\.rawValue))
                note("there is no extension type `\(name)`", place, help: help)
                return .bool
            }
            return .extension(type)
        default:
            guard let name = Name(reference: kind) else {
                note("`\(kind)` is no name of a type", place)
                return .bool
            }
            return .common(Located(name))
        }
    }

    private mutating func attributes(_ fields: [String: JSONPlace], _ depth: Int) -> [AttributeDeclaration] {
        if let open = fields["additionalAttributes"] {
            if open.value.bool == nil { note("this must be true or false", open) }
            if open.value.bool == true {
                note("records with other attributes than those named are not supported", open)
            }
        }
        guard let place = fields["attributes"] else { return [] }
        var attributes: [AttributeDeclaration] = []
        for member in members(place, "an object of attributes") {
            let (type, extras) = type(member, extras: ["required", "annotations"], depth: depth + 1)
            let required = extras["required"]
            if let required, required.value.bool == nil { note("this must be true or false", required) }
            attributes.append(
                AttributeDeclaration(
                    name: Located(CedarString(member.key)), isRequired: required?.value.bool ?? true, type: type,
                    annotations: annotations(extras["annotations"])))
        }
        return attributes
    }
}
