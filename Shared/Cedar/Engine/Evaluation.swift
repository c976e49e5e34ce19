/// One request under way: evaluates instructions of a program against a store.
///
/// It answers as `Evaluator` does, which is the plain reading of the language and the oracle in tests. Whoever makes
/// one keeps program, store and request alive while it lives.
struct Evaluation {
    let instructions: UnsafePointer<Instruction>
    let lists: UnsafePointer<Int32>
    let constants: UnsafePointer<Operand>
    let names: UnsafePointer<Program.AttributeName>
    let owners: Owners
    let store: EntityStore.View
    let policyTable: EntityTable.View
    let hash: QuickHash
    let context: UnsafePointer<Value>
    let principal: Unmanaged<EntityName>
    let action: Unmanaged<EntityName>
    let resource: Unmanaged<EntityName>
    let scratch: UnsafeMutablePointer<Scratch>

    /// What everything points to.
    struct Owners {
        private let unmanagedProgram: Unmanaged<Program>
        private let unmanagedStore: Unmanaged<EntityStore>

        init(_ program: Program, _ store: EntityStore) {
            unmanagedProgram = .passUnretained(program)
            unmanagedStore = .passUnretained(store)
        }

        var program: Program { unmanagedProgram.takeUnretainedValue() }
        var store: EntityStore { unmanagedStore.takeUnretainedValue() }
    }

    var program: Program { owners.program }

    @inline(__always)
    func operand(_ list: Int32) -> Int32 { lists[Int(list)] }

    func bool(_ index: Int32) throws(EvaluationError) -> Bool {
        let operand = try evaluate(index)
        guard case .bool(let value) = operand else { throw operand.mismatch("bool") }
        return value
    }

    private func int(_ operand: Operand) throws(EvaluationError) -> Int64 {
        guard case .int(let value) = operand else { throw operand.mismatch("long") }
        return value
    }

    func evaluate(_ index: Int32) throws(EvaluationError) -> Operand {
        let i = instructions[Int(index)]
        switch i.operation {
        case .constant: return constants[Int(i.a)]
        case .principal: return .entity(principal)
        case .action: return .entity(action)
        case .resource: return .entity(resource)
        case .context: return .raw(context)
        case .not: return .bool(!(try bool(i.a)))
        case .negate:
            let (value, overflow) = (0 as Int64).subtractingReportingOverflow(try int(try evaluate(i.a)))
            if overflow { throw .overflow("-") }
            return .int(value)
        case .and:
            for element in i.b.run(from: i.a) where !(try bool(operand(element))) { return .bool(false) }
            return .bool(true)
        case .or:
            for element in i.b.run(from: i.a) where try bool(operand(element)) { return .bool(true) }
            return .bool(false)
        case .conditional: return try evaluate(try bool(i.a) ? i.b : i.c)
        case .equal: return .bool(equal(try evaluate(i.a), try evaluate(i.b)))
        case .notEqual: return .bool(!equal(try evaluate(i.a), try evaluate(i.b)))
        case .less, .lessOrEqual, .greater, .greaterOrEqual:
            return .bool(try compare(i.operation, try evaluate(i.a), try evaluate(i.b)))
        case .add, .subtract, .multiply:
            return .int(try arithmetic(i.operation, try evaluate(i.a), try evaluate(i.b)))
        case .in:
            let (member, group) = (try evaluate(i.a), try evaluate(i.b))
            return .bool(try isIn(try entity(member), group))
        case .isType:
            return .bool(type(try entity(try evaluate(i.a))) == i.b)
        case .isTypeIn:
            let member = try entity(try evaluate(i.a))
            return .bool(type(member) == i.b ? try isIn(member, try evaluate(i.c)) : false)
        case .attribute: return try attribute(try evaluate(i.a), i.b)
        case .has: return .bool(try has(try evaluate(i.a), i.c.run(from: i.b)))
        case .hasTag, .getTag: return try tag(i.operation, try evaluate(i.a), try evaluate(i.b))
        case .contains: return .bool(try contains(try evaluate(i.a), try evaluate(i.b)))
        case .containsAll, .containsAny, .isEmpty, .like, .set, .record, .call, .unknown: return try evaluateRare(i)
        }
    }

    private func compare(
        _ operation: Instruction.Operation, _ left: Operand, _ right: Operand
    ) throws(EvaluationError) -> Bool {
        switch (left, right) {
        case (.int(let a), .int(let b)), (.datetime(let a), .datetime(let b)), (.duration(let a), .duration(let b)):
            switch operation {
            case .less: return a < b
            case .lessOrEqual: return a <= b
            case .greater: return a > b
            default: return a >= b
            }
        case (.int, _): throw right.mismatch("long")
        case (.datetime, _): throw right.mismatch("datetime")
        case (.duration, _): throw right.mismatch("duration")
        default: throw left.mismatch("long", "datetime", "duration")
        }
    }

    private func arithmetic(
        _ operation: Instruction.Operation, _ left: Operand, _ right: Operand
    ) throws(EvaluationError) -> Int64 {
        guard case .int(let a) = left else { throw left.mismatch("long") }
        guard case .int(let b) = right else { throw right.mismatch("long") }
        let (value, overflow) =
            switch operation {
            case .add: a.addingReportingOverflow(b)
            case .subtract: a.subtractingReportingOverflow(b)
            default: a.multipliedReportingOverflow(by: b)
            }
        if overflow { throw .overflow(operation == .add ? "+" : operation == .subtract ? "-" : "*") }
        return value
    }
}

extension Int32 {
    /// The indices of a run of this length.
    @inline(__always)
    func run(from start: Int32) -> Range<Int32> { start..<start + self }
}

extension Operand {
    func mismatch(_ expected: String...) -> EvaluationError {
        .type(expected: expected, actual: value.kindName)
    }
}
