/// Writes expressions with no more parentheses than they need.
struct Printer {
    private(set) var text = ""

    /// How tightly a form binds. An operand that binds less than its place asks for stands in parentheses.
    enum Level: Int, Comparable {
        case conditional, or, and, relation, sum, product, unary, member

        static func < (left: Level, right: Level) -> Bool { left.rawValue < right.rawValue }
    }

    mutating func append(_ string: String) { text += string }

    mutating func write(_ expr: Expr, at minimum: Level = .conditional) {
        let needsParentheses = Self.level(of: expr) < minimum
        if needsParentheses { text += "(" }
        writeBare(expr)
        if needsParentheses { text += ")" }
    }

    static func level(of expr: Expr) -> Level {
        switch expr.kind {
        case .literal(.int(let value)) where value < 0: .unary
        case .conditional: .conditional
        case .or: .or
        case .and: .and
        case .has(let receiver, let names): isDesugared(receiver, names) ? .and : .relation
        case .like, .isType: .relation
        case .not, .negate: .unary
        case .binary(let symbol, _, _):
            switch symbol {
            case .add, .subtract: .sum
            case .multiply: .product
            default: symbol.isMethod ? .member : .relation
            }
        default: .member
        }
    }

    private mutating func writeBare(_ expr: Expr) {
        switch expr.kind {
        case .literal(let literal): write(literal)
        case .variable(let variable): text += variable.rawValue
        case .unknown(let name): text += "unknown(\(StringLiteral.quoted(name.string)))"
        case .not: writeSigns(expr)
        case .negate: writeSigns(expr)
        case .isEmpty(let receiver): call("isEmpty", on: receiver, [])
        case .and(let operands): list(operands, " && ", at: .relation)
        case .or(let operands): list(operands, " || ", at: .and)
        case .binary(let symbol, let left, let right): write(symbol, left, right)
        case .conditional(let condition, let then, let otherwise):
            text += "if "
            write(condition)
            text += " then "
            write(then)
            text += " else "
            write(otherwise)
        case .attribute(let receiver, let name):
            write(receiver, at: .member)
            write(access: name)
        case .has(let receiver, let names): write(receiver, has: names)
        case .like(let operand, let pattern):
            write(operand, at: .sum)
            text += " like \(StringLiteral.quoted(pattern))"
        case .isType(let operand, let type, let group):
            write(operand, at: .sum)
            text += " is \(type)"
            if let group {
                text += " in "
                write(group, at: .sum)
            }
        case .set(let elements):
            text += "["
            list(elements, ", ", at: .conditional)
            text += "]"
        case .record(let fields): write(fields)
        case .call(let function, let arguments):
            if !function.isConstructor, let receiver = arguments.first {
                call(function.rawValue, on: receiver, Array(arguments.dropFirst()))
            } else {
                text += function.rawValue + "("
                list(arguments, ", ", at: .conditional)
                text += ")"
            }
        }
    }

    private mutating func write(_ literal: Literal) {
        switch literal {
        case .bool(let value): text += value ? "true" : "false"
        case .int(let value): text += String(value)
        case .string(let value): text += StringLiteral.quoted(value.string)
        case .entity(let entity): text += entity.description
        }
    }

    private mutating func list(_ exprs: [Expr], _ separator: String, at level: Level) {
        for (index, expr) in exprs.enumerated() {
            if index > 0 { text += separator }
            write(expr, at: level)
        }
    }

    private mutating func call(_ name: String, on receiver: Expr, _ arguments: [Expr]) {
        write(receiver, at: .member)
        text += ".\(name)("
        list(arguments, ", ", at: .conditional)
        text += ")"
    }

    private mutating func write(_ symbol: BinaryOperator, _ left: Expr, _ right: Expr) {
        if symbol.isMethod { return call(symbol.rawValue, on: left, [right]) }
        let (leftLevel, rightLevel): (Level, Level) =
            switch symbol {
            case .add, .subtract: (.sum, .product)
            case .multiply: (.product, .unary)
            default: (.sum, .sum)
            }
        write(left, at: leftLevel)
        text += " \(symbol.rawValue) "
        write(right, at: rightLevel)
    }

    /// Up to four equal signs stand in a row; a negative number brings one of its own.
    private mutating func writeSigns(_ expr: Expr) {
        var operand = expr
        var signs = 0
        while signs < 4 {
            if case .not(let inner) = operand.kind, case .not = expr.kind {
                operand = inner
            } else if case .negate(let inner) = operand.kind, case .negate = expr.kind {
                operand = inner
            } else {
                break
            }
            signs += 1
        }
        let isNegation = if case .negate = expr.kind { true } else { false }
        text += String(repeating: isNegation ? "-" : "!", count: signs)
        if isNegation, case .literal(.int(let value)) = operand.kind {
            // `-5` is a literal, so that a negated 5 is told apart by parentheses.
            let isSigned = value < 0 && signs < 4
            text += isSigned ? String(value) : "(\(value))"
        } else {
            write(operand, at: .member)
        }
    }

    private mutating func write(access name: CedarString) {
        if Name.isIdentifier(name.string) {
            text += ".\(name)"
        } else {
            text += "[\(StringLiteral.quoted(name.string))]"
        }
    }

    private mutating func write(_ fields: [Expr.Field]) {
        text += "{"
        for (index, field) in fields.enumerated() {
            if index > 0 { text += ", " }
            text += Self.key(field.name) + ": "
            write(field.value)
        }
        text += "}"
    }

    private static func key(_ name: CedarString) -> String {
        Name.isIdentifier(name.string) ? name.string : StringLiteral.quoted(name.string)
    }

    // MARK: `has`

    /// Whether `has` with these names has no form of its own: a path is made of identifiers.
    private static func isDesugared(_ receiver: Expr, _ names: [CedarString]) -> Bool {
        names.count > 1 && !names.allSatisfy { Name.isIdentifier($0.string) }
    }

    private mutating func write(_ receiver: Expr, has names: [CedarString]) {
        if Self.isDesugared(receiver, names) {
            return list(Expr.tests(of: receiver, names), " && ", at: .relation)
        }
        write(receiver, at: .sum)
        text += " has "
        text += names.count == 1 ? Self.key(names[0]) : names.map(\.string).joined(separator: ".")
    }
}

extension Expr {
    /// What `e has a.b.c` stands for: `e has a`, `e.a has b` and `e.a.b has c`.
    static func tests(of receiver: Expr, _ names: [CedarString]) -> [Expr] {
        var receiver = receiver
        return names.map { name in
            defer { receiver = Expr(.attribute(receiver, name)) }
            return Expr(.has(receiver, [name]))
        }
    }
}

extension StringLiteral {
    /// A pattern between double quotes.
    static func quoted(_ pattern: Pattern) -> String {
        var result = "\""
        for element in pattern.elements {
            switch element {
            case .wildcard: result += "*"
            case .scalar("*"): result += "\\*"
            case .scalar(let scalar): result.unicodeScalars.append(contentsOf: escaped(scalar).unicodeScalars)
            }
        }
        return result + "\""
    }
}
