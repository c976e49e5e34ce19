@testable import Cedar

/// Makes up schemas: fragments as they are written, together with what they mean.
///
/// Names are written in any way that leads to what is meant, and every form of both formats comes up.
struct RandomSchema {
    private(set) var fragment = SchemaFragment(namespaces: [])
    /// What the fragment means.
    private(set) var schema = Schema()

    private var random: SplitMix64
    private var commonTypes: [(name: Name, type: SchemaType)] = []
    private var entityTypes: [Name] = []
    private var actions: [EntityUID] = []
    /// Names of entity types, or of others, that are also those of builtin types; by namespace.
    private var oddNames: [String: Name?] = [:]
    private var namespace: Name?

    private static let strings = [
        "", "a", "a b", "\"", "\\", "\n", "\r", "\0", "é", "e\u{301}", "\u{202E}", "😀", "in", "__cedar", "//", "{};",
    ]

    init(seed: UInt64) {
        random = SplitMix64(seed: seed)
        let names: [Name?] = [nil, "A", "A::B", "N"].map { $0.map { Name(unchecked: $0) } }
        let used = names.filter { _ in chance(80) }
        for odd in ["Long", "ipaddr", "Set", "Record", "decimal"] where chance(30) {
            if let namespace = used.randomElement(using: &random) { oddNames[odd] = namespace }
        }
        for namespace in used { declareEntityTypes(namespace) }
        for namespace in used { fragment.namespaces.append(self.makeNamespace(namespace)) }
        closeHierarchies()
        fragment.namespaces.shuffle(using: &random)
    }

    private mutating func chance(_ percent: Int) -> Bool { Int.random(in: 0..<100, using: &random) < percent }
    private mutating func number(_ range: ClosedRange<Int>) -> Int { Int.random(in: range, using: &random) }
    private mutating func pick<T>(_ values: [T]) -> T { values[Int.random(in: values.indices, using: &random)] }
    private mutating func string() -> CedarString { CedarString(pick(Self.strings)) }

    private func full(_ name: String, _ namespace: Name?) -> Name {
        let name = Name(unchecked: name)
        return namespace.map { name.qualified(by: $0.text) } ?? name
    }

    // MARK: Namespaces

    /// Names outside of namespaces may not be used again inside, so that they begin otherwise.
    private mutating func declareEntityTypes(_ namespace: Name?) {
        let prefix = namespace == nil ? "OutsideE" : "E"
        var names = (0..<number(1...4)).map { prefix + String($0) }
        names += oddNames.filter { $0.value == namespace }.map(\.key).sorted()
        entityTypes += names.map { full($0, namespace) }
    }

    private mutating func makeNamespace(_ name: Name?) -> SchemaNamespace {
        namespace = name
        var result = SchemaNamespace(name, annotations: name == nil ? [] : annotations())
        for index in 0..<number(0...4) {
            // Sometimes the name of an entity type of the same namespace.
            let outside = name == nil ? "Outside" : ""
            let base = outside + (chance(15) ? "E" : "C") + String(index)
            guard !commonTypes.contains(where: { $0.name == full(base, name) }) else { continue }
            let (expression, type) = type(depth: 3)
            commonTypes.append((full(base, name), type))
            result.commonTypes.append(
                CommonTypeDeclaration(name: Located(base), type: expression, annotations: annotations()))
        }
        for type in entityTypes where type.namespace == name?.text[...] { result.entityTypes.append(entityType(type)) }
        for index in 0..<number(0...4) { result.actions.append(action(index)) }
        result.entityTypes.shuffle(using: &random)
        result.actions.shuffle(using: &random)
        result.commonTypes.shuffle(using: &random)
        return result
    }

    private mutating func annotations() -> [Annotation] {
        ["doc", "in", "_a1"].filter { _ in chance(20) }.map {
            Annotation(key: $0, value: chance(70) ? string().string : nil)
        }
    }

    // MARK: Declarations

    private mutating func entityType(_ name: Name) -> EntityTypeDeclaration {
        let names = [Located(String(name.base))]
        let annotations = annotations()
        var definition = EntityTypeDefinition(name: name, annotations: annotations)
        defer { schema.entityTypes[name] = definition }
        guard !chance(15) else {
            let ids = (0..<number(1...3)).map { _ in string() }
            definition.enumeration = ids
            return EntityTypeDeclaration(names: names, kind: .enumeration(ids), annotations: annotations)
        }
        let parents = someEntityTypes(0...2)
        definition.parents = Set(parents.map(\.1))
        var (shape, type) = record(depth: 3)
        if chance(10), let common = commonTypes.filter({ $0.type.record != nil }).randomElement(using: &random),
            let name = written(common.name)
        {
            (shape, type) = (.common(Located(name)), common.type)
        }
        definition.attributes = type.record ?? RecordType()
        let tags = chance(30) ? self.type(depth: 3) : nil
        definition.tags = tags?.1
        return EntityTypeDeclaration(
            names: names, kind: .standard(parents: parents.map { Located($0.0) }, shape: shape, tags: tags?.0),
            annotations: annotations)
    }

