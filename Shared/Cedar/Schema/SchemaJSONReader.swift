import StrictJSON

extension SchemaFragment {
    /// Reads the JSON format.
    ///
    /// - Throws: every mistake that was found, with its path. Names that nothing is declared for are no mistake here.
    public init(json: JSONValue, limits: Limits = Limits()) throws(Diagnostics) {
        var reader = SchemaJSONReader(limits: limits)
        self = reader.fragment(json)
        guard reader.problems.isEmpty else { throw Diagnostics(reader.problems) }
    }
}

extension Schema {
    /// Reads a whole schema of the JSON format.
    ///
    /// - Throws: every mistake that was found.
    public init(json: JSONValue, limits: Limits = Limits()) throws(Diagnostics) {
        try self.init([try SchemaFragment(json: json, limits: limits)], limits: limits)
    }
}

/// Reads the JSON format of schemas. Members that the format does not know are mistakes.
///
/// What is wrong is noted in `problems`; then something harmless is returned, so that reading goes on.
struct SchemaJSONReader {
    let limits: Limits
    private(set) var problems: [Diagnostic] = []

    init(limits: Limits) { self.limits = limits }

    // MARK: Namespaces

    mutating func fragment(_ json: JSONValue) -> SchemaFragment {
        let root = JSONPlace(path: [], value: json)
        var namespaces: [SchemaNamespace] = []
        for place in members(root, "an object of namespaces") { namespaces.append(namespace(place)) }
        return SchemaFragment(namespaces: namespaces)
    }

    private mutating func namespace(_ place: JSONPlace) -> SchemaNamespace {
        let name = Name(place.key)
        if name == nil, !place.key.isEmpty { note("no namespace can be called `\(place.key)`", place) }
        let fields = fields(place, required: ["entityTypes", "actions"], optional: ["commonTypes", "annotations"])
        var namespace = SchemaNamespace(name, annotations: annotations(fields["annotations"]))
        if place.key.isEmpty, !namespace.annotations.isEmpty {
            note("only a namespace with a name can have annotations", place)
        }
        if let types = fields["commonTypes"] {
            for type in members(types, "an object of types") { namespace.commonTypes.append(commonType(type)) }
        }
        if let types = fields["entityTypes"] {
            for type in members(types, "an object of entity types") { namespace.entityTypes.append(entityType(type)) }
        }
        if let actions = fields["actions"] {
            for action in members(actions, "an object of actions") { namespace.actions.append(self.action(action)) }
        }
        return namespace
    }

    // MARK: Declarations

    private mutating func commonType(_ place: JSONPlace) -> CommonTypeDeclaration {
        checkIdentifier(place.key, place)
        if TypeExpression.reservedNames.contains(place.key) {
            note("no common type can be called `\(place.key)`", place)
        }
        let (type, extras) = type(place, extras: ["annotations"])
        return CommonTypeDeclaration(
            name: Located(place.key), type: type, annotations: annotations(extras["annotations"]))
    }

    private mutating func entityType(_ place: JSONPlace) -> EntityTypeDeclaration {
        checkIdentifier(place.key, place)
        let fields = fields(place, optional: ["memberOfTypes", "shape", "tags", "enum", "annotations"])
        let kind: EntityTypeDeclaration.Kind
        if let ids = fields["enum"] {
            for other in ["memberOfTypes", "shape", "tags"] where fields[other] != nil {
                note("an enumerated entity type has no `\(other)`", place)
            }
            let strings = strings(ids)
            if strings.isEmpty, ids.value.array?.isEmpty ?? false { note("an enumeration needs one id or more", ids) }
            kind = .enumeration(strings.map { CedarString($0) })
        } else {
            kind = .standard(
                parents: names(fields["memberOfTypes"]), shape: fields["shape"].map { type($0) } ?? .record([]),
                tags: fields["tags"].map { type($0) })
        }
        return EntityTypeDeclaration(
            names: [Located(place.key)], kind: kind, annotations: annotations(fields["annotations"]))
    }

    private mutating func action(_ place: JSONPlace) -> ActionDeclaration {
        let fields = fields(place, optional: ["attributes", "appliesTo", "memberOf", "annotations"])
        // These three may be null, and then are as if they were not there.
        if let attributes = fields["attributes"], !attributes.value.isNull {
            note("attributes of actions are not supported", attributes)
        }
        var appliesTo: ActionDeclaration.AppliesTo?
        if let spec = fields["appliesTo"], !spec.value.isNull { appliesTo = self.appliesTo(spec) }
        var parents: [Located<ActionReference>] = []
        if let groups = fields["memberOf"], !groups.value.isNull {
            for group in elements(groups) { if let parent = actionReference(group) { parents.append(Located(parent)) } }
        }
        return ActionDeclaration(
            names: [Located(CedarString(place.key))], parents: parents, appliesTo: appliesTo,
            annotations: annotations(fields["annotations"]))
    }

