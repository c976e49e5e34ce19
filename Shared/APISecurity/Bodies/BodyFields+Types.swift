import StrictJSON

extension BodyFields {
    // MARK: Text

    /// - Parameters:
    ///   - length: in Unicode scalars, as JSON Schema counts.
    ///   - pattern: what the text has to be like, and how that is said.
    public mutating func string(
        _ name: String, length: ClosedRange<Int> = 0...1_024, pattern: TextPattern? = nil
    ) -> String {
        required(name, standIn: "") { $0.optionalString(name, length: length, pattern: pattern) }
    }

    public mutating func optionalString(
        _ name: String, length: ClosedRange<Int> = 0...1_024, pattern: TextPattern? = nil
    ) -> String? {
        guard let text = read(name, "a string", \.string) else { return nil }
        if let fault = BodyFields.fault(text, length, pattern) {
            reject(name, fault)
            return nil
        }
        return text
    }

    private static func fault(_ text: String, _ length: ClosedRange<Int>, _ pattern: TextPattern?) -> String? {
        if !length.contains(text.unicodeScalars.count) {
            return "\(length.lowerBound) to \(length.upperBound) characters are expected"
        }
        if let pattern, !pattern.matches(text) { return "\(pattern.expected) is expected" }
        return nil
    }

    /// One of the values of an enumeration.
    public mutating func choice<Value: RawRepresentable & CaseIterable>(
        _ name: String, of type: Value.Type = Value.self, standIn: Value
    ) -> Value where Value.RawValue == String {
        required(name, standIn: standIn) { $0.optionalChoice(name, of: type) }
    }

    public mutating func optionalChoice<Value: RawRepresentable & CaseIterable>(
        _ name: String, of type: Value.Type = Value.self
    ) -> Value? where Value.RawValue == String {
        let known = Value.allCases.map(\.rawValue).joined(separator: ", ")
        return read(name, "one of \(known)") { $0.string.flatMap(Value.init(rawValue:)) }
    }

    // MARK: Numbers and truth

    /// Its stand-in is the value of the range that is closest to zero: code may count with it before `finish()`, which the
    /// ends of a wide range would not bear.
    public mutating func int(_ name: String, in range: ClosedRange<Int> = Int.min...Int.max) -> Int {
        required(name, standIn: min(max(0, range.lowerBound), range.upperBound)) { $0.optionalInt(name, in: range) }
    }

    public mutating func optionalInt(_ name: String, in range: ClosedRange<Int> = Int.min...Int.max) -> Int? {
        let expected =
            range == Int.min...Int.max ? "an integer" : "an integer from \(range.lowerBound) to \(range.upperBound)"
        return read(name, expected) { value in
            value.int.flatMap { Int(exactly: $0) }.flatMap { range.contains($0) ? $0 : nil }
        }
    }

    public mutating func double(_ name: String, in range: ClosedRange<Double>) -> Double {
        required(name, standIn: min(max(0, range.lowerBound), range.upperBound)) { $0.optionalDouble(name, in: range) }
    }

    public mutating func optionalDouble(_ name: String, in range: ClosedRange<Double>) -> Double? {
        read(name, "a number from \(range.lowerBound) to \(range.upperBound)") { value in
            value.double.flatMap { range.contains($0) ? $0 : nil }
        }
    }

    public mutating func bool(_ name: String) -> Bool {
        required(name, standIn: false) { $0.optionalBool(name) }
    }

    public mutating func optionalBool(_ name: String) -> Bool? { read(name, "true or false", \.bool) }

    // MARK: Arrays and objects

    public mutating func stringArray(
        _ name: String, count: ClosedRange<Int> = 0...1_000, length: ClosedRange<Int> = 1...256
    ) -> [String] {
        required(name, standIn: []) { $0.optionalStringArray(name, count: count, length: length) }
    }

    public mutating func optionalStringArray(
        _ name: String, count: ClosedRange<Int> = 0...1_000, length: ClosedRange<Int> = 1...256
    ) -> [String]? {
        guard let values = elements(name, count) else { return nil }
        var texts: [String] = []
        for (index, value) in values.enumerated() {
            if let text = value.string, length.contains(text.unicodeScalars.count) {
                texts.append(text)
            } else {
                reject(
                    name, index, "a string of \(length.lowerBound) to \(length.upperBound) characters is expected")
            }
        }
        return texts
    }

    public mutating func object(_ name: String) -> JSONObject {
        required(name, standIn: [:]) { $0.optionalObject(name) }
    }

    public mutating func optionalObject(_ name: String) -> JSONObject? { read(name, "an object", \.object) }

    public mutating func objectArray(_ name: String, count: ClosedRange<Int> = 0...1_000) -> [JSONObject] {
        required(name, standIn: []) { $0.optionalObjectArray(name, count: count) }
    }

    public mutating func optionalObjectArray(
        _ name: String, count: ClosedRange<Int> = 0...1_000
    ) -> [JSONObject]? {
        guard let values = elements(name, count) else { return nil }
        var objects: [JSONObject] = []
        for (index, value) in values.enumerated() {
            if let object = value.object {
                objects.append(object)
            } else {
                reject(name, index, "an object is expected")
            }
        }
        return objects
    }

    /// Reads an object within this one by the same rules; its faults count here.
    public mutating func nested<Result>(_ name: String, _ body: (inout BodyFields) -> Result) -> Result {
        var inner = BodyFields(object(name), at: place(name))
        let result = body(&inner)
        if self.object[name]?.object != nil { take(inner) }
        return result
    }

    private mutating func elements(_ name: String, _ count: ClosedRange<Int>) -> [JSONValue]? {
        guard let values = read(name, "an array", \.array) else { return nil }
        guard count.contains(values.count) else {
            reject(name, "\(count.lowerBound) to \(count.upperBound) elements are expected")
            return nil
        }
        return values
    }

    private mutating func reject(_ name: String, _ index: Int, _ detail: String) {
        reject(BodyFault(pointer: "\(place(name))/\(index)", detail: detail))
    }
}

/// What a text has to be like.
public struct TextPattern: Sendable {
    let expected: String
    let matches: @Sendable (String) -> Bool

    /// - Parameter expected: completes "... is expected".
    public init(_ expected: String, matches: @escaping @Sendable (String) -> Bool) {
        self.expected = expected
        self.matches = matches
    }

    /// Letters, digits and `-_.:`.
    public static let identifier = TextPattern("an identifier of letters, digits and - _ . :") { text in
        !text.isEmpty
            && text.utf8.allSatisfy { byte in
                switch byte {
                case 0x30...0x39, 0x41...0x5A, 0x61...0x7A: true
                case UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: "."), UInt8(ascii: ":"): true
                default: false
                }
            }
    }

    /// Anything without control characters.
    public static let printable = TextPattern("text without control characters") { text in
        text.unicodeScalars.allSatisfy { $0.value >= 0x20 && !(0x7F...0x9F).contains($0.value) }
    }
}
