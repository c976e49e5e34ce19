extension Expr {
    /// The same in fewer forms, which types are defined for: `!=`, `>` and `>=` by `!`, `==`, `<=` and `<`; `is T in g`
    /// and `has a.b` by `&&`; no `&&` as the first operand of another, and likewise `||`. Two expressions that the
    /// language takes for the same are then equal.
    ///
    /// Parts that are of these forms already are kept as they are.
    var core: Expr {
        switch kind {
        case .literal, .variable, .unknown: self
        case .not(let e): replaced(e, Kind.not)
        case .negate(let e): replaced(e, Kind.negate)
        case .isEmpty(let e): replaced(e, Kind.isEmpty)
        case .attribute(let e, let name): replaced(e) { .attribute($0, name) }
        case .like(let e, let pattern): replaced(e) { .like($0, pattern) }
        case .and(let operands): coreOfAnd(operands)
        case .or(let operands): coreOfOr(operands)
        case .set(let elements): replaced(elements, Kind.set)
        case .call(let function, let arguments): replaced(arguments) { .call(function, $0) }
        case .binary(let op, let left, let right): coreOfBinary(op, left.core, right.core, left, right)
        case .conditional(let condition, let then, let otherwise):
            replaced([condition, then, otherwise]) { .conditional(if: $0[0], then: $0[1], else: $0[2]) }
        case .has(let e, let names): coreOfHas(e, names)
        case .isType(let e, let type, let group): coreOfIs(e, type, group)
        case .record(let fields):
            replaced(fields.map(\.value)) { values in
                .record(zip(fields, values).map { Field(name: $0.name, value: $1) }.sorted { $0.name < $1.name })
            }
        }
    }

    private func replaced(_ operand: Expr, _ make: (Expr) -> Kind) -> Expr {
        let core = operand.core
        return core === operand ? self : Expr(make(core), range: range)
    }

    private func replaced(_ operands: [Expr], _ make: ([Expr]) -> Kind) -> Expr {
        let core = operands.map(\.core)
        // Fields of records are put in order, so that these are always made anew.
        if case .record = kind { return Expr(make(core), range: range) }
        return zip(core, operands).allSatisfy { $0 === $1 } ? self : Expr(make(core), range: range)
    }

    private func coreOfAnd(_ operands: [Expr]) -> Expr {
        let whole = replaced(operands, Kind.and)
        guard case .and(let operands) = whole.kind, let first = operands.first else { return whole }
        if case .and(let inner) = first.kind { return Expr(.and(inner + operands.dropFirst()), range: range) }
        return folded(operands, { $0 && $1 }, Kind.and) ?? whole
    }

    private func coreOfOr(_ operands: [Expr]) -> Expr {
        let whole = replaced(operands, Kind.or)
        guard case .or(let operands) = whole.kind, let first = operands.first else { return whole }
        if case .or(let inner) = first.kind { return Expr(.or(inner + operands.dropFirst()), range: range) }
        return folded(operands, { $0 || $1 }, Kind.or) ?? whole
    }

    /// With literals at the beginning put together, as the reference does when it reads; nil when there are not two.
    private func folded(_ operands: [Expr], _ combine: (Bool, Bool) -> Bool, _ make: ([Expr]) -> Kind) -> Expr? {
        let literals = operands.prefix { $0.boolLiteral != nil }.compactMap(\.boolLiteral)
        guard literals.count > 1 else { return nil }
        let value = literals.dropFirst().reduce(literals[0], combine)
        let first = Expr(.literal(.bool(value)), range: range)
        return literals.count == operands.count
            ? first : Expr(make([first] + operands.dropFirst(literals.count)), range: range)
    }

    private var boolLiteral: Bool? { if case .literal(.bool(let value)) = kind { value } else { nil } }

    private func coreOfBinary(_ op: BinaryOperator, _ left: Expr, _ right: Expr, _ was: Expr, _ other: Expr) -> Expr {
        func negated(_ op: BinaryOperator) -> Expr {
            Expr(.not(Expr(.binary(op, left, right), range: range)), range: range)
        }
        return switch op {
        case .notEqual: negated(.equal)
        case .greater: negated(.lessOrEqual)
        case .greaterOrEqual: negated(.less)
        default: left === was && right === other ? self : Expr(.binary(op, left, right), range: range)
        }
    }

    private func coreOfHas(_ e: Expr, _ names: [CedarString]) -> Expr {
        guard names.count > 1 else { return replaced(e) { .has($0, names) } }
        var path = e.core
        var tests: [Expr] = []
        for name in names {
            tests.append(Expr(.has(path, [name]), range: range))
            path = Expr(.attribute(path, name), range: range)
        }
        return Expr(.and(tests), range: range)
    }

    private func coreOfIs(_ e: Expr, _ type: Name, _ group: Expr?) -> Expr {
        guard let group else { return replaced(e) { .isType($0, type, in: nil) } }
        let e = e.core
        return Expr(
            .and([
                Expr(.isType(e, type, in: nil), range: range),
                Expr(.binary(.in, e, group.core), range: range),
            ]), range: range)
    }
}

extension Expr {
    /// How many expressions the core is made of, which has the operands of some forms more than once; nil when it has a
    /// longer path than this, or is larger than any condition should be.
    func coreSize(_ longestPath: Int) -> Int? {
        let maximum = 1 << 20
        var size = 1
        for child in children {
            guard let childSize = child.coreSize(longestPath) else { return nil }
            size += childSize
        }
        switch kind {
        case .has(_, let names):
            guard names.count <= longestPath else { return nil }
            size = (size + names.count) * names.count
        case .isType(_, _, let group) where group != nil: size *= 2
        default: break
        }
        return size <= maximum ? size : nil
    }
}
