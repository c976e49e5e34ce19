/// Why an expression has no value.
public enum EvaluationError: Error, Sendable, Hashable {
    /// A value of another type than the operator takes.
    case type(expected: [String], actual: String)
    case noSuchEntity(EntityUID)
    case noSuchAttribute(of: EntityUID?, name: CedarString)
    case noSuchTag(of: EntityUID, name: CedarString)
    /// Beyond 64 bits.
    case overflow(String)
    /// A value that an extension type does not have, or arithmetic beyond its range.
    case `extension`(ExtensionType, String)
    /// An unknown was met where everything must be known.
    case unknown(CedarString)
    case tooDeep
}
