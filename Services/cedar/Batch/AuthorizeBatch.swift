import Cedar
import StrictJSON

/// Decides the requests of a line of a batch by the compiled engine.
struct AuthorizeBatch {
    let naming: PolicyNaming
    let policyFormat: PolicyFormat?
    let schemaFormat: SchemaFormat?

    func answer(_ line: JSONValue) throws(Fault) -> JSONValue {
        guard let requests = line["requests"]?.array else { throw Fault("`requests` is no array") }
        let schema = try line.optionalPath("schema").map { path throws(Fault) in
            try Schema.load(Source(file: path), schemaFormat)
        }
        let policies = try LoadedPolicies(Source(file: line.path("policies")), policyFormat, naming).set
        let entities = try line.optionalPath("entities").map { path throws(Fault) in
            try Entities.load(Source(file: path), schema)
        }
        let symbols = Symbols()
        let compiled = CompiledPolicies(policies, symbols: symbols)
        let known = entities ?? schema.map { Entities.actions(of: $0) } ?? .none
        let store: EntityStore
        do throws(EntityStoreError) {
            store = try EntityStore(known.all, symbols: symbols)
        } catch {
            switch error {
            case .cycle(let uid): throw Fault("\(uid) is in itself")
            case .duplicate(let uid): throw Fault("\(uid) comes twice")
            }
        }
        var responses: [JSONValue] = []
        responses.reserveCapacity(requests.count)
        for (index, json) in requests.enumerated() {
            let request = try request(json, index, schema)
            responses.append(Self.json(compiled.authorize(request, in: store)))
        }
        return ["responses": .array(responses)]
    }

    private func request(_ json: JSONValue, _ index: Int, _ schema: Schema?) throws(Fault) -> AuthorizationRequest {
        do throws(Diagnostics) {
            guard let object = json.object else { throw Diagnostics(Diagnostic("a request is an object")) }
            func entity(_ key: String) throws(Diagnostics) -> EntityUID {
                guard let uid = try EntityUID.member(key, of: object) else {
                    throw Diagnostics(Diagnostic("\(key): missing"))
                }
                return uid
            }
            let action = try entity("action")
            return AuthorizationRequest(
                principal: try entity("principal"), action: action, resource: try entity("resource"),
                context: try context(object["context"] ?? .object([:]), action, schema))
        } catch {
            throw Fault("requests[\(index)]: " + error.all.map(\.description).joined(separator: "; "))
        }
    }

    /// A context as the schema says it is written; one that does not conform is decided about all the same.
    private func context(
        _ json: JSONValue, _ action: EntityUID, _ schema: Schema?
    ) throws(Diagnostics) -> Record {
        guard let definition = schema?.actions[action] else { return try Record(contextJSON: json) }
        let expected = SchemaType.record(definition.context).relaxed
        guard let value = try? Value(json: json, expected: expected), case .record(let record) = value else {
            return try Record(contextJSON: json)
        }
        return record
    }

    private static func json(_ verdict: Verdict) -> JSONValue {
        [
            "decision": .string(verdict.decision.rawValue),
            "reason": .array(verdict.reasons.map { .string($0.text.string) }),
            "errors": .array(verdict.errors.map { .string($0.policy.text.string) }),
        ]
    }
}

extension SchemaType {
    /// The same type, whose records may lack attributes and have others.
    fileprivate var relaxed: SchemaType {
        switch self {
        case .record(let type):
            .record(
                RecordType(
                    type.attributes.mapValues { AttributeType($0.type.relaxed, isRequired: false) }, isOpen: true))
        case .set(let element): .set(element.relaxed)
        case .bool, .long, .string, .entity, .extension: self
        }
    }
}
