@testable import Cedar

/// Makes up policies for a schema that are mostly right by it, and sometimes wrong in one place.
struct RandomTypedPolicy {
    let schema: Schema
    private var random: SplitMix64
    /// How often, of a hundred, something of another type is put in.
    private let mutations: Int
    /// What can be reached in the environment, with what must be asked before.
    private var paths: [(expr: Expr, type: SchemaType, guards: [Expr])] = []
    /// What the atom that is being made must ask before.
    private var guards: [Expr] = []
    private let entityTypes: [Name]
    private let actions: [EntityUID]

    init(schema: Schema, seed: UInt64, mutations: Int) {
        self.schema = schema
        self.mutations = mutations
        random = SplitMix64(seed: seed)
        entityTypes = schema.entityTypes.keys.sorted()
        actions = schema.actions.keys.sorted()
    }

    private mutating func chance(_ percent: Int) -> Bool { Int.random(in: 0..<100, using: &random) < percent }
    private mutating func pick<T>(_ values: [T]) -> T { values[Int.random(in: values.indices, using: &random)] }

    // MARK: Policies

    mutating func policy(id: PolicyID, depth: Int = 4) -> Policy {
        let candidates = schema.actions.values.filter { !$0.principals.isEmpty && !$0.resources.isEmpty }
            .sorted { $0.uid < $1.uid }
        guard !candidates.isEmpty else { return Policy(id: id, effect: .permit) }
        let action = pick(candidates)
        let principal = pick(action.principals.sorted())
        let resource = pick(action.resources.sorted())
        findPaths(action, principal, resource)
        let conditions = (0..<Int.random(in: 0...2, using: &random)).map { _ in
            Condition(chance(70) ? .when : .unless, bool(depth))
        }
        return Policy(
            id: id, effect: chance(50) ? .permit : .forbid, principal: constraint(principal),
            action: constraint(action), resource: constraint(resource), conditions: conditions)
    }

    private mutating func constraint(_ type: Name) -> ScopeConstraint {
        let type = chance(mutations) ? pick(entityTypes) : type
        let groups = (schema.entityTypes[type]?.ancestors.sorted() ?? []) + [type]
        switch Int.random(in: 0..<8, using: &random) {
        case 0: return .any
        case 1: return .equal(.entity(uid(type)))
        case 2: return .in(.entity(uid(pick(groups))))
        case 3: return .isTypeIn(type, .entity(uid(pick(groups))))
        default: return .isType(type)
        }
    }

    private mutating func constraint(_ action: ActionDefinition) -> ActionConstraint {
        let uid = chance(mutations) ? pick(actions) : action.uid
        let groups = action.ancestors.sorted() + [uid]
        switch Int.random(in: 0..<8, using: &random) {
        case 0: return .any
        case 1: return .in(pick(groups))
        case 2: return .inAny([pick(groups), chance(30) ? pick(actions) : uid])
        default: return .equal(uid)
        }
    }

    private mutating func uid(_ type: Name) -> EntityUID {
        if let ids = schema.entityTypes[type]?.enumeration, !chance(mutations) {
            return EntityUID(type: type, id: pick(ids))
        }
        return EntityUID(type: chance(mutations / 4) ? Name(unchecked: "Nobody") : type, id: pick(["a", "b", ""]))
    }

    // MARK: What there is

    private mutating func findPaths(_ action: ActionDefinition, _ principal: Name, _ resource: Name) {
        paths = []
        let roots: [(Variable, SchemaType)] = [
            (.principal, .entity(principal)), (.resource, .entity(resource)), (.context, .record(action.context)),
            (.action, .entity(action.uid.type)),
        ]
        for (variable, type) in roots { addPaths(Expr(.variable(variable)), type, [], depth: 3) }
    }

    private mutating func addPaths(_ expr: Expr, _ type: SchemaType, _ guards: [Expr], depth: Int) {
        guard paths.count < 300 else { return }
        paths.append((expr, type, guards))
        guard depth > 0 else { return }
        let attributes: [CedarString: AttributeType]
        switch type {
        case .record(let record): attributes = record.attributes
        case .entity(let name):
            attributes = schema.entityTypes[name]?.attributes.attributes ?? [:]
            if let tags = schema.entityTypes[name]?.tags {
                let key = Expr(.literal(.string(pick(["t", "u"]))))
                addPaths(
                    Expr(.binary(.getTag, expr, key)), tags, guards + [Expr(.binary(.hasTag, expr, key))],
                    depth: depth - 1)
            }
        default: attributes = [:]
        }
        for (name, attribute) in attributes.sorted(by: { $0.key < $1.key }) {
            addPaths(
                Expr(.attribute(expr, name)), attribute.type,
                attribute.isRequired ? guards : guards + [Expr(.has(expr, [name]))], depth: depth - 1)
        }
    }

    // MARK: Expressions

