/// Conditions of policies as one array of instructions: a tree whose edges are indices, so that it lies together and
/// nothing is counted when it is walked.
struct Instruction {
    enum Operation: UInt8 {
        /// `a`: index of a constant.
        case constant
        case principal, action, resource, context
        /// `a`: operand.
        case not, negate, isEmpty
        /// `a`, `b`: a run of operands in `lists`.
        case and, or, set
        /// `a` ? `b` : `c`.
        case conditional
        case equal, notEqual, less, lessOrEqual, greater, greaterOrEqual, `in`, add, subtract, multiply
        case contains, containsAll, containsAny, getTag, hasTag
        /// `a`: operand, `b`: index of the name.
        case attribute
        /// `a`: operand, `b`, `c`: a run of names in `lists`.
        case has
        /// `a`: operand, `b`: index of the pattern.
        case like
        /// `a`: operand, `b`: number of the type.
        case isType
        /// The same, `c`: operand that it must be in.
        case isTypeIn
        /// `a`, `b`: a run in `lists` of names and operands by turns.
        case record
        /// `a`: index of the function, `b`, `c`: a run of operands.
        case call
        /// `a`: index of the name of what is unknown.
        case unknown
    }

    var operation: Operation
    var a: Int32 = 0
    var b: Int32 = 0
    var c: Int32 = 0
}

/// What instructions refer to.
///
/// Unchecked, as operands are pointers: everything is immutable and `owned` keeps what they point to.
final class Program: @unchecked Sendable {
    struct AttributeName {
        let symbol: Int32
        let text: CedarString
    }

    let instructions: FixedArray<Instruction>
    let lists: FixedArray<Int32>
    let constants: FixedArray<Operand>
    let names: FixedArray<AttributeName>
    let patterns: [Pattern]
    let functions: [ExtensionFunction]
    /// The entities that are named, for requests to find.
    let table: EntityTable
    let types: [Name: Int32]
    private let owned: [AnyObject]
    private let sets: [SymbolSet]

    init(_ builder: consuming ProgramBuilder) {
        instructions = FixedArray(builder.instructions)
        lists = FixedArray(builder.lists)
        constants = FixedArray(builder.constants)
        names = FixedArray(builder.names)
        patterns = builder.patterns
        functions = ExtensionFunction.allCases
        types = builder.types
        owned = builder.owned
        sets = builder.sets
        table = builder.table.finished()
    }
}
