extension SchemaParser {
    /// Reads `Set<T>`, a record, or the name of a type.
    mutating func type() throws(Diagnostic) -> TypeExpression {
        if current.kind == .openBrace { return .record(try record()) }
        guard current.kind == .word else { throw unexpected(["a type"], help: helpForType) }
        let name = try path()
        guard name.value.text == "Set", current.kind == .less else { return .named(name) }
        try enter(.less)
        defer { leave() }
        let element = try type()
        try expect(.greater)
        return .set(element)
    }

    private var helpForType: String? {
        switch current.kind {
        case .string: "the name of a type is written without quotation marks"
        case .openBracket: "a set is written `Set<…>`"
        default: nil
        }
    }

    /// Reads `{ a: T, "b"?: U }`. Where an attribute is declared twice, the last one counts.
    mutating func record() throws(Diagnostic) -> [AttributeDeclaration] {
        try enter(.openBrace)
        defer { leave() }
        var attributes: [AttributeDeclaration] = []
        var places: [CedarString: Int] = [:]
        while current.kind != .closeBrace {
            let attribute = try attribute()
            if let place = places[attribute.name.value] {
                attributes[place] = attribute
            } else {
                places[attribute.name.value] = attributes.count
                attributes.append(attribute)
            }
            guard skip(.comma) else { break }
        }
        let help = "attributes are separated by commas, and the record is closed with `}`"
        try expect(.closeBrace, "`,`", help: current.kind == .semicolon ? help : nil)
        return attributes
    }

    private mutating func attribute() throws(Diagnostic) -> AttributeDeclaration {
        let annotations = try annotations()
        guard current.kind == .word || current.kind == .string else {
            throw unexpected(["the name of an attribute"] + (annotations.isEmpty ? ["`}`"] : []))
        }
        let name = try quotableName()
        let isOptional = skip(.question)
        try expect(.colon, help: isOptional ? nil : "an optional attribute is written `name?: Type`")
        return AttributeDeclaration(
            name: name, isRequired: !isOptional, type: try type(), annotations: annotations)
    }
}
