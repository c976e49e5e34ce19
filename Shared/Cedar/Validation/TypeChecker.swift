/// The types of the parts of requests for an action: what `principal`, `action`, `resource` and `context` are.
struct RequestEnvironment: Sendable {
    let principal: SchemaIndex.Party
    let action: SchemaIndex.Action
    let resource: SchemaIndex.Party
}

/// Finds the type of expressions in one environment, and what is wrong with them.
///
/// Checking goes on after an issue, so that all of them are found; what is not known of an expression that has one is
/// not held against the expressions around it.
struct TypeChecker {
    /// What is known of an expression.
    struct Answer {
        /// Nil when it has none because of an issue within.
        var type: StaticType?
        /// Whether nothing is wrong with it.
        var isValid = true
        /// What is there when its value is true.
        var proven = Capabilities.none

        init(_ type: StaticType?, proven: Capabilities = .none) {
            self.type = type
            self.proven = proven
        }

        static func invalid(_ type: StaticType? = nil) -> Answer {
            var answer = Answer(type)
            answer.isValid = false
            return answer
        }

        /// The same; when something is wrong with a part, also with this.
        func given(_ parts: Answer...) -> Answer { given(parts) }
        func given(_ parts: [Answer]) -> Answer { parts.allSatisfy(\.isValid) ? self : .invalid(type) }
    }

    let index: SchemaIndex
    let mode: ValidationMode
    let environment: RequestEnvironment
    private(set) var issues: [ValidationIssue] = []
    /// The types of all expressions that can be evaluated, by identity; nil when nobody asks.
    private(set) var types: [ObjectIdentifier: StaticType]?

    init(index: SchemaIndex, mode: ValidationMode, environment: RequestEnvironment, recordsTypes: Bool = false) {
        self.index = index
        self.mode = mode
        self.environment = environment
        if recordsTypes { types = [:] }
    }

    mutating func report(
        _ code: ValidationIssue.Code, _ message: String, help: String? = nil, at expr: Expr
    ) {
        issues.append(ValidationIssue(code, message, help: help, at: expr.range))
    }

    /// The type of an expression of the forms of `Expr.core`, where `known` is there.
    mutating func check(_ expr: Expr, _ known: Capabilities) -> Answer {
        let answer = answer(expr, known)
        if types != nil, let type = answer.type { types?[ObjectIdentifier(expr)] = type }
        return answer
    }

    /// In groups, so that no frame of this recursion holds what all forms need together.
    private mutating func answer(_ expr: Expr, _ known: Capabilities) -> Answer {
        switch expr.kind {
        case .literal, .variable, .unknown: leaf(expr)
        case .not, .and, .or, .conditional: logic(expr, known)
        case .binary: binary(expr, known)
        case .attribute, .has, .like, .isType: attribute(expr, known)
        case .negate, .isEmpty, .set, .record, .call: value(expr, known)
        }
    }

    private mutating func leaf(_ expr: Expr) -> Answer {
        switch expr.kind {
        case .literal(let literal): checkLiteral(literal)
        case .variable(let variable): Answer(type(of: variable))
        case .unknown(let name): checkUnknown(name, expr)
        default: .invalid()
        }
    }

    private mutating func logic(_ expr: Expr, _ known: Capabilities) -> Answer {
        switch expr.kind {
        case .not(let operand): checkNot(operand, known)
        case .and(let operands): checkAnd(operands, known)
        case .or(let operands): checkOr(operands, known)
        case .conditional(let condition, let then, let otherwise):
            checkConditional(condition, then, otherwise, known, expr)
        default: .invalid()
        }
    }

    private mutating func binary(_ expr: Expr, _ known: Capabilities) -> Answer {
        guard case .binary(let op, let left, let right) = expr.kind else { return .invalid() }
        return checkBinary(op, left, right, known, expr)
    }

