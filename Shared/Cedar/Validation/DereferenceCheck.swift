/// Bounds how many entities must be looked up one through another to evaluate an expression: `principal.manager.name`
/// takes two. Services that fetch the entities of a request can then do so in that many steps.
struct DereferenceCheck {
    let types: [ObjectIdentifier: StaticType]
    let environment: RequestEnvironment
    let maximum: Int
    private(set) var issues: [ValidationIssue] = []

    init(types: [ObjectIdentifier: StaticType], environment: RequestEnvironment, maximum: Int) {
        self.types = types
        self.environment = environment
        self.maximum = maximum
    }

    private func type(of expr: Expr) -> StaticType? { types[ObjectIdentifier(expr)] }

    /// Checks an expression that types were found for without error.
    mutating func check(_ expr: Expr) {
        switch expr.kind {
        case .literal, .variable, .unknown: break
        case .and(let operands): check(operands, until: .no)
        case .or(let operands): check(operands, until: .yes)
        case .conditional(let condition, let then, let otherwise):
            check(condition)
            if type(of: condition) != .no { check(then) }
            if type(of: condition) != .yes { check(otherwise) }
        case .binary(.in, let entity, let other), .binary(.hasTag, let entity, let other),
            .binary(.getTag, let entity, let other):
            checkDereference(of: entity, expr)
            check(other)
        case .attribute(let owner, _), .has(let owner, _):
            if case .record = type(of: owner) { check(owner) } else { checkDereference(of: owner, expr) }
        default: for child in expr.children { check(child) }
        }
    }

    private mutating func check(_ operands: [Expr], until end: StaticType) {
        for operand in operands {
            check(operand)
            if type(of: operand) == end { return }
        }
    }

    private mutating func checkDereference(of entity: Expr, _ expr: Expr) {
        let level = level(of: entity, [])
        guard level >= maximum else { return }
        issues.append(
            ValidationIssue(
                .tooManyDereferences, "this looks up \(level + 1) entities one through another, \(maximum) are allowed",
                help: "put what is needed into the context or nearer entities", at: expr.range))
    }

    /// How many entities must be looked up to have this one, which may stand in a record literal at `path`, its last
    /// name first.
    private mutating func level(of expr: Expr, _ path: [CedarString]) -> Int {
        switch expr.kind {
        case .variable: return 0
        case .literal(.entity(let uid)):
            checkLiteral(uid, expr)
            return 0
        case .conditional(let condition, let then, let otherwise):
            check(condition)
            let first = type(of: condition) != .no ? level(of: then, path) : 0
            let second = type(of: condition) != .yes ? level(of: otherwise, path) : 0
            return max(first, second)
        case .attribute(let owner, let name):
            if case .record = type(of: owner) { return level(of: owner, path + [name]) }
            return level(of: owner, path) + 1
        case .binary(.getTag, let entity, let tag):
            let level = level(of: entity, path)
            check(tag)
            return level + 1
        case .record(let fields): return self.level(of: fields, path)
        default:
            check(expr)
            return 0
        }
    }

    private mutating func level(of fields: [Expr.Field], _ path: [CedarString]) -> Int {
        var level = 0
        for field in fields {
            if field.name == path.last {
                level = self.level(of: field.value, path.dropLast())
            } else {
                check(field.value)
            }
        }
        return level
    }

    /// Only those entities are fetched that hang on the request.
    private mutating func checkLiteral(_ uid: EntityUID, _ expr: Expr) {
        if uid == environment.action.definition.uid { return }
        issues.append(
            ValidationIssue(
                .dereferencedLiteral, "`\(uid)` is looked up though it is not part of the request",
                help: "compare with `==` or ask the request's entities", at: expr.range))
    }
}
