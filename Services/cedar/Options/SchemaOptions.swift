import ArgumentParser
import Cedar

/// A schema that a command may be given.
struct SchemaOptions: ParsableArguments {
    @Option(name: [.short, .long], help: ArgumentHelp("The schema.", valueName: "file"))
    var schema: String?
    @Option(help: "How it is written; json for names that end so, else cedar.")
    var schemaFormat: SchemaFormat?

    func load() throws(Fault) -> Schema? {
        guard let schema else { return nil }
        return try Schema.load(Source(file: schema), schemaFormat)
    }
}

extension SchemaFormat {
    static func guessed(_ name: String) -> SchemaFormat { name.hasSuffix(".json") ? .json : .cedar }
}

extension Schema {
    static func load(_ source: Source, _ format: SchemaFormat?) throws(Fault) -> Schema {
        switch format ?? .guessed(source.name) {
        case .cedar: return try Fault.reading(source) { () throws(Diagnostics) in try Schema(parsing: source.text) }
        case .json:
            let json = try source.json()
            return try Fault.reading(source) { () throws(Diagnostics) in try Schema(json: json) }
        }
    }
}

extension Entities {
    static func load(_ source: Source, _ schema: Schema?) throws(Fault) -> Entities {
        let json = try source.json()
        return try Fault.reading(source) { () throws(Diagnostics) in try Entities(json: json, schema: schema) }
    }

    /// Entities of a file, which have to be what the schema says of them, where there is one; without a file those of the
    /// schema: its actions.
    static func loadValid(_ path: String?, _ schema: Schema?) throws(Fault) -> Entities {
        guard let path else { return schema.map { actions(of: $0) } ?? .none }
        let source = try Source(file: path)
        let entities = try load(source, schema)
        let issues = schema.map { Validator(schema: $0).validate(entities: entities) } ?? []
        guard issues.isEmpty else {
            throw Fault(Diagnostics(issues.map { Diagnostic($0.about, help: $0.help) }), in: source)
        }
        return entities
    }
}

extension ValidationIssue {
    /// The message with what it was found in.
    var about: String {
        let policy = policy.map { "policy `\($0)`: " } ?? ""
        return policy + (entity.map { "entity `\($0)`: " } ?? "") + message
    }
}

extension AuthorizationRequest {
    /// - Throws: that the schema does not allow it.
    func check(by schema: Schema) throws(Fault) {
        let issues = Validator(schema: schema).validate(request: self)
        guard issues.isEmpty else {
            throw Fault("the schema does not allow this request: " + issues.map(\.description).joined(separator: "; "))
        }
    }
}
