/// Compiles expressions into a `Program`.
struct ProgramBuilder {
    private(set) var instructions: [Instruction] = []
    private(set) var lists: [Int32] = []
    private(set) var constants: [Operand] = []
    private(set) var names: [Program.AttributeName] = []
    private(set) var patterns: [Pattern] = []
    private(set) var types: [Name: Int32] = [:]
    private(set) var table = EntityTable(expecting: 0)
    private(set) var owned: [AnyObject] = []
    private(set) var sets: [SymbolSet] = []
    private let symbols: Symbols
    private var nameIndices: [CedarString: Int32] = [:]
    private var constantIndices: [Value: Int32] = [:]

    init(symbols: Symbols, expectedEntities: Int) {
        self.symbols = symbols
        table = EntityTable(expecting: expectedEntities)
    }

    // MARK: What scopes need

    mutating func entity(_ uid: EntityUID) -> EntityName {
        let name = symbols.entity(uid)
        table.insert(name)
        types[uid.type] = name.type
        owned.append(name)
        return name
    }

    /// Keeps a set as long as the program.
    mutating func keep(_ set: SymbolSet) -> SymbolSet.View {
        sets.append(set)
        return set.view
    }

    mutating func type(_ name: Name) -> Int32 {
        if let number = types[name] { return number }
        let number = symbols.type(name)
        types[name] = number
        return number
    }

    // MARK: Expressions

    /// The index of the instruction that yields the conjunction of all conditions; nil when there are none.
    mutating func compile(_ conditions: [Condition]) -> Int32? {
        guard !conditions.isEmpty else { return nil }
        let roots = conditions.map { condition in
            let root = compile(condition.body)
            return condition.kind == .when ? root : add(.init(operation: .not, a: root))
        }
        return roots.count == 1 ? roots[0] : list(.and, roots)
    }

    mutating func compile(_ expr: Expr) -> Int32 {
        if let value = ConstantFolding.value(of: expr) { return constant(value) }
        switch expr.kind {
        case .literal(let literal): return constant(literal.value)
        case .variable(.principal): return add(.init(operation: .principal))
        case .variable(.action): return add(.init(operation: .action))
        case .variable(.resource): return add(.init(operation: .resource))
        case .variable(.context): return add(.init(operation: .context))
        case .unknown(let unknown): return add(.init(operation: .unknown, a: name(unknown)))
        case .not(let e): return unary(.not, e)
        case .negate(let e): return unary(.negate, e)
        case .isEmpty(let e): return unary(.isEmpty, e)
        case .and(let operands): return list(.and, operands.map { compile($0) })
        case .or(let operands): return list(.or, operands.map { compile($0) })
        case .set(let operands): return list(.set, operands.map { compile($0) })
        case .binary(let binary, let left, let right):
            let a = compile(left)
            let b = compile(right)
            return add(.init(operation: binary.operation, a: a, b: b))
        case .conditional(let condition, let then, let otherwise):
            let (a, b, c) = (compile(condition), compile(then), compile(otherwise))
            return add(.init(operation: .conditional, a: a, b: b, c: c))
        case .attribute(let e, let attribute):
            let a = compile(e)
            return add(.init(operation: .attribute, a: a, b: name(attribute)))
        case .has(let e, let path):
            let a = compile(e)
            let run = run(path.map { name($0) })
            return add(.init(operation: .has, a: a, b: run.start, c: run.count))
        case .like(let e, let pattern):
            let a = compile(e)
            patterns.append(pattern)
            return add(.init(operation: .like, a: a, b: Int32(patterns.count - 1)))
        case .isType(let e, let type, let group):
            let a = compile(e)
            guard let group else { return add(.init(operation: .isType, a: a, b: self.type(type))) }
            let c = compile(group)
            return add(.init(operation: .isTypeIn, a: a, b: self.type(type), c: c))
        case .record(let fields):
            let run = run(fields.sorted { $0.name < $1.name }.flatMap { [name($0.name), compile($0.value)] })
            return add(.init(operation: .record, a: run.start, b: run.count))
        case .call(let function, let arguments):
            let run = run(arguments.map { compile($0) })
            let index = ExtensionFunction.allCases.firstIndex(of: function) ?? 0
            return add(.init(operation: .call, a: Int32(index), b: run.start, c: run.count))
        }
    }