    private mutating func randomType() -> SchemaType {
        switch Int.random(in: 0..<9, using: &random) {
        case 0: .bool
        case 1: .long
        case 2: .string
        case 3: .extension(pick(ExtensionType.allCases))
        case 4, 5: .entity(pick(entityTypes))
        case 6: .set(pick([.long, .string, .entity(pick(entityTypes))]))
        default: pick(paths).type
        }
    }

    mutating func expr(_ type: SchemaType, _ depth: Int) -> Expr {
        let type = chance(mutations) ? randomType() : type
        if depth > 0, chance(5) {
            let condition = bool(0)
            return Expr(.conditional(if: condition, then: expr(type, depth - 1), else: expr(type, depth - 1)))
        }
        if chance(60), let path = paths.filter({ $0.type == type }).randomElement(using: &random) {
            guards += path.guards
            return path.expr
        }
        return made(type, depth)
    }

    private mutating func made(_ type: SchemaType, _ depth: Int) -> Expr {
        switch type {
        case .bool: return depth > 0 ? bool(depth - 1) : Expr(.literal(.bool(chance(50))))
        case .long: return long(depth)
        case .string: return Expr(.literal(.string(pick(["", "x", "1.2.3.4"]))))
        case .entity(let name): return entity(name)
        case .extension(let type): return self.extension(type, depth)
        case .set(let element):
            let count = chance(4) ? 0 : Int.random(in: 1...2, using: &random)
            return Expr(.set((0..<count).map { _ in expr(element, depth - 1) }))
        case .record(let record):
            var fields: [Expr.Field] = []
            for (name, attribute) in record.attributes.sorted(by: { $0.key < $1.key })
            where attribute.isRequired || chance(50) {
                if chance(mutations / 2) { continue }
                fields.append(Expr.Field(name: name, value: expr(attribute.type, depth - 1)))
            }
            return Expr(.record(fields))
        }
    }

    private mutating func entity(_ name: Name) -> Expr {
        if name.isActionType {
            let some = actions.filter { $0.type == name }
            return Expr(.literal(.entity(some.isEmpty || chance(mutations) ? uid(name) : pick(some))))
        }
        return Expr(.literal(.entity(uid(name))))
    }

    private mutating func long(_ depth: Int) -> Expr {
        guard depth > 0 else { return Expr(.literal(.int(pick([-1, 0, 7])))) }
        switch Int.random(in: 0..<6, using: &random) {
        case 0: return Expr(.negate(Expr(.binary(.add, expr(.long, 0), expr(.long, 0)))))
        case 1, 2: return Expr(.binary(pick([.add, .subtract, .multiply]), expr(.long, depth - 1), expr(.long, 0)))
        case 3: return Expr(.call(pick([.toDays, .toMilliseconds]), [expr(.extension(.duration), depth - 1)]))
        default: return Expr(.literal(.int(pick([-1, 0, 7]))))
        }
    }

    private mutating func `extension`(_ type: ExtensionType, _ depth: Int) -> Expr {
        let (function, texts): (ExtensionFunction, [CedarString]) =
            switch type {
            case .decimal: (.decimal, ["1.0", "-0.5", "922337203685477.5807"])
            case .ipaddr: (.ip, ["1.2.3.4", "::1/64", "10.0.0.0/8"])
            case .datetime: (.datetime, ["2024-01-01", "2024-01-01T00:00:00Z", "2024-02-29T00:00:00+0100"])
            case .duration: (.duration, ["1d", "-2h3m", "5ms"])
            }
        if depth > 0, chance(20), type == .datetime {
            return Expr(.call(.offset, [expr(.extension(.datetime), 0), expr(.extension(.duration), 0)]))
        }
        if depth > 0, chance(20), type == .duration {
            return Expr(.call(.durationSince, [expr(.extension(.datetime), 0), expr(.extension(.datetime), 0)]))
        }
        if chance(mutations) { return Expr(.call(function, [expr(.string, 0)])) }
        return Expr(.call(function, [Expr(.literal(.string(chance(mutations) ? "1,5" : pick(texts))))]))
    }

    mutating func bool(_ depth: Int) -> Expr {
        guard depth > 0 else { return guarded { $0.atom(0) } }
        switch Int.random(in: 0..<10, using: &random) {
        case 0: return Expr(.not(bool(depth - 1)))
        case 1, 2: return chain(true, [bool(depth - 1), bool(depth - 1)])
        case 3, 4: return chain(false, [bool(depth - 1), bool(depth - 1)])
        case 5: return Expr(.conditional(if: bool(depth - 1), then: bool(depth - 1), else: bool(depth - 1)))
        default: return guarded { $0.atom(depth - 1) }
        }
    }

    /// A chain as a parser reads it.
    private func chain(_ isAnd: Bool, _ operands: [Expr]) -> Expr {
        var all: [Expr] = []
        for (index, operand) in operands.enumerated() {
            switch operand.kind {
            case .and(let inner) where isAnd && index == 0, .or(let inner) where !isAnd && index == 0: all += inner
            default: all.append(operand)
            }
        }
        return Expr(isAnd ? .and(all) : .or(all))
    }

