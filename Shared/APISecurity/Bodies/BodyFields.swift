import StrictJSON

/// What is wrong with one place of a body.
public struct BodyFault: Error, Sendable, Hashable {
    /// A JSON pointer (RFC 6901).
    public var pointer: String
    public var detail: String

    public init(pointer: String, detail: String) {
        self.pointer = pointer
        self.detail = detail
    }
}

/// Reads the members of a JSON object strictly: every member has the type that is asked for and nothing is left over.
///
/// A fault does not throw at once: the reader goes on with a stand-in, and `finish()` reports all of them together.
///
///     var fields = try await request.fields(context)
///     let name = fields.string("name", length: 1...64)
///     let age = fields.optionalInt("age", in: 0...150)
///     try fields.finish()
public struct BodyFields: Sendable {
    let object: JSONObject
    let pointer: String
    private var seen: [String] = []
    private(set) var faults: [BodyFault] = []

    /// - Parameter pointer: where the object stands in the body.
    public init(_ object: JSONObject, at pointer: String = "") {
        self.object = object
        self.pointer = pointer
    }

    /// Notes a fault of a member, for rules that types and ranges do not express.
    public mutating func reject(_ name: String, _ detail: String) {
        faults.append(BodyFault(pointer: place(name), detail: detail))
    }

    mutating func reject(_ fault: BodyFault) { faults.append(fault) }

    /// Takes over what another reader has found, such as that of an object within this one.
    public mutating func take(_ other: BodyFields) { faults += other.allFaults }

    /// - Throws: `Problem` 400 that lists all faults, unknown members among them.
    public func finish() throws(Problem) {
        let all = allFaults
        if !all.isEmpty { throw BodyFields.problem(all) }
    }

    /// The faults found so far, and the members nobody asked for.
    public var allFaults: [BodyFault] {
        faults
            + object.keys.filter { key in !seen.contains { $0.sameBytes(as: key) } }.map {
                BodyFault(pointer: place($0), detail: "unknown member")
            }
    }

    static func problem(_ faults: [BodyFault]) -> Problem {
        let shown = faults.prefix(32).map { fault -> JSONValue in
            ["pointer": .string(fault.pointer), "detail": .string(fault.detail)]
        }
        let first = faults.first.map { "\($0.pointer.isEmpty ? "the body" : $0.pointer): \($0.detail)" }
        return Problem(
            status: .badRequest, type: "invalid-body", title: "Invalid request body", detail: first,
            extensions: ["errors": .array(Array(shown))])
    }

    /// RFC 6901 section 3. Names from outside are cut: they come back in the answer.
    func place(_ name: String) -> String {
        var text = ""
        for scalar in name.unicodeScalars.prefix(64) {
            switch scalar {
            case "~": text += "~0"
            case "/": text += "~1"
            default: text.unicodeScalars.append(scalar)
            }
        }
        return "\(pointer)/\(text)"
    }

    // MARK: Reading members

    /// The member's value, whatever it is; nil when there is none.
    public mutating func optionalValue(_ name: String) -> JSONValue? {
        seen.append(name)
        return object[name]
    }

    public mutating func value(_ name: String) -> JSONValue {
        if let value = optionalValue(name) { return value }
        reject(name, "is required")
        return .null
    }

    mutating func read<Value>(_ name: String, _ expected: String, _ convert: (JSONValue) -> Value?) -> Value? {
        guard let value = optionalValue(name) else { return nil }
        if let converted = convert(value) { return converted }
        reject(name, "\(expected) is expected")
        return nil
    }

    /// Reads a member that must be there; a stand-in for what is missing or wrong.
    mutating func required<Value>(
        _ name: String, standIn: Value, _ read: (inout BodyFields) -> Value?
    ) -> Value {
        guard object[name] != nil else {
            seen.append(name)
            reject(name, "is required")
            return standIn
        }
        return read(&self) ?? standIn
    }
}
