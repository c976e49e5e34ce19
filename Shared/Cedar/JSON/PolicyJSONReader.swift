import StrictJSON

/// Reads the JSON format of policies. Members that the format does not know are refused.
///
/// The first mistake ends reading; its message begins with the path to where it was found.
struct PolicyJSONReader {
    let limits: Limits
    /// Whether `unknown` may stand for something that partial evaluation does not know.
    var allowsUnknowns = false
    /// Members and elements from the document to where reading is.
    private var path: [String] = []

    init(limits: Limits, allowsUnknowns: Bool = false) {
        self.limits = limits
        self.allowsUnknowns = allowsUnknowns
    }

    // MARK: Places

    func problem(_ message: String, expected: [String] = [], help: String? = nil) -> Diagnostic {
        let place = path.isEmpty ? "the document" : path.joined(separator: ".")
        return Diagnostic("\(place): \(message)", expected: expected, help: help)
    }

    mutating func enter(_ step: String) { path.append(step) }
    mutating func leave() { path.removeLast() }

    /// Reads something at a step below the current place.
    mutating func at<T>(
        _ step: String, _ body: (inout PolicyJSONReader) throws(Diagnostic) -> T
    ) throws(Diagnostic) -> T {
        enter(step)
        let value = try body(&self)
        leave()
        return value
    }

    // MARK: Parts

    /// The members of an object that has no others than these.
    func object(_ json: JSONValue, allowed: [String]) throws(Diagnostic) -> JSONObject {
        guard let object = json.object else { throw problem("not an object") }
        for member in object.members where !allowed.contains(member.key) {
            throw problem(
                "unknown member `\(member.key)`", expected: allowed.map { "`\($0)`" },
                help: Suggestion.help(for: member.key, among: allowed))
        }
        return object
    }

    func member(_ name: String, of object: JSONObject) throws(Diagnostic) -> JSONValue {
        guard let value = object[name] else { throw problem("`\(name)` is missing") }
        return value
    }

    mutating func string(_ name: String, of object: JSONObject) throws(Diagnostic) -> String {
        let value = try member(name, of: object)
        guard let string = value.string else { throw at(name).problem("not a string") }
        return string
    }

    mutating func array(_ name: String, of object: JSONObject) throws(Diagnostic) -> [JSONValue] {
        let value = try member(name, of: object)
        guard let array = value.array else { throw at(name).problem("not an array") }
        return array
    }

    /// This reader at a step below, for a message.
    func at(_ step: String) -> PolicyJSONReader {
        var below = self
        below.enter(step)
        return below
    }

    func typeName(_ text: String) throws(Diagnostic) -> Name {
        guard let name = Name(text) else { throw problem("`\(text)` is no name of an entity type") }
        return name
    }

    /// `{"type": …, "id": …}`, also inside of `__entity`.
    mutating func entity(_ json: JSONValue) throws(Diagnostic) -> EntityUID {
        var json = json
        if let inner = json["__entity"] {
            _ = try object(json, allowed: ["__entity"])
            json = inner
        }
        let object = try object(json, allowed: ["type", "id"])
        let type = try typeName(try string("type", of: object))
        return EntityUID(type: type, id: CedarString(try string("id", of: object)))
    }
}
