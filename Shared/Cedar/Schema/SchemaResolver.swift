extension Schema {
    /// Puts fragments together; each may refer to what another one declares.
    ///
    /// - Throws: every mistake that was found, such as names that nothing is declared for and cycles.
    public init(_ fragments: [SchemaFragment], limits: Limits = Limits()) throws(Diagnostics) {
        var resolver = SchemaResolver(fragments, limits: limits)
        self = try resolver.schema(fragments)
    }

    /// Reads a whole schema of the Cedar format.
    ///
    /// - Throws: every mistake that was found.
    public init(parsing text: String, limits: Limits = Limits()) throws(Diagnostics) {
        try self.init([try SchemaFragment(parsing: text, limits: limits)], limits: limits)
    }
}

/// Finds what the names of a schema mean, and puts types in the place of the names of common types.
struct SchemaResolver {
    let limits: Limits
    let definitions: SchemaDefinitions
    private(set) var problems: [Diagnostic]
    private var commonTypes: [Name: SizedType] = [:]
    /// Parts of all types of entity types and actions together.
    private var totalSize = 0

    /// More parts than these are not taken: a few lines of common types can stand for more than any memory holds.
    static let maximumSize = 1 << 22

    init(_ fragments: [SchemaFragment], limits: Limits) {
        self.limits = limits
        definitions = SchemaDefinitions(fragments)
        problems = definitions.problems
    }

    mutating func schema(_ fragments: [SchemaFragment]) throws(Diagnostics) -> Schema {
        resolveCommonTypes()
        var schema = Schema()
        for namespace in fragments.lazy.flatMap(\.namespaces) {
            for declaration in namespace.entityTypes {
                for type in entityTypes(declaration, in: namespace) { schema.entityTypes[type.name] = type }
            }
            for declaration in namespace.actions {
                for action in actions(declaration, in: namespace) { schema.actions[action.uid] = action }
            }
        }
        close(&schema.entityTypes)
        close(&schema.actions)
        guard problems.isEmpty else {
            throw Diagnostics(problems.sorted { ($0.range?.lower ?? 0) < ($1.range?.lower ?? 0) })
        }
        return schema
    }

    mutating func note(_ message: String, at range: SourceRange?, help: String? = nil) {
        guard problems.count < Parser.maximumProblems else { return }
        problems.append(Diagnostic(message, at: range, help: help))
    }

    // MARK: Common types

    private mutating func resolveCommonTypes() {
        let names = definitions.commonTypes.keys.sorted()
        let indices = Dictionary(uniqueKeysWithValues: names.enumerated().map { ($0.element, $0.offset) })
        let graph = DependencyGraph(
            edges: names.map { name in
                guard let definition = definitions.commonTypes[name] else { return [] }
                var references: Set<Name> = []
                collect(definition.declaration.type, in: definition.namespace, into: &references)
                return references.compactMap { indices[$0] }.sorted()
            })
        let (order, cycles) = graph.order()
        for cycle in cycles {
            let path = DependencyGraph.path(cycle.map { "`\(names[$0])`" })
            note(
                "common types refer to each other in a circle: \(path)",
                at: definitions.commonTypes[names[cycle[0]]]?.range)
        }
        for name in order.lazy.map({ names[$0] }) {
            guard let definition = definitions.commonTypes[name] else { continue }
            // Nil after a mistake, which was noted; what refers to the type is wrong for the same reason.
            let owner = Owner(namespace: definition.namespace, description: "common type `\(name)`")
            commonTypes[name] = resolve(definition.declaration.type, owner)
        }
    }

    /// Which common types a type refers to.
    private func collect(_ type: TypeExpression, in namespace: Name?, into names: inout Set<Name>) {
        switch type {
        case .bool, .long, .string, .extension, .entity: break
        case .set(let element): collect(element, in: namespace, into: &names)
        case .record(let attributes):
            for attribute in attributes { collect(attribute.type, in: namespace, into: &names) }
        case .common(let name), .named(let name):
            var kind = SchemaDefinitions.Kind.either
            if case .common = type { kind = .common }
            if case .common(let name)? = definitions.meaning(of: name.value, in: namespace, as: kind) {
                names.insert(name)
            }
        }
    }

    // MARK: Types

    /// Where a type or name stands.
    struct Owner {
        let namespace: Name?
        let description: String
    }

    /// A type whose names are resolved.
    struct SizedType {
        var type: SchemaType
        /// Levels of nesting and number of parts, with all common types written out.
        var depth = 1
        var size = 1
    }

