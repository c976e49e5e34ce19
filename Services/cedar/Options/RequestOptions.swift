import ArgumentParser
import Cedar
import StrictJSON

/// A request, of whose parts some may be left open.
struct RequestOptions: ParsableArguments {
    @Option(name: [.customShort("l"), .long], help: ArgumentHelp("As User::\"alice\".", valueName: "entity"))
    var principal: String?
    @Option(name: [.short, .long], help: ArgumentHelp("As Action::\"view\".", valueName: "entity"))
    var action: String?
    @Option(name: [.short, .long], help: ArgumentHelp("As Photo::\"beach\".", valueName: "entity"))
    var resource: String?
    @Option(name: [.short, .long], help: ArgumentHelp("A JSON object.", valueName: "file"))
    var context: String?
    @Option(
        help: ArgumentHelp(
            "All of the request: {\"principal\", \"action\", \"resource\", \"context\"}, entities as strings or as "
                + "{\"type\", \"id\"}.",
            valueName: "file"))
    var requestJson: String?

    func validate() throws {
        guard requestJson == nil || (principal == nil && action == nil && resource == nil && context == nil) else {
            throw ValidationError("--request-json takes the place of --principal, --action, --resource and --context")
        }
    }

    func load(_ schema: Schema?) throws(Fault) -> PartialRequest {
        if let requestJson { return try PartialRequest(Source(file: requestJson), schema) }
        var request = PartialRequest()
        request.principal = try Self.entity(principal, "--principal")
        request.action = try Self.entity(action, "--action")
        request.resource = try Self.entity(resource, "--resource")
        if let context { try request.readContext(Source(file: context), schema) }
        return request
    }

    private static func entity(_ text: String?, _ option: String) throws(Fault) -> EntityUID? {
        guard let text else { return nil }
        return try Fault.reading(Source(name: option, text: text)) { () throws(Diagnostics) in
            try EntityUID(parsing: text)
        }
    }
}

extension PartialRequest {
    init(_ source: Source, _ schema: Schema?) throws(Fault) {
        let json = try source.json()
        self = try Fault.reading(source) { () throws(Diagnostics) in
            guard let object = json.object else { throw Diagnostics(Diagnostic("a request is an object")) }
            var request = PartialRequest()
            request.principal = try EntityUID.member("principal", of: object)
            request.action = try EntityUID.member("action", of: object)
            request.resource = try EntityUID.member("resource", of: object)
            request.context = try object["context"].map { json throws(Diagnostics) in
                try Record(contextJSON: json, schema: schema, action: request.action)
            }
            return request
        }
    }

    mutating func readContext(_ source: Source, _ schema: Schema?) throws(Fault) {
        let json = try source.json()
        context = try Fault.reading(source) { () throws(Diagnostics) in
            try Record(contextJSON: json, schema: schema, action: action)
        }
    }

    /// The whole of it; a context that is not given is empty.
    func complete() throws(Fault) -> AuthorizationRequest {
        guard let principal, let action, let resource else {
            let missing = [(principal, "principal"), (action, "action"), (resource, "resource")].filter { $0.0 == nil }
            throw Fault("the request has no \(missing.map(\.1).joined(separator: ", no "))")
        }
        return AuthorizationRequest(
            principal: principal, action: action, resource: resource, context: context ?? .empty)
    }
}

extension EntityUID {
    /// An entity of a request: a string as it stands in policies, or `{"type", "id"}`.
    static func member(_ key: String, of object: JSONObject) throws(Diagnostics) -> EntityUID? {
        guard let json = object[key] else { return nil }
        do throws(Diagnostics) {
            if let text = json.string { return try EntityUID(parsing: text) }
            return try EntityUID(json: json)
        } catch {
            // Where in the string it is wrong says nothing about the document.
            throw Diagnostics(
                error.all.map { Diagnostic("\(key): \($0.message)", expected: $0.expected, help: $0.help) })
        }
    }
}
