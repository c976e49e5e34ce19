import StrictJSON

extension AuthorizationRequest {
    /// Reads `{"principal", "action", "resource", "context"}`, the last of which may be missing. Entities are written
    /// `{"type": …, "id": …}`, or as a string with what stands in policies: `"User::\"alice\""`.
    ///
    /// - Parameter schema: says how values of the context may be written.
    public init(json: JSONValue, schema: Schema? = nil, limits: Limits = Limits()) throws(Diagnostics) {
        guard let object = json.object else { throw Diagnostics(Diagnostic("a request is an object")) }
        let action = try AuthorizationRequest.entity(object, "action")
        self.init(
            principal: try AuthorizationRequest.entity(object, "principal"), action: action,
            resource: try AuthorizationRequest.entity(object, "resource"),
            context: try Record(
                contextJSON: object["context"] ?? .object([:]), schema: schema, action: action, limits: limits))
    }

    private static func entity(_ object: JSONObject, _ key: String) throws(Diagnostics) -> EntityUID {
        guard let json = object[key] else { throw Diagnostics(Diagnostic("\(key): missing")) }
        if let text = json.string { return try EntityUID(parsing: text) }
        return try DocumentProblem.diagnosing { () throws(DocumentProblem) in
            try DocumentProblem.at(key) { () throws(DocumentProblem) in
                try ValueReader(limits: Limits()).entity(json)
            }
        }
    }

    /// - Throws: as `Value.json`.
    public var json: JSONValue {
        get throws(Diagnostics) {
            [
                "principal": principal.json, "action": action.json, "resource": resource.json,
                "context": try context.json,
            ]
        }
    }
}
