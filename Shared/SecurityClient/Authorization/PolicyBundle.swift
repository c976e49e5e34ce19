import Cedar
import StrictJSON

/// The body of the bundle of policies.
package struct PolicyBundle: Sendable {
    package let sequence: Int64
    package let version: Int64
    package let content: PolicyContent

    package init(sequence: Int64, version: Int64, content: PolicyContent) {
        self.sequence = sequence
        self.version = version
        self.content = content
    }

    package var body: [UInt8] {
        JSONValue.object([
            "sequence": .int(sequence), "version": .int(version), "files": content.json,
        ]).encoded()
    }

    package init(body: [UInt8]) throws(Diagnostics) {
        let json = try BundleJSON.parse(body, maximum: 2 * PolicyContent.maximumBytes)
        guard let sequence = json["sequence"]?.int, let version = json["version"]?.int, let files = json["files"] else {
            throw Diagnostics(Diagnostic("sequence, version and files are expected"))
        }
        self.init(sequence: sequence, version: version, content: try PolicyContent(json: files))
    }
}

/// The body of the bundle of entities.
package struct EntityBundle: Sendable {
    /// Of a snapshot, in bytes.
    package static let maximumBytes = 256 << 20

    package let sequence: Int64
    package let entities: [Entity]

    package init(sequence: Int64, entities: [Entity]) {
        self.sequence = sequence
        self.entities = entities
    }

    package var body: [UInt8] {
        get throws(Diagnostics) {
            JSONValue.object([
                "sequence": .int(sequence), "entities": try BundleJSON.json(entities),
            ]).encoded()
        }
    }

    package init(body: [UInt8]) throws(Diagnostics) {
        let json = try BundleJSON.parse(body, maximum: EntityBundle.maximumBytes)
        guard let sequence = json["sequence"]?.int, let list = json["entities"] else {
            throw Diagnostics(Diagnostic("sequence and entities are expected"))
        }
        self.init(sequence: sequence, entities: try BundleJSON.entities(list))
    }
}

/// The body of a change of entities.
package struct EntityDelta: Sendable {
    /// Larger ones are told of without their body.
    package static let maximumBytes = 256 << 10

    package let from: Int64
    package let sequence: Int64
    package let put: [Entity]
    package let removed: [EntityUID]

    package init(from: Int64, sequence: Int64, put: [Entity], removed: [EntityUID]) {
        self.from = from
        self.sequence = sequence
        self.put = put
        self.removed = removed
    }

    package var body: [UInt8] {
        get throws(Diagnostics) {
            JSONValue.object([
                "from": .int(from), "sequence": .int(sequence), "put": try BundleJSON.json(put),
                "removed": .array(removed.map { ["type": .string($0.type.text), "id": .string($0.id.string)] }),
            ]).encoded()
        }
    }

    /// - Parameter maximum: bytes; those that travel are bounded, those in the database are what was committed.
    package init(body: [UInt8], maximum: Int = EntityDelta.maximumBytes) throws(Diagnostics) {
        let json = try BundleJSON.parse(body, maximum: maximum)
        guard let from = json["from"]?.int, let sequence = json["sequence"]?.int, let put = json["put"],
            let removed = json["removed"]?.array
        else { throw Diagnostics(Diagnostic("from, sequence, put and removed are expected")) }
        var uids: [EntityUID] = []
        for element in removed { uids.append(try EntityUID(json: element)) }
        self.init(from: from, sequence: sequence, put: try BundleJSON.entities(put), removed: uids)
    }
}

private enum BundleJSON {
    static func json(_ entities: [Entity]) throws(Diagnostics) -> JSONValue {
        var list: [JSONValue] = []
        list.reserveCapacity(entities.count)
        for entity in entities { list.append(try entity.json) }
        return .array(list)
    }

    static func parse(_ body: [UInt8], maximum: Int) throws(Diagnostics) -> JSONValue {
        do {
            return try JSONValue(
                parsing: body, limits: JSONLimits(maxBytes: maximum, maxDepth: 64, maxMembers: 10_000_000))
        } catch { throw Diagnostics(Diagnostic("\(error)")) }
    }

    /// Entities of which each comes once; the hierarchy is checked when they are stored.
    static func entities(_ list: JSONValue) throws(Diagnostics) -> [Entity] {
        guard let elements = list.array else { throw Diagnostics(Diagnostic("a list of entities is expected")) }
        var entities: [Entity] = []
        entities.reserveCapacity(elements.count)
        for element in elements { entities.append(try Entity(json: element)) }
        return entities
    }
}
