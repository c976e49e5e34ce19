import StrictJSON

extension EntityUID {
    /// Reads `{"type": …, "id": …}` or the same inside `{"__entity": …}`.
    public init(json: JSONValue) throws(Diagnostics) {
        self = try DocumentProblem.diagnosing { () throws(DocumentProblem) in
            try ValueReader(limits: Limits()).entity(json)
        }
    }

    public var json: JSONValue { ["type": .string(type.text), "id": .string(id.string)] }
}

extension Entities {
    /// Reads an array of `{"uid", "attrs", "parents", "tags"}`, the last of which may be missing.
    ///
    /// - Parameter schema: says how values may be written; what it does not declare is refused, and its actions are added, which
    ///   the document may only repeat. That values have their types is checked by `Validator.validate(entities:)`.
    /// - Throws: the first mistake; that a uid is given to different entities; that an entity is in itself.
    public init(json: JSONValue, schema: Schema? = nil, limits: Limits = Limits()) throws(Diagnostics) {
        guard let documents = json.array else { throw Diagnostics(Diagnostic("entities are an array")) }
        let reader = EntityReader(schema: schema, values: ValueReader(limits: limits))
        var read: [Entity] = []
        read.reserveCapacity(documents.count)
        for (index, document) in documents.enumerated() {
            let entity = try DocumentProblem.diagnosing { () throws(DocumentProblem) in
                try DocumentProblem.at("[\(index)]") { () throws(DocumentProblem) in try reader.entity(document) }
            }
            read.append(entity)
        }
        do throws(EntitiesError) {
            let entities = try Entities(read)
            if let action = schema.flatMap({ $0.contradictedAction(in: entities) }) { throw .action(action) }
            let actions = schema?.actionEntities ?? []
            self = actions.isEmpty ? entities : try Entities(entities.all.filter { !$0.uid.isAction } + actions)
        } catch {
            throw Diagnostics(Diagnostic(error.description))
        }
    }

    /// The entities so that they can be read back without a schema, in their order.
    ///
    /// - Throws: as `Value.json`.
    public var json: JSONValue {
        get throws(Diagnostics) {
            var documents: [JSONValue] = []
            documents.reserveCapacity(count)
            for entity in all { documents.append(try entity.json) }
            return .array(documents)
        }
    }
}

extension Schema {
    /// Its actions as entities, which have no attributes.
    public var actionEntities: [Entity] {
        actions.values.map { Entity(uid: $0.uid, parents: $0.parents) }.sorted { $0.uid < $1.uid }
    }

    /// An action that is not declared, or not what is declared: in the same groups, without attributes and tags.
    fileprivate func contradictedAction(in entities: Entities) -> EntityUID? {
        entities.all.first { entity in
            entity.uid.isAction
                && (actions[entity.uid]?.ancestors != entities.ancestors(of: entity.uid) || !entity.attributes.isEmpty
                    || !entity.tags.isEmpty)
        }?.uid
    }
}

extension Entity {
    /// Reads `{"uid", "attrs", "parents", "tags"}`, as `Entities.init(json:schema:limits:)` does.
    public init(json: JSONValue, schema: Schema? = nil, limits: Limits = Limits()) throws(Diagnostics) {
        self = try DocumentProblem.diagnosing { () throws(DocumentProblem) in
            try EntityReader(schema: schema, values: ValueReader(limits: limits)).entity(json)
        }
    }

    /// - Throws: as `Value.json`.
    public var json: JSONValue {
        get throws(Diagnostics) {
            var object: JSONObject = [
                "uid": uid.json, "attrs": .object(try attributes.members),
                "parents": .array(parents.sorted().map(\.json)),
            ]
            if !tags.isEmpty { object["tags"] = .object(try tags.members) }
            return .object(object)
        }
    }
}

private struct EntityReader {
    let schema: Schema?
    let values: ValueReader

    func entity(_ json: JSONValue) throws(DocumentProblem) -> Entity {
        guard let object = json.object else { throw DocumentProblem("an entity is an object") }
        let uid = try DocumentProblem.at("uid") { () throws(DocumentProblem) in
            try values.entity(try required(object["uid"]))
        }
        let definition = try definition(uid)
        let attributes = try DocumentProblem.at("attrs") { () throws(DocumentProblem) in
            let attributes = try required(object["attrs"]?.object)
            return try values.record(attributes, definition?.attributes ?? RecordType(isOpen: true), 1)
        }
        let tags = try DocumentProblem.at("tags") { () throws(DocumentProblem) in
            try self.tags(object["tags"], definition)
        }
        let parents = try DocumentProblem.at("parents") { () throws(DocumentProblem) in
            try self.parents(of: uid, try required(object["parents"]?.array))
        }
        return Entity(uid: uid, attributes: attributes, parents: parents, tags: tags)
    }

    private func required<T>(_ part: T?) throws(DocumentProblem) -> T {
        guard let part else { throw DocumentProblem("missing, or of another form") }
        return part
    }

    /// What the schema says of the type; nil without a schema, and for actions, of whose attributes it says nothing.
    private func definition(_ uid: EntityUID) throws(DocumentProblem) -> EntityTypeDefinition? {
        guard let schema, !uid.isAction else { return nil }
        guard let definition = schema.entityTypes[uid.type] else {
            throw DocumentProblem("the schema has no type `\(uid.type)`").inside("uid")
        }
        return definition
    }

    private func tags(_ json: JSONValue?, _ definition: EntityTypeDefinition?) throws(DocumentProblem) -> Record {
        guard let json else { return .empty }
        let object = try required(json.object)
        guard let definition else { return try values.record(object, RecordType(isOpen: true), 1) }
        guard let type = definition.tags else {
            if object.isEmpty { return .empty }
            throw DocumentProblem("the schema has no tags for `\(definition.name)`")
        }
        let attributes = object.keys.map { (CedarString($0), AttributeType(type)) }
        return try values.record(object, RecordType(Dictionary(attributes) { $1 }), 1)
    }

    private func parents(of uid: EntityUID, _ elements: [JSONValue]) throws(DocumentProblem) -> Set<EntityUID> {
        var parents: Set<EntityUID> = []
        for (index, element) in elements.enumerated() {
            let parent = try DocumentProblem.at("[\(index)]") { () throws(DocumentProblem) in
                try values.entity(element)
            }
            guard !uid.isAction || parent.isAction else {
                throw DocumentProblem("an action can only be in actions, not in \(parent)").inside("[\(index)]")
            }
            parents.insert(parent)
        }
        return parents
    }
}
