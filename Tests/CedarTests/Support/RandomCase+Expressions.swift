@testable import Cedar

extension RandomCase {
    /// An expression that is mostly of this kind, of at most some levels more than `depth`.
    mutating func typed(_ kind: RandomKind, depth: Int) -> Expr {
        if chance(3) { return typed(self.kind(), depth: depth - 1) }
        if depth <= 1 { return chance(65) ? path(kind) ?? literal(kind) : literal(kind) }
        let below = depth - 1
        if chance(25), let path = path(kind) { return path }
        if chance(8) {
            let (condition, then) = (typed(.bool, depth: below), typed(kind, depth: below))
            return Expr(.conditional(if: condition, then: then, else: typed(kind, depth: below)))
        }
        switch kind {
        case .bool: return bool(below)
        case .int: return int(below)
        case .string:
            return chance(30)
                ? Expr(.binary(.getTag, typed(.entity(RandomCatalog.user), depth: below), typed(.string, depth: 1)))
                : literal(kind)
        case .entity: return literal(kind)
        case .set(let element): return Expr(.set((0..<count(0...3)).map { _ in typed(element, depth: below) }))
        case .record(let fields):
            return Expr(.record(fields.map { Expr.Field(name: $0.name, value: typed($0.kind, depth: below)) }))
        case .extension(let type): return extensionValue(type, below)
        }
    }

    // MARK: Kinds

    private mutating func bool(_ depth: Int) -> Expr {
        switch count(0...19) {
        case 0, 1: return Expr(.and(operands(depth) { if case .and = $0 { true } else { false } }))
        case 2, 3: return Expr(.or(operands(depth) { if case .or = $0 { true } else { false } }))
        case 4: return Expr(.not(typed(.bool, depth: depth)))
        case 5, 6: return equality(depth)
        case 7, 8: return comparison(depth)
        case 9, 10: return membership(depth)
        case 11:
            let type = Name(unchecked: pick(RandomCatalog.types))
            return Expr(.isType(anyEntity(depth), type, in: chance(40) ? group(depth) : nil))
        case 12: return Expr(.like(typed(.string, depth: depth), pattern()))
        case 13, 14: return has(depth)
        case 15: return Expr(.binary(.hasTag, typed(.entity(RandomCatalog.user), depth: depth), tag(depth)))
        case 16, 17: return setOperation(depth)
        case 18: return guarded(depth)
        default: return predicate(depth)
        }
    }

    /// The first is none that the text would join with the others.
    private mutating func operands(_ depth: Int, _ joins: (Expr.Kind) -> Bool) -> [Expr] {
        var operands = (0..<count(2...3)).map { _ in typed(.bool, depth: depth) }
        if joins(operands[0].kind) { operands[0] = Expr(.not(operands[0])) }
        return operands
    }

    private mutating func equality(_ depth: Int) -> Expr {
        let kind = kind()
        let left = typed(kind, depth: depth)
        let right = chance(15) ? left : typed(chance(90) ? kind : self.kind(), depth: depth)
        return Expr(.binary(chance(70) ? .equal : .notEqual, left, right))
    }

    private mutating func comparison(_ depth: Int) -> Expr {
        let kind = pick([RandomKind.int, .int, .extension(.datetime), .extension(.duration)])
        let left = typed(kind, depth: depth)
        return Expr(.binary(pick([.less, .lessOrEqual, .greater, .greaterOrEqual]), left, typed(kind, depth: depth)))
    }

    private mutating func membership(_ depth: Int) -> Expr { Expr(.binary(.in, anyEntity(depth), group(depth))) }

    private mutating func anyEntity(_ depth: Int) -> Expr { typed(.entity(pick(RandomCatalog.types)), depth: depth) }

    private mutating func group(_ depth: Int) -> Expr {
        let type = RandomKind.entity(
            pick([RandomCatalog.group, RandomCatalog.group, RandomCatalog.user, RandomCatalog.action]))
        return typed(chance(60) ? type : .set(type), depth: depth)
    }

    private mutating func setOperation(_ depth: Int) -> Expr {
        let element = pick([RandomKind.int, .string, .entity(RandomCatalog.user), .extension(.ipaddr), .bool])
        let set = typed(.set(element), depth: depth)
        switch count(0...3) {
        case 0: return Expr(.binary(.contains, set, typed(element, depth: depth)))
        case 1: return Expr(.binary(.containsAll, set, typed(.set(element), depth: depth)))
        case 2: return Expr(.binary(.containsAny, set, typed(.set(element), depth: depth)))
        default: return Expr(.isEmpty(set))
        }
    }

    private mutating func has(_ depth: Int) -> Expr {
        let (base, fields) = base()
        let field = pick(fields)
        var names = [field.name]
        if chance(40), let inner = self.fields(of: field.kind)?.first { names.append(inner.name) }
        if chance(10) { names = ["nothing"] }
        // The text has names of more than one step only as identifiers.
        return Expr(.has(base, names.allSatisfy { Name.isIdentifier($0.string) } ? names : [names[0]]))
    }

    /// `base has name && … base.name …`
    private mutating func guarded(_ depth: Int) -> Expr {
        let (base, fields) = base()
        let field = pick(fields)
        let attribute = Expr(.attribute(base, field.name))
        return Expr(
            .and([Expr(.has(base, [field.name])), Expr(.binary(.equal, attribute, typed(field.kind, depth: depth)))]))
    }

