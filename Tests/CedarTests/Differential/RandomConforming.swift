@testable import Cedar

/// Makes up entities and requests that are as a schema has them, or wrong in places.
struct RandomConforming {
    let schema: Schema
    private var random: SplitMix64
    /// How often, of a thousand, something is put in that the schema does not allow.
    private let mutations: Int
    private let uids: [EntityUID]

    init(schema: Schema, seed: UInt64, mutations: Int) {
        self.schema = schema
        self.mutations = mutations
        random = SplitMix64(seed: seed)
        uids = schema.entityTypes.values.sorted { $0.name < $1.name }.flatMap { type in
            (type.enumeration ?? ["a", "b", ""]).map { EntityUID(type: type.name, id: $0) }
        }
    }

    private mutating func chance(_ percent: Int) -> Bool { Int.random(in: 0..<100, using: &random) < percent }
    private mutating func isMutated() -> Bool { Int.random(in: 0..<1000, using: &random) < mutations }
    private mutating func pick<T>(_ values: [T]) -> T { values[Int.random(in: values.indices, using: &random)] }

    // MARK: Values

    private mutating func uid(_ type: Name) -> EntityUID {
        if isMutated() { return EntityUID(type: pick(uids).type, id: "strange") }
        let actions = schema.actions.keys.filter { $0.type == type }.sorted()
        if let action = actions.randomElement(using: &random) { return action }
        return uids.filter { $0.type == type }.randomElement(using: &random) ?? EntityUID(type: type, id: "a")
    }

    private mutating func wrongValue() -> Value {
        pick([
            .bool(true), .int(1), .string("x"), .entity(pick(uids)), .set(ValueSet([])), .set(ValueSet([.int(1)])),
            .record(.empty), .extension(.duration(.init(milliseconds: 1))),
        ])
    }

    mutating func value(_ type: SchemaType) -> Value {
        if isMutated() { return wrongValue() }
        switch type {
        case .bool: return .bool(chance(50))
        case .long: return .int(pick([-1, 0, 7, .max, .min]))
        case .string: return .string(pick(["", "x", "a*", "t"]))
        case .entity(let name): return .entity(uid(name))
        case .set(let element): return .set(ValueSet((0..<pick([0, 1, 2])).map { _ in value(element) }))
        case .record(let record): return .record(self.record(record))
        case .extension(.decimal): return .extension(.decimal(.init(tenThousandths: pick([0, 15, -7, .max]))))
        case .extension(.ipaddr):
            return .extension(.ip(.init(family: .v4, address: pick([0, 0x7F00_0001]), prefix: pick([32, 8]))))
        case .extension(.datetime): return .extension(.datetime(.init(milliseconds: pick([0, 86_400_000, -1]))))
        case .extension(.duration): return .extension(.duration(.init(milliseconds: pick([0, 3_600_000, .max]))))
        }
    }

    mutating func record(_ type: RecordType) -> Record {
        var fields: [(CedarString, Value)] = []
        for (name, attribute) in type.attributes.sorted(by: { $0.key < $1.key }) {
            guard attribute.isRequired ? !isMutated() : chance(50) else { continue }
            fields.append((name, value(attribute.type)))
        }
        if isMutated() { fields.append((pick(["none", "a"]), wrongValue())) }
        return Record(fields)
    }

    // MARK: Entities and requests

    /// Without actions.
    mutating func entities() -> [Entity] {
        uids.indices.filter { _ in chance(85) }.compactMap { index in
            let uid = isMutated() ? EntityUID(type: uids[index].type, id: "strange") : uids[index]
            guard let type = schema.entityTypes[uid.type] else { return nil }
            // Only those that come later, so that nothing is in itself.
            var parents = Set(
                uids[(index + 1)...].filter { type.ancestors.contains($0.type) && chance(40) })
            if isMutated(), let other = uids[(index + 1)...].randomElement(using: &random) { parents.insert(other) }
            var tags: [(CedarString, Value)] = []
            for name in ["t", "u"] as [CedarString] where type.tags != nil ? chance(60) : isMutated() {
                tags.append((name, type.tags.map { value($0) } ?? wrongValue()))
            }
            return Entity(
                uid: uid, attributes: record(type.attributes), parents: parents, tags: Record(tags))
        }
    }

    /// The actions of the schema, sometimes otherwise than it has them.
    mutating func actions() -> [Entity] {
        schema.actions.values.sorted { $0.uid < $1.uid }.map { action in
            Entity(uid: action.uid, parents: isMutated() ? [] : action.ancestors)
        }
    }

    /// Nil when the schema has no action that can be asked for.
    mutating func request() -> AuthorizationRequest? {
        let candidates = schema.actions.values.filter { !$0.principals.isEmpty && !$0.resources.isEmpty }
        guard let action = candidates.sorted(by: { $0.uid < $1.uid }).randomElement(using: &random) else { return nil }
        let principal = pick(action.principals.sorted())
        let resource = pick(action.resources.sorted())
        return AuthorizationRequest(
            principal: isMutated() ? pick(uids) : uid(principal), action: action.uid,
            resource: isMutated() ? pick(uids) : uid(resource), context: record(action.context))
    }
}
