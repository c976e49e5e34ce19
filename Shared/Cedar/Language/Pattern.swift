/// The right side of `like`: scalars, and wildcards that stand for any run of scalars, also none.
public struct Pattern: Sendable, Hashable {
    public enum Element: Sendable, Hashable {
        case scalar(Unicode.Scalar)
        case wildcard
    }

    public let elements: [Element]

    public init(_ elements: [Element]) { self.elements = elements }
}