    private mutating func predicate(_ depth: Int) -> Expr {
        let ip = typed(.extension(.ipaddr), depth: depth)
        let function = pick(
            ExtensionFunction.allCases.filter {
                $0.parameters.allSatisfy { $0 == .extension(.decimal) || $0 == .extension(.ipaddr) }
            })
        if function == .isInRange { return Expr(.call(function, [ip, typed(.extension(.ipaddr), depth: depth)])) }
        return Expr(.call(function, function.parameters.map { _ in typed(.extension(function.type), depth: depth) }))
    }

    private mutating func int(_ depth: Int) -> Expr {
        switch count(0...5) {
        case 0: return Expr(.negate(path(.int) ?? typed(.extension(.duration), depth: depth)))
        case 1, 2, 3:
            let left = typed(.int, depth: depth)
            return Expr(.binary(pick([.add, .subtract, .multiply]), left, typed(.int, depth: depth)))
        case 4:
            let function = pick([ExtensionFunction.toMilliseconds, .toSeconds, .toMinutes, .toHours, .toDays])
            return Expr(.call(function, [typed(.extension(.duration), depth: depth)]))
        default: return literal(.int)
        }
    }

    private mutating func extensionValue(_ type: ExtensionType, _ depth: Int) -> Expr {
        let datetime = RandomKind.extension(.datetime)
        switch type {
        case .datetime where chance(40):
            return Expr(.call(.offset, [typed(datetime, depth: depth), typed(.extension(.duration), depth: depth)]))
        case .datetime where chance(30): return Expr(.call(.toDate, [typed(datetime, depth: depth)]))
        case .duration where chance(30):
            return Expr(.call(.durationSince, [typed(datetime, depth: depth), typed(datetime, depth: depth)]))
        case .duration where chance(30): return Expr(.call(.toTime, [typed(datetime, depth: depth)]))
        default: return literal(.extension(type))
        }
    }

    private mutating func tag(_ depth: Int) -> Expr {
        chance(70) ? Expr(.literal(.string(pick(RandomCatalog.tags).name))) : typed(.string, depth: depth)
    }

    // MARK: Leaves

    mutating func literal(_ kind: RandomKind) -> Expr {
        switch kind {
        case .bool: return Expr(.literal(.bool(chance(60))))
        case .int: return Expr(.literal(.int(pick(RandomCatalog.integers))))
        case .string: return Expr(.literal(.string(pick(RandomCatalog.strings))))
        case .entity(RandomCatalog.user) where chance(40): return Expr(.variable(.principal))
        case .entity(RandomCatalog.document) where chance(60): return Expr(.variable(.resource))
        case .entity(RandomCatalog.action) where chance(60): return Expr(.variable(.action))
        case .entity(let type): return Expr(.literal(.entity(uid(type))))
        case .set(let element): return Expr(.set((0..<count(0...3)).map { _ in literal(element) }))
        case .record(let fields): return Expr(.record(fields.map { .init(name: $0.name, value: literal($0.kind)) }))
        case .extension(let type):
            let text = chance(95) ? pick(RandomCatalog.texts[type] ?? []) : pick(RandomCatalog.badTexts)
            return Expr(.call(type.constructor, [Expr(.literal(.string(text)))]))
        }
    }

    /// What attributes are taken of.
    private mutating func base() -> (Expr, [RandomField]) {
        switch count(0...9) {
        case 0...2: return (Expr(.variable(.context)), RandomCatalog.context)
        case 3...5: return (Expr(.variable(.principal)), RandomCatalog.attributes[RandomCatalog.user] ?? [])
        case 6...8: return (Expr(.variable(.resource)), RandomCatalog.attributes[RandomCatalog.document] ?? [])
        default:
            let type = pick(RandomCatalog.types)
            return (Expr(.literal(.entity(uid(type)))), RandomCatalog.attributes[type] ?? [])
        }
    }

    private func fields(of kind: RandomKind) -> [RandomField]? {
        switch kind {
        case .entity(let type): RandomCatalog.attributes[type]
        case .record(let fields): fields
        default: nil
        }
    }

    /// An attribute of this kind, over up to three steps; nil when a few tries find none.
    private mutating func path(_ kind: RandomKind) -> Expr? {
        for _ in 0..<6 {
            var (expr, fields) = base()
            for _ in 0..<3 {
                let fitting = fields.filter { $0.kind == kind }
                if !fitting.isEmpty, chance(70) { return Expr(.attribute(expr, pick(fitting).name)) }
                guard let step = fields.filter({ self.fields(of: $0.kind) != nil }).randomElement(using: &random) else {
                    break
                }
                expr = Expr(.attribute(expr, step.name))
                fields = self.fields(of: step.kind) ?? []
            }
        }
        return nil
    }

    private mutating func pattern() -> Pattern {
        var elements: [Pattern.Element] = []
        for scalar in pick(RandomCatalog.strings).string.unicodeScalars {
            if chance(25) { elements.append(.wildcard) }
            if chance(85) { elements.append(.scalar(scalar)) }
        }
        if chance(40) { elements.append(.wildcard) }
        return Pattern(elements)
    }
}