    private mutating func appliesTo(_ place: JSONPlace) -> ActionDeclaration.AppliesTo {
        let fields = fields(place, required: ["principalTypes", "resourceTypes"], optional: ["context"])
        return ActionDeclaration.AppliesTo(
            principals: names(fields["principalTypes"]), resources: names(fields["resourceTypes"]),
            context: fields["context"].map { type($0) })
    }

    private mutating func actionReference(_ place: JSONPlace) -> ActionReference? {
        let fields = fields(place, required: ["id"], optional: ["type"])
        guard let id = fields["id"].flatMap({ string($0) }) else { return nil }
        guard let type = fields["type"], !type.value.isNull else {
            return ActionReference(type: nil, id: CedarString(id))
        }
        return name(type).map { ActionReference(type: $0, id: CedarString(id)) }
    }

    // MARK: Parts

    mutating func names(_ place: JSONPlace?) -> [Located<Name>] {
        guard let place else { return [] }
        var names: [Located<Name>] = []
        for element in elements(place) { if let name = name(element) { names.append(Located(name)) } }
        return names
    }

    mutating func annotations(_ place: JSONPlace?) -> [Annotation] {
        guard let place else { return [] }
        var annotations: [Annotation] = []
        for member in members(place, "an object of annotations") {
            if !Name.isWord(member.key) { note("no annotation can be called `\(member.key)`", member) }
            let value = member.value.isNull ? nil : string(member)
            annotations.append(Annotation(key: member.key, value: value))
        }
        return annotations
    }

    private mutating func checkIdentifier(_ text: String, _ place: JSONPlace) {
        if !Name.isIdentifier(text) { note("`\(text)` is no name of a type", place) }
    }

    mutating func name(_ place: JSONPlace) -> Name? {
        guard let text = string(place) else { return nil }
        let name = Name(reference: text)
        if name == nil { note("`\(text)` is no name of a type", place) }
        return name
    }

    mutating func string(_ place: JSONPlace) -> String? {
        if place.value.string == nil { note("this must be a string", place) }
        return place.value.string
    }

    private mutating func strings(_ place: JSONPlace) -> [String] {
        var strings: [String] = []
        for element in elements(place) { if let text = string(element) { strings.append(text) } }
        return strings
    }

    private mutating func elements(_ place: JSONPlace) -> [JSONPlace] {
        guard let values = place.value.array else {
            note("this must be an array", place)
            return []
        }
        return values.enumerated().map { JSONPlace(path: place.path + ["\($0.offset)"], value: $0.element) }
    }

    mutating func members(_ place: JSONPlace, _ expected: String) -> [JSONPlace] {
        guard let object = place.value.object else {
            note("this must be \(expected)", place)
            return []
        }
        return object.members.map { JSONPlace(path: place.path + [$0.key], value: $0.value) }
    }

    /// The members of an object that has exactly these.
    mutating func fields(
        _ place: JSONPlace, required: [String] = [], optional: [String]
    ) -> [String: JSONPlace] {
        guard let object = place.value.object else {
            note("this must be an object", place)
            return [:]
        }
        var fields: [String: JSONPlace] = [:]
        for (key, value) in object.members {
            let member = JSONPlace(path: place.path + [key], value: value)
            if required.contains(key) || optional.contains(key) {
                fields[key] = member
            } else {
                let help = Suggestion.help(for: key, among: required + optional)
                note("the format has no member `\(key)` here", place, help: help)
            }
        }
        for key in required where fields[key] == nil { note("the member `\(key)` is missing", place) }
        return fields
    }

    mutating func note(_ message: String, _ place: JSONPlace, help: String? = nil) {
        guard problems.count < Parser.maximumProblems else { return }
        problems.append(Diagnostic("\(place): \(message)", help: help))
    }
}

/// A value of a document, and where it stands.
struct JSONPlace: CustomStringConvertible {
    let path: [String]
    let value: JSONValue

    /// The name of the member.
    var key: String { path.last ?? "" }

    /// As a JSON pointer (RFC 6901); the document itself is `the schema`.
    var description: String {
        path.isEmpty ? "the schema" : path.map { "/" + $0.escapedForPointer }.joined()
    }
}

extension String {
    fileprivate var escapedForPointer: String {
        String(flatMap { $0 == "~" ? "~0" : $0 == "/" ? "~1" : String($0) })
    }
}
