import StrictJSON

/// The catalogue as a document: the same members in YAML and in JSON.
extension RoleCatalogue {
    package var json: JSONValue {
        [
            "permissions": .strings(permissions), "session_limit": sessionLimit.json,
            "roles": .object(JSONObject(roles.sorted { $0.key < $1.key }.map { ($0.key, $0.value.json) })),
            "constraints": .array(constraints.map(\.json)),
        ]
    }

    package init(json: JSONValue) throws(RoleCatalogueFault) {
        let place = DocumentPlace(json, "the catalogue")
        try place.allow(["permissions", "session_limit", "roles", "constraints"])
        guard let mapping = json["roles"]?.object else { throw .init("roles: a mapping is expected") }
        var roles: [String: Role] = [:]
        for member in mapping.members {
            roles[member.key] = try Role(json: member.value, at: "roles.\(member.key)")
        }
        var constraints: [Constraint] = []
        for (index, element) in (try place.list("constraints") ?? []).enumerated() {
            constraints.append(try Constraint(json: element, at: "constraints[\(index)]"))
        }
        try self.init(
            permissions: try place.strings("permissions") ?? [],
            sessionLimit: try json["session_limit"].map { value throws(RoleCatalogueFault) in
                try SessionLimit(json: value, at: "session_limit")
            },
            roles: roles, constraints: constraints)
    }
}

extension RoleCatalogue.Role {
    package var json: JSONValue {
        var object: JSONObject = ["permissions": .strings(permissions), "privileged": .bool(isPrivileged)]
        object["description"] = description.map { .string($0) }
        object["session_limit"] = sessionLimit?.json
        if !scopes.isEmpty { object["scopes"] = .strings(scopes) }
        if let elevation {
            object["elevation"] = [
                "eligible": .strings(elevation.eligible), "approvers": .strings(elevation.approvers),
                "maximum_seconds": .int(elevation.maximum / 1_000),
            ]
        }
        object["standing"] = .bool(isStanding)
        return .object(object)
    }

    package init(json: JSONValue, at name: String) throws(RoleCatalogueFault) {
        let place = DocumentPlace(json, name)
        try place.allow([
            "permissions", "privileged", "session_limit", "description", "scopes", "elevation", "standing",
        ])
        guard let permissions = try place.strings("permissions") else {
            throw .init("\(name).permissions: a list of names is expected")
        }
        self.init(permissions: permissions)
        description = try place.string("description")
        isPrivileged = try place.bool("privileged") ?? false
        if let limit = json["session_limit"] { sessionLimit = try .init(json: limit, at: "\(name).session_limit") }
        scopes = try place.strings("scopes") ?? []
        if let value = json["elevation"] {
            let inner = DocumentPlace(value, "\(name).elevation")
            try inner.allow(["eligible", "approvers", "maximum_seconds"])
            guard let seconds = value["maximum_seconds"]?.int, (1...86_400).contains(seconds) else {
                throw .init("\(name).elevation.maximum_seconds: a number from 1 to 86400 is expected")
            }
            elevation = .init(
                eligible: try inner.strings("eligible") ?? [], approvers: try inner.strings("approvers") ?? [],
                maximum: seconds * 1_000)
        }
        isStanding = try place.bool("standing") ?? true
    }
}

extension RoleCatalogue.Constraint {
    package var json: JSONValue {
        [
            "name": .string(name), "kind": .string(kind.rawValue), "roles": .strings(roles),
            "maximum": .int(Int64(maximum)),
        ]
    }

    package init(json: JSONValue, at name: String) throws(RoleCatalogueFault) {
        let place = DocumentPlace(json, name)
        try place.allow(["name", "kind", "roles", "maximum"])
        guard let title = try place.string("name"), !title.isEmpty else {
            throw .init("\(name).name: a name is expected")
        }
        guard let kind = try place.string("kind").flatMap(Kind.init(rawValue:)) else {
            throw .init("\(name).kind: static or dynamic is expected")
        }
        guard let maximum = (json["maximum"] ?? .int(1)).int else {
            throw .init("\(name).maximum: a number is expected")
        }
        self.init(
            name: title, kind: kind, roles: try place.strings("roles") ?? [], maximum: Int(clamping: maximum))
    }
}

extension RoleCatalogue.SessionLimit {
    var json: JSONValue { ["maximum": .int(Int64(maximum)), "when_reached": .string(whenReached.rawValue)] }

    init(json: JSONValue, at name: String) throws(RoleCatalogueFault) {
        let place = DocumentPlace(json, name)
        try place.allow(["maximum", "when_reached"])
        guard let maximum = json["maximum"]?.int, (1...100_000).contains(maximum) else {
            throw .init("\(name).maximum: a number from 1 to 100000 is expected")
        }
        let text = try place.string("when_reached") ?? WhenReached.oldestLeaves.rawValue
        guard let when = WhenReached(rawValue: text) else {
            throw .init("\(name).when_reached: oldest-leaves or refuse is expected")
        }
        self.init(maximum: Int(maximum), whenReached: when)
    }
}

/// A mapping of a document, with the words for where it stands.
private struct DocumentPlace {
    let json: JSONValue
    let name: String

    init(_ json: JSONValue, _ name: String) {
        self.json = json
        self.name = name
    }

    func allow(_ names: Set<String>) throws(RoleCatalogueFault) {
        guard let object = json.object else { throw .init("\(name): a mapping is expected") }
        if let stranger = object.keys.sorted().first(where: { !names.contains($0) }) {
            throw .init("\(name): unknown key \(stranger)")
        }
    }

    func strings(_ key: String) throws(RoleCatalogueFault) -> [String]? {
        guard let value = json[key] else { return nil }
        guard let strings = value.strings else { throw .init("\(name).\(key): a list of names is expected") }
        return strings
    }

    func list(_ key: String) throws(RoleCatalogueFault) -> [JSONValue]? {
        guard let value = json[key] else { return nil }
        guard let list = value.array else { throw .init("\(name).\(key): a list is expected") }
        return list
    }

    func string(_ key: String) throws(RoleCatalogueFault) -> String? {
        guard let value = json[key] else { return nil }
        guard let string = value.string else { throw .init("\(name).\(key): a text is expected") }
        return string
    }

    func bool(_ key: String) throws(RoleCatalogueFault) -> Bool? {
        guard let value = json[key] else { return nil }
        guard let bool = value.bool else { throw .init("\(name).\(key): true or false is expected") }
        return bool
    }
}

extension JSONValue {
    fileprivate static func strings(_ values: [String]) -> JSONValue { .array(values.map { .string($0) }) }
}
