@testable import Cedar

/// A small generator of random numbers whose sequence depends only on its seed.
struct SplitMix64: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}

/// Makes up expressions and policies, with every form of the language and with odd names and strings.
///
/// They are what a parser could have read: the first operand of a chain is no chain of the same operator, extension
/// functions take as many arguments as they should, and negative numbers are literals.
struct RandomExpr {
    var random: SplitMix64
    /// Whether there may be unknowns, which policies cannot have.
    var allowsUnknowns = false

    init(seed: UInt64) { random = SplitMix64(seed: seed) }

    // MARK: Pieces

    mutating func pick<T>(_ values: [T]) -> T { values[Int.random(in: values.indices, using: &random)] }
    mutating func chance(_ percent: Int) -> Bool { Int.random(in: 0..<100, using: &random) < percent }

    private static let strings = [
        "", "a", "alice", "a b", "\"quoted\"", "back\\slash", "line\nbreak", "tab\t", "\r", "\0", "é", "e\u{301}",
        "\u{202E}hidden", "\u{200B}", "\u{FEFF}", "日本", "😀", "*", "**", "a*b", "\\*", "'", "if", "true", "__cedar",
        "permit", "a::b", "\u{7F}", "\u{85}", "\u{10FFFF}", "{}", "//no comment", ";",
    ]
    private static let identifiers = [
        "a", "b", "name", "_x", "A1", "principal", "action", "permit", "when", "contains",
    ]
    private static let types = ["User", "A::B", "Action", "N::M::Group", "_t", "principal", "ip"]
    private static let integers: [Int64] = [0, 1, 2, 5, 42, -1, -5, .max, .min, .min + 1]

    mutating func string() -> CedarString { CedarString(pick(Self.strings)) }
    mutating func identifier() -> CedarString { CedarString(pick(Self.identifiers)) }
    mutating func attribute() -> CedarString { chance(70) ? identifier() : string() }
    mutating func type() -> Name { Name(unchecked: pick(Self.types)) }
    mutating func entity() -> EntityUID { EntityUID(type: type(), id: string()) }
    mutating func action() -> EntityUID {
        EntityUID(type: Name(unchecked: pick(["Action", "A::Action"])), id: string())
    }

    mutating func pattern() -> Pattern {
        Pattern(
            string().string.unicodeScalars.flatMap { scalar -> [Pattern.Element] in
                chance(30) ? [.scalar(scalar), .wildcard] : [.scalar(scalar)]
            })
    }

    mutating func literal() -> Literal {
        switch Int.random(in: 0..<4, using: &random) {
        case 0: .bool(chance(50))
        case 1: .int(pick(Self.integers))
        case 2: .string(string())
        default: .entity(entity())
        }
    }

    private mutating func leaf() -> Expr {
        if allowsUnknowns, chance(10) { return Expr(.unknown(string())) }
        return Expr(chance(50) ? .variable(pick(Variable.allCases)) : .literal(literal()))
    }

    // MARK: Expressions

    /// An expression of at most `depth` levels.
    mutating func expr(depth: Int = 6) -> Expr {
        guard depth > 1, chance(90) else { return leaf() }
        let below = depth - 1
        switch Int.random(in: 0..<16, using: &random) {
        case 0: return Expr(.not(expr(depth: below)))
        case 1: return Expr(.negate(expr(depth: below)))
        case 2: return Expr(.isEmpty(expr(depth: below)))
        case 3: return chain(isAnd: true, below)
        case 4: return chain(isAnd: false, below)
        case 5, 6, 7:
            let left = expr(depth: below)
            return Expr(.binary(pick(BinaryOperator.allCases), left, expr(depth: below)))
        case 8:
            let (condition, then) = (expr(depth: below), expr(depth: below))
            return Expr(.conditional(if: condition, then: then, else: expr(depth: below)))
        case 9: return Expr(.attribute(expr(depth: below), attribute()))
        case 10:
            let names = chance(30) ? (0..<3).map { _ in identifier() } : [attribute()]
            return Expr(.has(expr(depth: below), names))
        case 11: return Expr(.like(expr(depth: below), pattern()))
        case 12: return Expr(.isType(expr(depth: below), type(), in: chance(50) ? expr(depth: below) : nil))
        case 13: return Expr(.set((0..<Int.random(in: 0...3, using: &random)).map { _ in expr(depth: below) }))
        case 14: return record(below)
        default:
            let function = pick(ExtensionFunction.allCases)
            return Expr(.call(function, (0..<function.arity).map { _ in expr(depth: below) }))
        }
    }

