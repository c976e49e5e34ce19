/// How strings stand in policies and schemas.
enum StringLiteral {
    /// The text between double quotes, with what cannot stand there escaped.
    static func quoted(_ text: String) -> String {
        // Most have nothing to escape.
        let isPlain = text.utf8.allSatisfy { (0x20...0x7E).contains($0) && $0 != 0x22 && $0 != 0x5C }
        if isPlain { return "\"" + text + "\"" }
        var result = "\""
        for scalar in text.unicodeScalars { result.unicodeScalars.append(contentsOf: escaped(scalar).unicodeScalars) }
        return result + "\""
    }

    static func escaped(_ scalar: Unicode.Scalar) -> String {
        switch scalar {
        case "\"": "\\\""
        case "\\": "\\\\"
        case "\n": "\\n"
        case "\r": "\\r"
        case "\t": "\\t"
        case "\0": "\\0"
        case _ where scalar.properties.generalCategory == .control || scalar.properties.generalCategory == .format:
            "\\u{\(String(scalar.value, radix: 16))}"
        default: String(scalar)
        }
    }
}