    /// A condition after the questions that it takes; sometimes one of these is forgotten.
    private mutating func guarded(_ make: (inout RandomTypedPolicy) -> Expr) -> Expr {
        let outer = guards
        guards = []
        let atom = make(&self)
        var questions: [Expr] = []
        for question in guards where !chance(mutations) && !questions.contains(question) { questions.append(question) }
        guards = outer
        if questions.isEmpty { return atom }
        if chance(10) {
            return Expr(.conditional(if: chain(true, questions), then: atom, else: Expr(.literal(.bool(false)))))
        }
        return chain(true, questions + [atom])
    }

    private mutating func atom(_ depth: Int) -> Expr {
        switch Int.random(in: 0..<18, using: &random) {
        case 0: return Expr(.literal(.bool(chance(50))))
        case 1, 2, 3:
            let type = randomType()
            return Expr(.binary(pick([.equal, .notEqual]), expr(type, depth), expr(type, depth)))
        case 4:
            let type = pick([.long, .long, .extension(.datetime), .extension(.duration), randomType()])
            let op: BinaryOperator = pick([.less, .lessOrEqual, .greater, .greaterOrEqual])
            return Expr(.binary(op, expr(type, depth), expr(type, depth)))
        case 5, 6: return isIn(depth)
        case 7, 8: return has()
        case 9:
            let element = randomType()
            return Expr(.binary(.contains, expr(.set(element), depth), expr(element, depth)))
        case 10:
            let type = SchemaType.set(randomType())
            return Expr(.binary(pick([.containsAll, .containsAny]), expr(type, depth), expr(type, depth)))
        case 11: return Expr(.isEmpty(expr(.set(randomType()), depth)))
        case 12: return Expr(.like(expr(.string, depth), Pattern([.scalar("a"), .wildcard])))
        case 13:
            let group = chance(30) ? expr(.entity(pick(entityTypes)), 0) : nil
            return Expr(.isType(expr(.entity(pick(entityTypes)), depth), pick(entityTypes), in: group))
        case 14: return method(depth)
        case 15: return Expr(.binary(.hasTag, entityPath(), expr(.string, 0)))
        default: return expr(.bool, depth)
        }
    }

    private mutating func entityPath() -> Expr {
        let some = paths.filter { if case .entity = $0.type { true } else { false } }
        guard let path = some.randomElement(using: &random) else { return Expr(.variable(.principal)) }
        guards += path.guards
        return path.expr
    }

    private mutating func isIn(_ depth: Int) -> Expr {
        if chance(30) {
            let left = chance(60) ? Expr(.variable(.action)) : Expr(.literal(.entity(pick(actions))))
            if chance(50) { return Expr(.binary(.in, left, Expr(.literal(.entity(pick(actions)))))) }
            return Expr(.binary(.in, left, Expr(.set([Expr(.literal(.entity(pick(actions)))), left]))))
        }
        let type = pick(entityTypes)
        let groups = (schema.entityTypes[type]?.ancestors.sorted() ?? []) + [type]
        let group = SchemaType.entity(pick(groups))
        return Expr(.binary(.in, expr(.entity(type), depth), expr(chance(30) ? .set(group) : group, depth)))
    }

    private mutating func has() -> Expr {
        let path = pick(paths)
        guards += path.guards
        let names: [CedarString]
        switch path.type {
        case .entity(let name): names = schema.entityTypes[name]?.attributes.attributes.keys.sorted() ?? []
        case .record(let record): names = record.attributes.keys.sorted()
        default: names = chance(mutations) ? ["x"] : []
        }
        guard let name = names.randomElement(using: &random), !chance(10) else {
            return Expr(.has(chance(mutations) ? path.expr : entityPath(), ["none"]))
        }
        let isPlain = Name.isIdentifier(name.string)
        return Expr(.has(path.expr, isPlain && chance(20) ? [name, pick(["a", "x"])] : [name]))
    }

    private mutating func method(_ depth: Int) -> Expr {
        let function = pick(ExtensionFunction.allCases.filter { !$0.isConstructor && !$0.rawValue.hasPrefix("to") })
        let types: [SchemaType] =
            switch function {
            case .lessThan, .lessThanOrEqual, .greaterThan, .greaterThanOrEqual:
                [.extension(.decimal), .extension(.decimal)]
            case .isInRange: [.extension(.ipaddr), .extension(.ipaddr)]
            case .isIpv4, .isIpv6, .isLoopback, .isMulticast: [.extension(.ipaddr)]
            case .offset: [.extension(.datetime), .extension(.duration)]
            default: [.extension(.datetime), .extension(.datetime)]
            }
        let call = Expr(.call(function, types.map { expr($0, depth) }))
        switch function {
        case .offset: return Expr(.binary(.less, call, expr(.extension(.datetime), 0)))
        case .durationSince: return Expr(.binary(.lessOrEqual, expr(.extension(.duration), 0), call))
        default: return call
        }
    }
}
