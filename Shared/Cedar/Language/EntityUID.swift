/// What identifies an entity: its type and its id, written `Type::"id"`.
public struct EntityUID: Hashable, Sendable, Comparable, CustomStringConvertible {
    public let type: Name
    public let id: CedarString

    public init(type: Name, id: CedarString) {
        self.type = type
        self.id = id
    }

    public static func < (left: EntityUID, right: EntityUID) -> Bool {
        left.type == right.type ? left.id < right.id : left.type < right.type
    }

    /// As it stands in a policy.
    public var description: String { "\(type)::\(StringLiteral.quoted(id.string))" }

    /// Whether its type is named `Action`, in whatever namespace: only a schema defines these.
    public var isAction: Bool { type.base == "Action" }
}
