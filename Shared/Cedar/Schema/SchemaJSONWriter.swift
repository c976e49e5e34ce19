import StrictJSON

// Within a fragment names are distinct: the readers see to it.

extension SchemaFragment {
    /// The JSON format of this.
    public var json: JSONValue {
        .object(JSONObject(distinct: namespaces.map { (key: $0.name?.text ?? "", value: $0.json) }))
    }
}

extension SchemaNamespace {
    var json: JSONValue {
        var object = JSONObject()
        if !annotations.isEmpty { object["annotations"] = .annotations(annotations) }
        if !commonTypes.isEmpty {
            let types = commonTypes.map { (key: $0.name.value, value: JSONValue.object($0.json)) }
            object["commonTypes"] = .object(JSONObject(distinct: types))
        }
        let types = entityTypes.flatMap { type in
            let json = JSONValue.object(type.json)
            return type.names.map { (key: $0.value, value: json) }
        }
        let actions = actions.flatMap { action in
            let json = JSONValue.object(action.json)
            return action.names.map { (key: $0.value.string, value: json) }
        }
        object["entityTypes"] = .object(JSONObject(distinct: types))
        object["actions"] = .object(JSONObject(distinct: actions))
        return .object(object)
    }
}

extension CommonTypeDeclaration {
    fileprivate var json: JSONObject {
        var object = type.json
        if !annotations.isEmpty { object["annotations"] = .annotations(annotations) }
        return object
    }
}

extension EntityTypeDeclaration {
    fileprivate var json: JSONObject {
        var object = JSONObject()
        switch kind {
        case .enumeration(let ids): object["enum"] = .array(ids.map { .string($0.string) })
        case .standard(let parents, let shape, let tags):
            if !parents.isEmpty { object["memberOfTypes"] = .names(parents) }
            if shape != .record([]) { object["shape"] = .object(shape.json) }
            if let tags { object["tags"] = .object(tags.json) }
        }
        if !annotations.isEmpty { object["annotations"] = .annotations(annotations) }
        return object
    }
}

extension ActionDeclaration {
    fileprivate var json: JSONObject {
        var object = JSONObject()
        if !parents.isEmpty { object["memberOf"] = .array(parents.map { .object($0.value.json) }) }
        if let appliesTo { object["appliesTo"] = .object(appliesTo.json) }
        if !annotations.isEmpty { object["annotations"] = .annotations(annotations) }
        return object
    }
}

extension ActionDeclaration.AppliesTo {
    fileprivate var json: JSONObject {
        var object: JSONObject = ["principalTypes": .names(principals), "resourceTypes": .names(resources)]
        if let context { object["context"] = .object(context.json) }
        return object
    }
}

extension ActionReference {
    fileprivate var json: JSONObject {
        var object = JSONObject()
        if let type { object["type"] = .string(type.text) }
        object["id"] = .string(id.string)
        return object
    }
}

extension TypeExpression {
    fileprivate var json: JSONObject {
        switch self {
        case .bool: return ["type": "Boolean"]
        case .long: return ["type": "Long"]
        case .string: return ["type": "String"]
        case .extension(let type): return ["type": "Extension", "name": .string(type.rawValue)]
        case .set(let element): return ["type": "Set", "element": .object(element.json)]
        case .entity(let name): return ["type": "Entity", "name": .string(name.value.text)]
        case .named(let name): return ["type": "EntityOrCommon", "name": .string(name.value.text)]
        case .common(let name):
            let text = name.value.text
            return Self.kindsInJSON.contains(text)
                ? ["type": "EntityOrCommon", "name": .string(text)] : ["type": .string(text)]
        case .record(let attributes):
            let members = attributes.map { (key: $0.name.value.string, value: JSONValue.object($0.json)) }
            return ["type": "Record", "attributes": .object(JSONObject(distinct: members))]
        }
    }
}

extension TypeExpression {
    /// What `type` can say other than the name of a common type.
    private static let kindsInJSON: Set<String> = [
        "Boolean", "Entity", "EntityOrCommon", "Extension", "Long", "Record", "Set", "String",
    ]
}

extension AttributeDeclaration {
    fileprivate var json: JSONObject {
        var object = type.json
        if !isRequired { object["required"] = false }
        if !annotations.isEmpty { object["annotations"] = .annotations(annotations) }
        return object
    }
}

extension JSONValue {
    fileprivate static func names(_ names: [Located<Name>]) -> JSONValue {
        .array(names.map { .string($0.value.text) })
    }

    fileprivate static func annotations(_ annotations: [Annotation]) -> JSONValue {
        .object(JSONObject(annotations.map { ($0.key, $0.value.map(JSONValue.string) ?? .null) }))
    }
}
