extension Value {
    /// As an expression of the language whose value it is.
    public var text: String {
        switch self {
        case .bool(let value): "\(value)"
        case .int(let value): "\(value)"
        case .string(let value): StringLiteral.quoted(value.string)
        case .entity(let uid): uid.description
        case .set(let set): "[\(set.elements.map(\.text).joined(separator: ", "))]"
        case .record(let record): record.text
        case .extension(let value): value.text
        }
    }
}

extension Record {
    /// As an expression of the language whose value it is.
    public var text: String {
        let members = fields.map { field in
            let name = field.name.string
            return "\(Name.isIdentifier(name) ? name : StringLiteral.quoted(name)): \(field.value.text)"
        }
        return "{\(members.joined(separator: ", "))}"
    }
}

extension ExtensionValue {
    /// As an expression of the language whose value it is.
    public var text: String {
        switch self {
        case .decimal(let value): call(.decimal, value.description)
        case .ip(let value): call(.ip, value.description)
        case .duration(let value): call(.duration, value.description)
        case .datetime(let value) where value.hasLiteral: call(.datetime, value.description)
        case .datetime(let value):
            // Texts reach only so far; from the epoch on everything is reached.
            call(.datetime, "1970-01-01")
                + ".offset(\(call(.duration, Duration(milliseconds: value.milliseconds).description)))"
        }
    }

    private func call(_ function: ExtensionFunction, _ argument: String) -> String {
        "\(function.rawValue)(\(StringLiteral.quoted(argument)))"
    }
}