    private mutating func unary(_ operation: Instruction.Operation, _ operand: Expr) -> Int32 {
        let a = compile(operand)
        return add(.init(operation: operation, a: a))
    }

    private mutating func list(_ operation: Instruction.Operation, _ operands: [Int32]) -> Int32 {
        let run = run(operands)
        return add(.init(operation: operation, a: run.start, b: run.count))
    }

    private mutating func run(_ elements: [Int32]) -> (start: Int32, count: Int32) {
        lists.append(contentsOf: elements)
        return (Int32(lists.count - elements.count), Int32(elements.count))
    }

    private mutating func add(_ instruction: Instruction) -> Int32 {
        instructions.append(instruction)
        return Int32(instructions.count - 1)
    }

    private mutating func name(_ text: CedarString) -> Int32 {
        if let index = nameIndices[text] { return index }
        names.append(.init(symbol: symbols.name(text), text: text))
        nameIndices[text] = Int32(names.count - 1)
        return Int32(names.count - 1)
    }

    private mutating func constant(_ value: Value) -> Int32 {
        add(.init(operation: .constant, a: constantIndex(value)))
    }

    /// The operand of a value, kept by the program.
    mutating func operand(for value: Value) -> Operand { constants[Int(constantIndex(value))] }

    /// Where the name of an attribute stands among the names.
    mutating func attributeName(_ text: CedarString) -> Int32 { name(text) }

    private mutating func constantIndex(_ value: Value) -> Int32 {
        if let index = constantIndices[value] { return index }
        var used: [EntityName] = []
        let operand = Operand.compile(value, symbols, &owned) { uid in
            let name = symbols.entity(uid)
            used.append(name)
            return name
        }
        for name in used {
            table.insert(name)
            types[name.uid.type] = name.type
        }
        constants.append(operand)
        constantIndices[value] = Int32(constants.count - 1)
        return Int32(constants.count - 1)
    }
}

extension Literal {
    var value: Value {
        switch self {
        case .bool(let value): .bool(value)
        case .int(let value): .int(value)
        case .string(let value): .string(value)
        case .entity(let value): .entity(value)
        }
    }
}

extension BinaryOperator {
    fileprivate var operation: Instruction.Operation {
        switch self {
        case .equal: .equal
        case .notEqual: .notEqual
        case .less: .less
        case .lessOrEqual: .lessOrEqual
        case .greater: .greater
        case .greaterOrEqual: .greaterOrEqual
        case .in: .in
        case .add: .add
        case .subtract: .subtract
        case .multiply: .multiply
        case .contains: .contains
        case .containsAll: .containsAll
        case .containsAny: .containsAny
        case .getTag: .getTag
        case .hasTag: .hasTag
        }
    }
}

/// Which expressions are values whatever the request: literals, sets and records of such, and extension values made of
/// literals. What would be an error is left to evaluation, which may never come to it.
enum ConstantFolding {
    static func value(of expr: Expr) -> Value? {
        switch expr.kind {
        case .literal(let literal): return literal.value
        case .set(let operands):
            let values = operands.compactMap { value(of: $0) }
            return values.count == operands.count ? .set(ValueSet(values)) : nil
        case .record(let fields):
            var values: [(CedarString, Value)] = []
            for field in fields {
                guard let value = value(of: field.value) else { return nil }
                values.append((field.name, value))
            }
            return .record(Record(values))
        case .call(let function, let arguments) where function.isConstructor:
            guard arguments.count == 1, let argument = value(of: arguments[0]) else { return nil }
            return try? function.apply([argument])
        case .negate(let e):
            guard case .int(let number) = value(of: e), number != .min else { return nil }
            return .int(-number)
        default: return nil
        }
    }
}
