/// Compares values with the types that a schema gives them.
struct ValueCheck {
    let index: SchemaIndex
    private(set) var issues: [ValidationIssue] = []

    init(_ index: SchemaIndex) { self.index = index }

    mutating func report(_ code: ValidationIssue.Code, _ message: String, help: String? = nil) {
        issues.append(ValidationIssue(code, message, help: help))
    }

    /// Checks a value; `place` is where it stands, for messages.
    mutating func check(_ value: Value, _ type: StaticType, at place: String) {
        switch (value, type) {
        case (.bool, .bool), (.int, .long), (.string, .string): break
        case (.entity(let uid), .entity(let types)) where types.contains(uid.type): checkName(uid, at: place)
        case (.extension(let value), .extension(let type)) where value.type == type: break
        case (.set(let set), .set(let element)):
            for (position, value) in set.elements.enumerated() { check(value, element, at: "\(place)[\(position)]") }
        case (.record(let record), .record(let type)): check(record, type, at: place)
        default:
            report(.wrongValueType, "\(place) is \(value.typePhrase), where the schema has \(type.brief)")
        }
    }

    /// Checks a record: required attributes must be there, others that are not named must not.
    mutating func check(_ record: Record, _ type: StaticRecord, at place: String) {
        for name in type.attributes.keys.sorted() where type.attributes[name]?.isRequired == true && record[name] == nil
        {
            report(.missingAttribute, "\(place)\(Expr.access(name)) is missing, which the schema requires")
        }
        for field in record.fields {
            let fieldPlace = place + Expr.access(field.name)
            if let attribute = type.attributes[field.name] {
                check(field.value, attribute.type, at: fieldPlace)
            } else if type.isOpen {
                checkNames(field.value, at: fieldPlace)
            } else {
                report(
                    .unexpectedAttribute, "\(fieldPlace) is not in the schema",
                    help: Suggestion.help(for: field.name.string, among: type.attributes.keys.map(\.string)))
            }
        }
    }

    /// Actions and enumerated entities must be those of the schema.
    mutating func checkName(_ uid: EntityUID, at place: String) {
        if uid.isAction {
            if index.action(uid) == nil {
                report(.unknownAction, "\(place) is `\(uid)`, which is no action of the schema")
            }
        } else if let ids = index.schema.entityTypes[uid.type]?.enumeration, !ids.contains(uid.id) {
            report(
                .unknownEnumeratedID, "\(place) is `\(uid)`, which is none of the entities of type `\(uid.type)`",
                help: "these are \(ids.map { StringLiteral.quoted($0.string) }.joined(separator: ", "))")
        }
    }

    private mutating func checkNames(_ value: Value, at place: String) {
        switch value {
        case .entity(let uid): checkName(uid, at: place)
        case .set(let set): for element in set.elements { checkNames(element, at: place) }
        case .record(let record):
            for field in record.fields { checkNames(field.value, at: place + Expr.access(field.name)) }
        default: break
        }
    }
}

extension Value {
    /// What it is, for people.
    fileprivate var typePhrase: String {
        switch self {
        case .bool: "a Bool"
        case .int: "a Long"
        case .string: "a String"
        case .entity(let uid): "an entity of type \(uid.type)"
        case .set: "a set"
        case .record: "a record"
        case .extension(let value): "a value of type \(value.type.rawValue)"
        }
    }
}
