extension EvaluationError: CustomStringConvertible {
    public var description: String {
        switch self {
        case .type(let expected, let actual):
            "a value of type \(expected.joined(separator: " or ")) was expected, not of type \(actual)"
        case .noSuchEntity(let uid): "there is no entity `\(uid)`"
        case .noSuchAttribute(let uid?, let name): "`\(uid)` has no attribute \(StringLiteral.quoted(name.string))"
        case .noSuchAttribute(nil, let name): "the record has no attribute \(StringLiteral.quoted(name.string))"
        case .noSuchTag(let uid, let name): "`\(uid)` has no tag \(StringLiteral.quoted(name.string))"
        case .overflow(let op): "the result of `\(op)` has more than 64 bits"
        case .extension(let type, let message): "\(type.rawValue): \(message)"
        case .unknown(let name): "\(StringLiteral.quoted(name.string)) is not known"
        case .tooDeep: "it is nested too deeply"
        }
    }
}
