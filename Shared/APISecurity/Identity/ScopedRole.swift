/// A role that somebody holds for a part of the platform only: for one desk, one account, one class of instruments.
public struct ScopedRole: Sendable, Hashable {
    public var role: String
    /// The type of the entity that it is held for, such as `Desk`.
    public var type: String
    public var id: String

    public init(role: String, type: String, id: String) {
        self.role = role
        self.type = type
        self.id = id
    }
}