    private mutating func attribute(_ expr: Expr, _ known: Capabilities) -> Answer {
        switch expr.kind {
        case .attribute(let operand, let name): checkAttribute(operand, name, known, expr)
        case .has(let operand, let names): checkHas(operand, names, known)
        case .like(let operand, _): checkLike(operand, known)
        case .isType(let operand, let type, _): checkIs(operand, type, known)
        default: .invalid()
        }
    }

    private mutating func value(_ expr: Expr, _ known: Capabilities) -> Answer {
        switch expr.kind {
        case .negate(let operand): expect([.long], operand, known).typed(.long)
        case .isEmpty(let operand): checkIsEmpty(operand, known)
        case .set(let elements): checkSet(elements, known, expr)
        case .record(let fields): checkRecord(fields, known)
        case .call(let function, let arguments): checkCall(function, arguments, known, expr)
        default: .invalid()
        }
    }

    private func type(of variable: Variable) -> StaticType {
        switch variable {
        case .principal: environment.principal.type
        case .action: environment.action.type
        case .resource: environment.resource.type
        case .context: environment.action.context
        }
    }

    private func checkLiteral(_ literal: Literal) -> Answer {
        switch literal {
        case .bool(let value): Answer(.bool(value))
        case .int: Answer(.long)
        case .string: Answer(.string)
        case .entity(let uid):
            // That the schema does not know it is reported once for the policy, not here in every environment.
            index.type(of: uid).map { Answer($0) } ?? .invalid()
        }
    }

    private mutating func checkUnknown(_ name: CedarString, _ expr: Expr) -> Answer {
        report(.unknownValue, "the value of `\(name)` is unknown, so that its type cannot be checked", at: expr)
        return .invalid()
    }

    /// Checks an expression that must be of one of these types.
    mutating func expect(
        _ expected: [StaticType], _ expr: Expr, _ known: Capabilities, help: (StaticType) -> String? = { _ in nil }
    ) -> Answer {
        let answer = check(expr, known)
        // Permissively in strict mode too: a record of any attributes does where a record is asked for.
        if let type = answer.type, expected.contains(where: { type.isSubtype(of: $0, .permissive) }) { return answer }
        if let type = answer.type { reportUnexpected(type, expected: expected, at: expr, help: help(type)) }
        return .invalid()
    }

    mutating func reportUnexpected(_ type: StaticType, expected: [StaticType], at expr: Expr, help: String? = nil) {
        let wanted = expected.map(\.brief).joined(separator: " or ")
        report(.unexpectedType, "\(expr.name) is \(type.brief), where \(wanted) is needed", help: help, at: expr)
    }
}

extension TypeChecker.Answer {
    /// An answer of this type, as valid as this one.
    func typed(_ type: StaticType) -> TypeChecker.Answer { TypeChecker.Answer(type).given(self) }
}

extension Expr {
    /// What messages call it: the way to an attribute, or the form.
    var name: String {
        switch kind {
        case .variable(let variable): variable.rawValue
        case .attribute(let operand, let name):
            operand.path.map { "`\($0)\(Expr.access(name))`" } ?? "attribute `\(name)`"
        case .literal(.string(let string)) where string.string.utf8.count <= 40: StringLiteral.quoted(string.string)
        case .literal(.string): "the string"
        case .literal(.int(let value)): "`\(value)`"
        case .literal(.bool(let value)): "`\(value)`"
        case .literal(.entity(let uid)): "`\(uid)`"
        case .set: "the set"
        case .record: "the record"
        case .call(let function, _): "the result of `\(function.rawValue)`"
        case .binary(let op, _, _): "the result of `\(op.rawValue)`"
        default: "this expression"
        }
    }

    /// `variable.attribute.attribute`; nil for anything else.
    var path: String? {
        switch kind {
        case .variable(let variable): variable.rawValue
        case .literal(.entity(let uid)): uid.description
        case .attribute(let operand, let name): operand.path.map { $0 + Expr.access(name) }
        default: nil
        }
    }

    static func access(_ name: CedarString) -> String {
        Name.isIdentifier(name.string) ? ".\(name)" : "[\(StringLiteral.quoted(name.string))]"
    }
}
