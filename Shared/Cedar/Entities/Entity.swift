/// Somebody or something that policies speak of.
public struct Entity: Sendable, Hashable {
    public let uid: EntityUID
    public var attributes: Record
    /// Direct ones.
    public var parents: Set<EntityUID>
    public var tags: Record

    public init(
        uid: EntityUID, attributes: Record = .empty, parents: Set<EntityUID> = [], tags: Record = .empty
    ) {
        self.uid = uid
        self.attributes = attributes
        self.parents = parents
        self.tags = tags
    }
}
