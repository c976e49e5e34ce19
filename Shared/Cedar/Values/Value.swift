/// What an expression evaluates to.
public enum Value: Sendable, Hashable {
    case bool(Bool)
    case int(Int64)
    case string(CedarString)
    case entity(EntityUID)
    case set(ValueSet)
    case record(Record)
    case `extension`(ExtensionValue)
}

/// A value of an extension type.
public enum ExtensionValue: Sendable, Hashable {
    case decimal(Decimal)
    case ip(IPAddress)
    case datetime(Datetime)
    case duration(Duration)
}

extension Value: Comparable {
    /// A total order without meaning in the language; sets are kept in it.
    public static func < (left: Value, right: Value) -> Bool { left.order(right) < 0 }

    /// Negative, 0 or positive. Looks at each part once: to ask `a < b` and then `b < a`, as the comparison of sequences does,
    /// would double the work with every level of nesting.
    func order(_ other: Value) -> Int {
        switch (self, other) {
        case (.bool(let a), .bool(let b)): (a ? 1 : 0) - (b ? 1 : 0)
        case (.set(let a), .set(let b)): Value.order(a.elements, b.elements) { $0.order($1) }
        case (.record(let a), .record(let b)): a.order(b)
        case (.int(let a), .int(let b)): Value.order(a, b)
        case (.string(let a), .string(let b)): Value.order(a, b)
        case (.entity(let a), .entity(let b)): Value.order(a, b)
        case (.extension(let a), .extension(let b)): Value.order(a, b)
        default: rank - other.rank
        }
    }

    /// The order of values without parts.
    static func order<T: Comparable>(_ left: T, _ right: T) -> Int { left == right ? 0 : left < right ? -1 : 1 }

    /// The first difference counts; else the shorter comes first.
    static func order<T>(_ left: [T], _ right: [T], _ elements: (T, T) -> Int) -> Int {
        for (a, b) in zip(left, right) {
            let order = elements(a, b)
            if order != 0 { return order }
        }
        return left.count - right.count
    }

    private var rank: Int {
        switch self {
        case .bool: 0
        case .int: 1
        case .string: 2
        case .entity: 3
        case .set: 4
        case .record: 5
        case .extension: 6
        }
    }
}

extension ExtensionValue: Comparable {
    /// A total order; within a type that of the type.
    public static func < (left: ExtensionValue, right: ExtensionValue) -> Bool {
        switch (left, right) {
        case (.decimal(let a), .decimal(let b)): a < b
        case (.ip(let a), .ip(let b)): a < b
        case (.datetime(let a), .datetime(let b)): a < b
        case (.duration(let a), .duration(let b)): a < b
        default: left.rank < right.rank
        }
    }

    private var rank: Int {
        switch self {
        case .decimal: 0
        case .ip: 1
        case .datetime: 2
        case .duration: 3
        }
    }
}