    private mutating func action(_ index: Int) -> ActionDeclaration {
        let type = full("Action", namespace)
        var names = [CedarString((namespace == nil ? "outside " : "action ") + String(index))]
        if chance(30) { names.append(CedarString(names[0].string + pick(Self.strings) + "'")) }
        // Only those before: groups may not be in each other in a circle.
        let parents = actions.filter { _ in chance(25) }
        actions += names.map { EntityUID(type: type, id: $0) }
        let annotations = annotations()
        let (principals, resources) = (someEntityTypes(1...2), someEntityTypes(1...2))
        let (context, contextType) = record(depth: 3)
        let applies = chance(70)
        for name in names {
            let uid = EntityUID(type: type, id: name)
            schema.actions[uid] = ActionDefinition(
                uid: uid, parents: Set(parents), principals: applies ? Set(principals.map(\.1)) : [],
                resources: applies ? Set(resources.map(\.1)) : [],
                context: applies ? contextType.record ?? RecordType() : RecordType(), annotations: annotations)
        }
        let appliesTo = ActionDeclaration.AppliesTo(
            principals: principals.map { Located($0.0) }, resources: resources.map { Located($0.0) },
            context: context == .record([]) && chance(50) ? nil : context)
        let references = parents.map { parent in
            let isNear = parent.type.namespace == nil || parent.type.namespace == namespace?.text[...]
            return Located(ActionReference(type: isNear && chance(50) ? nil : parent.type, id: parent.id))
        }
        return ActionDeclaration(
            names: names.map { Located($0) }, parents: references, appliesTo: applies ? appliesTo : nil,
            annotations: annotations)
    }

    private mutating func someEntityTypes(_ range: ClosedRange<Int>) -> [(Name, Name)] {
        (0..<number(range)).compactMap { _ in
            let type = pick(entityTypes)
            return written(type).map { ($0, type) }
        }
    }

    // MARK: Types

    /// A way to write a name that leads to it here.
    private mutating func written(_ name: Name) -> Name? {
        let base = String(name.base)
        guard name.namespace != nil, name.namespace == namespace?.text[...] || chance(10) else {
            // Outside of namespaces there is no longer name; inside, nothing else is called so.
            return name.namespace == nil && isHiddenHere(base) ? nil : name
        }
        return name.namespace == namespace?.text[...] && chance(60) ? Name(unchecked: base) : name
    }

    /// Whether the namespace has something of its own that is called like something outside.
    private func isHiddenHere(_ base: String) -> Bool {
        guard let namespace, let odd = oddNames[base] else { return false }
        return odd == namespace
    }

    private mutating func type(depth: Int) -> (TypeExpression, SchemaType) {
        switch depth > 0 ? number(0...9) : number(0...7) {
        case 0: return (.bool, .bool)
        case 1: return (.long, .long)
        case 2: return (.string, .string)
        case 3:
            let type = pick(ExtensionType.allCases)
            return (.extension(type), .extension(type))
        case 4: return builtin()
        case 5:
            let name = pick(entityTypes)
            guard let written = written(name) else { return (.bool, .bool) }
            let isCommon =
                commonTypes.contains { $0.name == name } || name.base.hasPrefix("E") || name.base.hasPrefix("O")
            // A common type of the same name would be preferred, and may still come.
            return (isCommon ? .entity(Located(written)) : .named(Located(written)), .entity(name))
        case 6, 7:
            guard let common = commonTypes.randomElement(using: &random), let written = written(common.name) else {
                return builtin()
            }
            return (chance(50) ? .named(Located(written)) : .common(Located(written)), common.type)
        case 8:
            let (element, type) = type(depth: depth - 1)
            return (.set(element), .set(type))
        default: return record(depth: depth - 1)
        }
    }

    /// A builtin type by its name.
    private mutating func builtin() -> (TypeExpression, SchemaType) {
        let (base, type) = pick(
            [("Bool", .bool), ("Long", .long), ("String", .string)]
                + ExtensionType.allCases.map { ($0.rawValue, SchemaType.extension($0)) })
        var isPlain = true
        if let odd = oddNames[base] { isPlain = odd != nil && odd != namespace }
        let name = Located(Name(unchecked: isPlain && chance(50) ? base : "__cedar::" + base))
        return (chance(70) ? .named(name) : .common(name), type)
    }

    private mutating func record(depth: Int) -> (TypeExpression, SchemaType) {
        var attributes: [AttributeDeclaration] = []
        var record = RecordType()
        for _ in 0..<number(0...3) {
            let name = chance(50) ? CedarString(pick(["a", "b", "tags", "entity"])) : string()
            guard record.attributes[name] == nil else { continue }
            let (expression, type) = type(depth: depth - 1)
            let isRequired = chance(70)
            record.attributes[name] = AttributeType(type, isRequired: isRequired)
            attributes.append(
                AttributeDeclaration(
                    name: Located(name), isRequired: isRequired, type: expression, annotations: annotations()))
        }
        return (.record(attributes), .record(record))
    }

    // MARK: Ancestors

    private mutating func closeHierarchies() {
        for name in schema.entityTypes.keys {
            let ancestors = Self.closure(name) { schema.entityTypes[$0]?.parents ?? [] }
            schema.entityTypes[name]?.ancestors = ancestors
        }
        for action in schema.actions.keys {
            let ancestors = Self.closure(action) { schema.actions[$0]?.parents ?? [] }
            schema.actions[action]?.ancestors = ancestors
        }
    }

    private static func closure<Node: Hashable>(_ node: Node, _ parents: (Node) -> Set<Node>) -> Set<Node> {
        var found: Set<Node> = []
        var next = parents(node)
        while !next.isEmpty {
            found.formUnion(next)
            next = Set(next.flatMap(parents)).subtracting(found)
        }
        return found
    }
}

extension SchemaType {
    fileprivate var record: RecordType? { if case .record(let record) = self { record } else { nil } }
}
