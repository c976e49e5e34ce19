import StrictJSON

extension Value {
    /// Reads a value.
    ///
    /// - Parameter expected: what the schema says of its type, which allows entities and extension values to be written
    ///   shorter. A value of another type is not refused.
    /// - Throws: what is no value: null, fractions, unknown extension functions, texts that a type does not have.
    public init(json: JSONValue, expected: SchemaType? = nil, limits: Limits = Limits()) throws(Diagnostics) {
        self = try DocumentProblem.diagnosing { () throws(DocumentProblem) in
            try ValueReader(limits: limits).value(json, expected)
        }
    }

    /// The value so that it can be read back without a schema.
    ///
    /// - Throws: that a record has an attribute `__entity`, `__extn` or `__expr`, as it would be read as something else.
    public var json: JSONValue {
        get throws(Diagnostics) {
            switch self {
            case .bool(let value): return .bool(value)
            case .int(let value): return .int(value)
            case .string(let value): return .string(value.string)
            case .entity(let uid): return ["__entity": uid.json]
            case .set(let set):
                var elements: [JSONValue] = []
                for element in set.elements { elements.append(try element.json) }
                return .array(elements)
            case .record(let record): return try record.json
            case .extension(let value): return value.json
            }
        }
    }
}

extension Record {
    private static let reserved: Set<CedarString> = ["__entity", "__extn", "__expr"]

    /// - Throws: as `Value.json`.
    public var json: JSONValue {
        get throws(Diagnostics) {
            if let field = fields.first(where: { Record.reserved.contains($0.name) }) {
                throw Diagnostics(Diagnostic("a record with an attribute `\(field.name)` cannot be written as JSON"))
            }
            return .object(try members)
        }
    }

    /// What the attributes are by their names, whatever these are.
    var members: JSONObject {
        get throws(Diagnostics) {
            var members: [(key: String, value: JSONValue)] = []
            for field in fields { members.append((field.name.string, try field.value.json)) }
            return JSONObject(distinct: members)
        }
    }

    /// Reads the context of a request.
    ///
    /// - Parameters:
    ///   - schema: says how values may be written.
    ///   - action: of the request; its context is what the schema says of it.
    /// - Throws: what is no record; an action that the schema does not have; attributes that are missing or too many.
    public init(
        contextJSON json: JSONValue, schema: Schema? = nil, action: EntityUID? = nil, limits: Limits = Limits()
    ) throws(Diagnostics) {
        var expected: SchemaType?
        if let schema, let action {
            guard let definition = schema.actions[action] else {
                throw Diagnostics(Diagnostic("the schema has no action \(action)"))
            }
            expected = .record(definition.context)
        }
        guard case .record(let record) = try Value(json: json, expected: expected, limits: limits) else {
            throw Diagnostics(Diagnostic("a context is a record"))
        }
        self = record
    }
}

extension ExtensionValue {
    /// A call that makes the value.
    public var json: JSONValue {
        switch self {
        case .decimal(let value): call(.decimal, .string(value.description))
        case .ip(let value): call(.ip, .string(value.description))
        case .duration(let value): call(.duration, .string(value.description))
        case .datetime(let value) where value.hasLiteral: call(.datetime, .string(value.description))
        case .datetime(let value):
            // Texts reach only so far; from the epoch on everything is reached.
            [
                "__extn": [
                    "fn": .string(ExtensionFunction.offset.rawValue),
                    "args": [
                        call(.datetime, "1970-01-01"),
                        ExtensionValue.duration(Duration(milliseconds: value.milliseconds)).json,
                    ],
                ]
            ]
        }
    }

    private func call(_ function: ExtensionFunction, _ argument: JSONValue) -> JSONValue {
        ["__extn": ["fn": .string(function.rawValue), "arg": argument]]
    }
}
