/// An expression. Equal expressions may stand at different places of a text.
///
/// The tree is never deeper than `Limits.maximumNesting` when it comes from outside (parsers check `depth`), so that
/// code may recurse over it.
public final class Expr: Sendable {
    public let kind: Kind
    /// Where it stands in the text it was read from.
    public let range: SourceRange?
    /// Levels of nesting, 1 for a leaf.
    public let depth: Int

    public indirect enum Kind: Sendable, Hashable {
        case literal(Literal)
        case variable(Variable)
        /// What partial evaluation does not know.
        case unknown(CedarString)
        case not(Expr)
        case negate(Expr)
        /// `s.isEmpty()`.
        case isEmpty(Expr)
        /// `a && b && c`: two operands or more, evaluated from the left.
        case and([Expr])
        /// `a || b || c`: two operands or more, evaluated from the left.
        case or([Expr])
        case binary(BinaryOperator, Expr, Expr)
        case conditional(if: Expr, then: Expr, else: Expr)
        /// `e.a` or `e["a"]`.
        case attribute(Expr, CedarString)
        /// `e has a` or `e has a.b.c`: one name or more.
        case has(Expr, [CedarString])
        case like(Expr, Pattern)
        /// `e is T`, `e is T in g`.
        case isType(Expr, Name, in: Expr?)
        case set([Expr])
        /// Names are unique; in the order of the text.
        case record([Field])
        /// An extension function, called as a function or as a method (then its first argument is the receiver).
        case call(ExtensionFunction, [Expr])
    }

    public struct Field: Sendable, Hashable {
        public let name: CedarString
        public let value: Expr

        public init(name: CedarString, value: Expr) {
            self.name = name
            self.value = value
        }
    }

    public init(_ kind: Kind, range: SourceRange? = nil) {
        self.kind = kind
        self.range = range
        var deepest = 0
        kind.forEachChild { deepest = max(deepest, $0.depth) }
        depth = deepest + 1
    }
}

extension Expr: Hashable {
    public static func == (left: Expr, right: Expr) -> Bool { left === right || left.kind == right.kind }
    public func hash(into hasher: inout Hasher) { hasher.combine(kind) }
}

extension Expr.Kind {
    /// Calls `body` with each direct operand, from the left.
    public func forEachChild(_ body: (Expr) -> Void) {
        switch self {
        case .literal, .variable, .unknown: break
        case .not(let e), .negate(let e), .isEmpty(let e), .attribute(let e, _), .has(let e, _), .like(let e, _):
            body(e)
        case .and(let operands), .or(let operands), .set(let operands), .call(_, let operands): operands.forEach(body)
        case .binary(_, let left, let right):
            body(left)
            body(right)
        case .conditional(let condition, let then, let otherwise):
            body(condition)
            body(then)
            body(otherwise)
        case .isType(let e, _, let group):
            body(e)
            if let group { body(group) }
        case .record(let fields): for field in fields { body(field.value) }
        }
    }
}

public enum Literal: Sendable, Hashable {
    case bool(Bool)
    case int(Int64)
    case string(CedarString)
    case entity(EntityUID)
}

public enum Variable: String, Sendable, Hashable, CaseIterable {
    case principal, action, resource, context
}

/// Operators and methods that take two operands.
public enum BinaryOperator: String, Sendable, Hashable, CaseIterable {
    case equal = "=="
    case notEqual = "!="
    case less = "<"
    case lessOrEqual = "<="
    case greater = ">"
    case greaterOrEqual = ">="
    case `in` = "in"
    case add = "+"
    case subtract = "-"
    case multiply = "*"
    case contains, containsAll, containsAny, getTag, hasTag

    /// Whether it is written `a.op(b)`.
    public var isMethod: Bool {
        switch self {
        case .contains, .containsAll, .containsAny, .getTag, .hasTag: true
        default: false
        }
    }
}
