/// What is known of one entity.
final class EntityNode: Sendable {
    let name: EntityName
    let entity: Entity
    /// Nil for an entity that came with a request: then attributes are found by their text.
    private let attributes: RecordObject?
    /// The same without its ownership.
    let fields: RecordObject.View?
    /// All that it is in, over any number of steps, without itself.
    let ancestors: SymbolSet

    init(_ entity: Entity, name: EntityName, attributes: RecordObject?, ancestors: SymbolSet) {
        self.entity = entity
        self.name = name
        self.attributes = attributes
        fields = attributes?.view
        self.ancestors = ancestors
    }

    /// The same with other ancestors: what it is in has moved.
    func moved(to ancestors: SymbolSet) -> EntityNode {
        EntityNode(entity, name: name, attributes: attributes, ancestors: ancestors)
    }
}
