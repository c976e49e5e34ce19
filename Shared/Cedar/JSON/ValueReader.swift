import StrictJSON

/// Reads values from JSON: entities as `{"__entity": {"type", "id"}}`, extension values as `{"__extn": {"fn", "arg"}}`; where a
/// schema says the type, also without these.
///
/// A type says how something is read, not that the result has it: conformance is the validator's.
struct ValueReader {
    let limits: Limits

    func value(_ json: JSONValue, _ expected: SchemaType?, depth: Int = 1) throws(DocumentProblem) -> Value {
        guard depth <= limits.maximumNesting else { throw DocumentProblem("nested too deeply") }
        switch expected {
        case .entity: return .entity(try entity(json))
        case .extension(let type): return try extensionValue(json, type, depth)
        case .set(let element):
            guard let elements = json.array else { throw DocumentProblem("a set was expected") }
            return .set(ValueSet(try values(elements, depth) { _ in element }))
        case .record(let type):
            guard let object = json.object else { throw DocumentProblem("a record was expected") }
            let record = try record(object, type, depth)
            try requireAll(type, in: record)
            return .record(record)
        case .bool, .long, .string, nil: return try untyped(json, depth)
        }
    }

    /// A value that says itself what it is.
    private func untyped(_ json: JSONValue, _ depth: Int) throws(DocumentProblem) -> Value {
        switch json {
        case .null: throw DocumentProblem("there is no null")
        case .double: throw DocumentProblem("numbers are integers of 64 bits")
        case .bool(let value): return .bool(value)
        case .int(let value): return .int(value)
        case .string(let value): return .string(CedarString(value))
        case .array(let elements): return .set(ValueSet(try values(elements, depth) { _ in nil }))
        case .object(let object):
            if object.count == 1, let escape = object.members.first {
                switch escape.key {
                case "__entity":
                    if let uid = try typeAndID(escape.value) {
                        try requireValues(in: escape.value)
                        return .entity(uid)
                    }
                case "__extn":
                    if let call = Call(escape.value) {
                        try requireValues(in: escape.value)
                        return try apply(call, typed: false, depth)
                    }
                case "__expr" where escape.value.string != nil: throw DocumentProblem.expr
                default: break
                }
            }
            return .record(try record(object, RecordType(isOpen: true), depth))
        }
    }

    /// Members of an escape that nobody asks for may be anything but fractions, as everywhere in a value.
    private func requireValues(in escape: JSONValue) throws(DocumentProblem) {
        var open = [escape]
        while let json = open.popLast() {
            switch json {
            case .double: throw DocumentProblem("numbers are integers of 64 bits")
            case .array(let elements): open += elements
            case .object(let object): open += object.members.map(\.value)
            default: break
            }
        }
    }

    private func values(
        _ elements: [JSONValue], _ depth: Int, _ type: (Int) -> SchemaType?
    ) throws(DocumentProblem) -> [Value] {
        var values: [Value] = []
        values.reserveCapacity(elements.count)
        for (index, element) in elements.enumerated() {
            values.append(
                try DocumentProblem.at("[\(index)]") { () throws(DocumentProblem) in
                    try value(element, type(index), depth: depth + 1)
                })
        }
        return values
    }

    /// The members of an object by their names, whatever these are.
    func record(_ object: JSONObject, _ type: RecordType, _ depth: Int) throws(DocumentProblem) -> Record {
        var fields: [(CedarString, Value)] = []
        fields.reserveCapacity(object.count)
        for member in object.members {
            let name = CedarString(member.key)
            let expected = type.attributes[name]
            guard expected != nil || type.isOpen else {
                throw DocumentProblem("the schema has no such attribute").inside(member.key)
            }
            let field = try DocumentProblem.at(member.key) { () throws(DocumentProblem) in
                try value(member.value, expected?.type, depth: depth + 1)
            }
            fields.append((name, field))
        }
        return Record(fields)
    }

    /// That every attribute is there which a record of this type has to have.
    func requireAll(_ type: RecordType, in record: Record) throws(DocumentProblem) {
        for (name, attribute) in type.attributes where attribute.isRequired && record[name] == nil {
            throw DocumentProblem("missing").inside(name.string)
        }
    }
}

extension DocumentProblem {
    static let expr = DocumentProblem("`__expr` is no longer part of the language")
}

// MARK: - Entities

extension ValueReader {
    /// Where nothing but an entity can stand, it may also be written `{"type", "id"}`.
    func entity(_ json: JSONValue) throws(DocumentProblem) -> EntityUID {
        if json["__expr"]?.string != nil { throw DocumentProblem.expr }
        if let escaped = json["__entity"], let uid = try typeAndID(escaped) { return uid }
        if let uid = try typeAndID(json) { return uid }
        throw DocumentProblem("an entity was expected, as {\"type\": …, \"id\": …}")
    }

    /// Nil when this is no object with a type and an id.
    private func typeAndID(_ json: JSONValue) throws(DocumentProblem) -> EntityUID? {
        guard let type = json["type"]?.string, let id = json["id"]?.string else { return nil }
        guard let name = Name(type) else {
            throw DocumentProblem("\(StringLiteral.quoted(type)) is no name of a type").inside("type")
        }
        return EntityUID(type: name, id: CedarString(id))
    }
}

// MARK: - Extension values

extension ValueReader {
    /// `{"fn": …, "arg": …}` or `{"fn": …, "args": […]}`.
    private struct Call {
        let function: String
        let arguments: [JSONValue]

        /// Nil when this is no such object.
        init?(_ json: JSONValue) {
            guard let function = json["fn"]?.string,
                let arguments = json["arg"].map({ [$0] }) ?? json["args"]?.array
            else { return nil }
            self.function = function
            self.arguments = arguments
        }
    }

    /// Where nothing but an extension value can stand, `__extn` may be left out, and so may be the constructor.
    private func extensionValue(
        _ json: JSONValue, _ type: ExtensionType, _ depth: Int
    ) throws(DocumentProblem) -> Value {
        if json["__expr"]?.string != nil { throw DocumentProblem.expr }
        if let call = json["__extn"].flatMap({ Call($0) }) ?? Call(json) { return try apply(call, typed: true, depth) }
        return try apply(type.constructor, [try untyped(json, depth)])
    }

    private func apply(_ call: Call, typed: Bool, _ depth: Int) throws(DocumentProblem) -> Value {
        guard let function = ExtensionFunction(rawValue: call.function) else {
            throw DocumentProblem("there is no function \(StringLiteral.quoted(call.function))").inside("fn")
        }
        let types = function.parameters
        let arguments = try values(call.arguments, depth) { typed && $0 < types.count ? types[$0] : nil }
        return try apply(function, arguments)
    }

    private func apply(_ function: ExtensionFunction, _ arguments: [Value]) throws(DocumentProblem) -> Value {
        do throws(EvaluationError) {
            return try function.apply(arguments)
        } catch {
            switch error {
            case .extension(_, let message): throw DocumentProblem(message)
            case .type(let expected, let actual):
                throw DocumentProblem("\(expected.joined(separator: " or ")) was expected, not \(actual)")
            default: throw DocumentProblem("`\(function.rawValue)` has no value here")
            }
        }
    }
}

extension ExtensionFunction {
    /// The types of its arguments, with the receiver of a method.
    public var parameters: [SchemaType] {
        switch self {
        case .decimal, .ip, .datetime, .duration: [.string]
        case .offset: [.extension(.datetime), .extension(.duration)]
        default: Array(repeating: .extension(type), count: arity)
        }
    }
}
