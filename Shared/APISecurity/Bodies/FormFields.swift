/// The parameters of an `application/x-www-form-urlencoded` body, each name once. A parameter without a value counts as
/// left out (RFC 6749 section 3.2).
public struct FormFields: Sendable {
    private let pairs: [(name: String, value: String)]
    private static let maximum = 64

    /// - Throws: `Problem` 400.
    public init(_ bytes: some Collection<UInt8>) throws(Problem) {
        do {
            pairs = try PercentCoding.pairs(bytes, limit: FormFields.maximum).filter { !$0.value.isEmpty }
        } catch {
            switch error {
            case .malformed: throw .badRequest("invalid-form", detail: "the form is malformed")
            case .repeated: throw .badRequest("invalid-form", detail: "a parameter is repeated")
            case .tooMany: throw .badRequest("invalid-form", detail: "the form has too many parameters")
            }
        }
    }

    public subscript(name: String) -> String? { pairs.first { $0.name == name }?.value }
    public var names: [String] { pairs.map(\.name) }
    public var isEmpty: Bool { pairs.isEmpty }
}