    /// Nil after a mistake, which is noted, or which a common type has that this refers to.
    mutating func resolve(_ type: TypeExpression, _ owner: Owner, at range: SourceRange? = nil) -> SizedType? {
        switch type {
        case .bool: return SizedType(type: .bool)
        case .long: return SizedType(type: .long)
        case .string: return SizedType(type: .string)
        case .extension(let type): return SizedType(type: .extension(type))
        case .set(let element):
            guard let element = resolve(element, owner, at: range) else { return nil }
            let type = SizedType(type: .set(element.type), depth: element.depth + 1, size: element.size + 1)
            return checked(type, owner, at: range)
        case .record(let attributes): return resolve(attributes, owner, at: range)
        case .entity(let name): return resolve(name, as: .entity, owner)
        case .common(let name): return resolve(name, as: .common, owner)
        case .named(let name): return resolve(name, as: .either, owner)
        }
    }

    private mutating func resolve(
        _ attributes: [AttributeDeclaration], _ owner: Owner, at range: SourceRange?
    ) -> SizedType? {
        var record = RecordType()
        var (depth, size) = (1, 1)
        var isComplete = true
        for attribute in attributes {
            guard let type = resolve(attribute.type, owner, at: attribute.name.range) else {
                isComplete = false
                continue
            }
            record.attributes[attribute.name.value] = AttributeType(type.type, isRequired: attribute.isRequired)
            depth = max(depth, type.depth + 1)
            size += type.size
            guard size <= Self.maximumSize else { break }
        }
        guard isComplete else { return nil }
        return checked(SizedType(type: .record(record), depth: depth, size: size), owner, at: range)
    }

    private mutating func checked(_ type: SizedType, _ owner: Owner, at range: SourceRange?) -> SizedType? {
        guard type.depth <= limits.maximumNesting else {
            note(
                "a type of the \(owner.description) has more than \(limits.maximumNesting) levels of nesting "
                    + "with its common types written out", at: range)
            return nil
        }
        guard type.size <= Self.maximumSize else {
            note("a type of the \(owner.description) is too large with its common types written out", at: range)
            return nil
        }
        return type
    }

    private mutating func resolve(
        _ name: Located<Name>, as kind: SchemaDefinitions.Kind, _ owner: Owner
    ) -> SizedType? {
        switch meaning(of: name, as: kind, owner) {
        case nil: nil
        case .builtin(let type): SizedType(type: type)
        case .entity(let name): SizedType(type: .entity(name))
        case .common(let name): commonTypes[name]
        }
    }

    /// What a name means; that it means nothing is noted.
    mutating func meaning(
        of name: Located<Name>, as kind: SchemaDefinitions.Kind, _ owner: Owner
    ) -> SchemaDefinitions.Meaning? {
        if let meaning = definitions.meaning(of: name.value, in: owner.namespace, as: kind) { return meaning }
        let candidates = name.value.candidates(in: owner.namespace).map { "`\($0)`" }.joined(separator: " nor ")
        var help = "neither \(candidates) is declared"
        if candidates.contains(" nor ") == false { help = "\(candidates) is not declared" }
        if let suggestion = suggestion(for: name.value, in: owner.namespace, as: kind) {
            help = "did you mean `\(suggestion)`?"
        }
        note("unknown \(kind.description) `\(name.value)` in the \(owner.description)", at: name.range, help: help)
        return nil
    }

    /// A type whose name is much like this one. Looked for only while mistakes are few: it takes a while.
    private func suggestion(for name: Name, in namespace: Name?, as kind: SchemaDefinitions.Kind) -> String? {
        guard problems.count < 20 else { return nil }
        var names: [Name] = []
        if kind != .entity {
            names += definitions.commonTypes.keys
            names += ["Bool", "Long", "String", "decimal", "ipaddr", "datetime", "duration"].map { Name(unchecked: $0) }
        }
        if kind != .common { names += definitions.entityTypes.keys }
        let known = names.sorted().map { $0.namespace == namespace?.text[...] ? String($0.base) : $0.text }
        if name.text == "Boolean" { return "Bool" }
        return Suggestion.nearest(to: name.text, among: known)
    }

    /// Counts the parts of a type that becomes part of the schema.
    mutating func count(_ type: SizedType?, times: Int, _ owner: Owner, at range: SourceRange?) -> Bool {
        guard let type else { return false }
        let (size, isTooLarge) = type.size.multipliedReportingOverflow(by: times)
        let before = totalSize
        totalSize = isTooLarge ? .max : totalSize.addingReportingOverflow(size).overflow ? .max : totalSize + size
        if totalSize > Self.maximumSize, before <= Self.maximumSize {
            note("the schema is too large with its common types written out", at: range)
        }
        return totalSize <= Self.maximumSize
    }
}

extension DependencyGraph {
    /// A cycle for people.
    static func path(_ names: [String]) -> String {
        let shown = names.prefix(10) + (names.count > 10 ? ["…"] : []) + names.prefix(1)
        return shown.joined(separator: " → ")
    }
}