    private mutating func chain(isAnd: Bool, _ depth: Int) -> Expr {
        var operands = (0..<Int.random(in: 2...4, using: &random)).map { _ in expr(depth: depth) }
        switch operands[0].kind {
        case .and where isAnd, .or where !isAnd: operands[0] = leaf()
        default: break
        }
        return Expr(isAnd ? .and(operands) : .or(operands))
    }

    private mutating func record(_ depth: Int) -> Expr {
        var names: Set<CedarString> = []
        var fields: [Expr.Field] = []
        for _ in 0..<Int.random(in: 0...3, using: &random) {
            let name = attribute()
            if names.insert(name).inserted { fields.append(Expr.Field(name: name, value: expr(depth: depth))) }
        }
        return Expr(.record(fields))
    }

    // MARK: Policies

    /// A policy, or a template when slots are allowed and there is one by chance.
    mutating func policy(id: PolicyID = "policy0", allowsSlots: Bool = true, depth: Int = 5) -> Policy {
        var annotations: [Annotation] = []
        for key in ["id", "if", "advice", "_"] where chance(20) {
            annotations.append(Annotation(key: key, value: chance(80) ? string().string : nil))
        }
        let (principal, action, resource) = (
            constraint(allowsSlots: allowsSlots), actionConstraint(), constraint(allowsSlots: allowsSlots)
        )
        let conditions = (0..<Int.random(in: 0...3, using: &random)).map { _ in
            Condition(chance(50) ? .when : .unless, expr(depth: depth))
        }
        return Policy(
            id: id, effect: chance(50) ? .permit : .forbid, annotations: annotations, principal: principal,
            action: action, resource: resource, conditions: conditions)
    }

    private mutating func constraint(allowsSlots: Bool) -> ScopeConstraint {
        let reference: EntityReference = allowsSlots && chance(30) ? .slot : .entity(entity())
        switch Int.random(in: 0..<5, using: &random) {
        case 0: return .any
        case 1: return .equal(reference)
        case 2: return .in(reference)
        case 3: return .isType(type())
        default: return .isTypeIn(type(), reference)
        }
    }

    private mutating func actionConstraint() -> ActionConstraint {
        switch Int.random(in: 0..<4, using: &random) {
        case 0: .any
        case 1: .equal(action())
        case 2: .in(action())
        default: .inAny((0..<Int.random(in: 0...3, using: &random)).map { _ in action() })
        }
    }
}

extension Expr {
    /// The same with `e has a.b` written out as `e has a && e.a has b`, which is how the JSON format has it.
    var desugared: Expr {
        switch kind {
        case .literal, .variable, .unknown: self
        case .not(let e): Expr(.not(e.desugared))
        case .negate(let e): Expr(.negate(e.desugared))
        case .isEmpty(let e): Expr(.isEmpty(e.desugared))
        case .and(let operands): Self.chain(operands.map(\.desugared), isAnd: true)
        case .or(let operands): Self.chain(operands.map(\.desugared), isAnd: false)
        case .binary(let symbol, let left, let right): Expr(.binary(symbol, left.desugared, right.desugared))
        case .conditional(let condition, let then, let otherwise):
            Expr(.conditional(if: condition.desugared, then: then.desugared, else: otherwise.desugared))
        case .attribute(let e, let name): Expr(.attribute(e.desugared, name))
        case .has(let e, let names):
            names.count > 1 && e.isPath && names.count + e.depth <= 64
                ? Self.chain(Expr.tests(of: e, names), isAnd: true) : Expr(.has(e.desugared, names))
        case .like(let e, let pattern): Expr(.like(e.desugared, pattern))
        case .isType(let e, let type, let group): Expr(.isType(e.desugared, type, in: group?.desugared))
        case .set(let elements): Expr(.set(elements.map(\.desugared)))
        case .record(let fields): Expr(.record(fields.map { Field(name: $0.name, value: $0.value.desugared) }))
        case .call(let function, let arguments): Expr(.call(function, arguments.map(\.desugared)))
        }
    }

    private static func chain(_ operands: [Expr], isAnd: Bool) -> Expr {
        var operands = operands
        switch operands[0].kind {
        case .and(let inner) where isAnd: operands.replaceSubrange(0..<1, with: inner)
        case .or(let inner) where !isAnd: operands.replaceSubrange(0..<1, with: inner)
        default: break
        }
        return Expr(isAnd ? .and(operands) : .or(operands))
    }
}

extension Policy {
    /// The same without its place in a text.
    var unplaced: Policy {
        var policy = self
        policy.range = nil
        return policy
    }

    var desugared: Policy {
        var policy = unplaced
        policy.conditions = conditions.map { Condition($0.kind, $0.body.desugared) }
        return policy
    }
}
