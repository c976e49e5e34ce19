/// A value while an expression is evaluated. It owns nothing: what it refers to is kept by the compiled policies, the
/// entity store, the request or the evaluation's scratch, all of which outlive it, so that evaluating counts no references.
enum Operand {
    case bool(Bool)
    case int(Int64)
    case decimal(Int64)
    case datetime(Int64)
    case duration(Int64)
    case entity(Unmanaged<EntityName>)
    case string(Unmanaged<StringObject>)
    case set(Unmanaged<SetObject>)
    case record(Unmanaged<RecordObject>)
    /// A string, set, record or address inside the context of the request, where it lies.
    case raw(UnsafePointer<Value>)
}

final class StringObject: Sendable {
    let string: CedarString
    init(_ string: CedarString) { self.string = string }
}

/// A set whose elements are compiled. Sets of entities answer membership by number.
///
/// Unchecked, as operands are pointers: everything is immutable and `owned` keeps what they point to.
final class SetObject: @unchecked Sendable {
    let value: ValueSet
    private let symbols: SymbolSet?
    /// The numbers of its elements when all are entities.
    let entities: SymbolSet.View?
    let elements: [Operand]
    private let owned: [AnyObject]

    init(_ value: ValueSet, _ compile: (Value, inout [AnyObject]) -> Operand) {
        self.value = value
        var owned: [AnyObject] = []
        elements = value.elements.map { compile($0, &owned) }
        self.owned = owned
        let symbols = elements.compactMap { element -> Int32? in
            guard case .entity(let name) = element else { return nil }
            return name._withUnsafeGuaranteedRef { $0.symbol }
        }
        self.symbols = symbols.count == elements.count && !symbols.isEmpty ? SymbolSet(symbols) : nil
        entities = self.symbols?.view
    }
}

/// A record whose values are compiled, by the numbers of their names.
///
/// Unchecked, as operands are pointers: everything is immutable and `owned` keeps what they point to.
final class RecordObject: @unchecked Sendable {
    struct Field {
        let name: Int32
        let operand: Operand
    }

    let value: Record
    private let fields: FixedArray<Field>
    private let owned: [AnyObject]

    init(_ value: Record, _ symbols: Symbols, _ compile: (Value, inout [AnyObject]) -> Operand) {
        self.value = value
        var owned: [AnyObject] = []
        let fields = value.fields.map { Field(name: symbols.name($0.name), operand: compile($0.value, &owned)) }
        self.fields = FixedArray(fields.sorted { $0.name < $1.name })
        self.owned = owned
    }

    /// Unchecked, as it is a pointer to what never changes.
    struct View: @unchecked Sendable {
        fileprivate let fields: UnsafePointer<Field>
        fileprivate let count: Int
    }

    /// The record without its ownership.
    var view: View { View(fields: fields.start, count: fields.count) }
}

extension RecordObject.View {

    @inline(__always)
    subscript(name: Int32) -> Operand? {
        // Records have few attributes: a run through is quicker than a search up to about sixteen.
        if count <= 16 {
            for index in 0..<count where fields[index].name == name { return fields[index].operand }
            return nil
        }
        var (low, high) = (0, count)
        while low < high {
            let middle = (low + high) / 2
            if fields[middle].name < name { low = middle + 1 } else { high = middle }
        }
        return low < count && fields[low].name == name ? fields[low].operand : nil
    }
}

/// A value of which nothing needs compiling, kept in one place so that it can be pointed to.
///
/// Unchecked, as it holds a pointer: it is written once, and lives as long as the object.
final class ValueObject: @unchecked Sendable {
    let pointer: UnsafePointer<Value>

    init(_ value: Value) {
        let place = UnsafeMutablePointer<Value>.allocate(capacity: 1)
        place.initialize(to: value)
        pointer = UnsafePointer(place)
    }

    deinit {
        let place = UnsafeMutablePointer(mutating: pointer)
        place.deinitialize(count: 1)
        place.deallocate()
    }
}

extension Operand {
    /// Compiles a value; what the operand points to is added to `owned`.
    static func compile(
        _ value: Value, _ symbols: Symbols, _ owned: inout [AnyObject], entity: (EntityUID) -> EntityName
    ) -> Operand {
        switch value {
        case .bool(let value): return .bool(value)
        case .int(let value): return .int(value)
        case .extension(.decimal(let value)): return .decimal(value.tenThousandths)
        case .extension(.datetime(let value)): return .datetime(value.milliseconds)
        case .extension(.duration(let value)): return .duration(value.milliseconds)
        case .extension(.ip):
            let object = ValueObject(value)
            owned.append(object)
            return .raw(object.pointer)
        case .entity(let uid):
            let name = entity(uid)
            owned.append(name)
            return .entity(.passUnretained(name))
        case .string(let string):
            let object = StringObject(string)
            owned.append(object)
            return .string(.passUnretained(object))
        case .set(let set):
            let object = SetObject(set) { compile($0, symbols, &$1, entity: entity) }
            owned.append(object)
            return .set(.passUnretained(object))
        case .record(let record):
            let object = RecordObject(record, symbols) { compile($0, symbols, &$1, entity: entity) }
            owned.append(object)
            return .record(.passUnretained(object))
        }
    }

    /// The value it stands for.
    var value: Value {
        switch self {
        case .bool(let value): .bool(value)
        case .int(let value): .int(value)
        case .decimal(let value): .extension(.decimal(.init(tenThousandths: value)))
        case .datetime(let value): .extension(.datetime(.init(milliseconds: value)))
        case .duration(let value): .extension(.duration(.init(milliseconds: value)))
        case .entity(let name): .entity(name._withUnsafeGuaranteedRef { $0.uid })
        case .string(let object): .string(object._withUnsafeGuaranteedRef { $0.string })
        case .set(let object): .set(object._withUnsafeGuaranteedRef { $0.value })
        case .record(let object): .record(object._withUnsafeGuaranteedRef { $0.value })
        case .raw(let pointer): pointer.pointee
        }
    }
}

extension Value {
    /// The name of its type, for errors.
    var kindName: String {
        switch self {
        case .bool: "bool"
        case .int: "long"
        case .string: "string"
        case .entity(let uid): uid.type.text
        case .set: "set"
        case .record: "record"
        case .extension(.decimal): "decimal"
        case .extension(.ip): "ipaddr"
        case .extension(.datetime): "datetime"
        case .extension(.duration): "duration"
        }
    }
}
