/// A record: attributes by name. Contexts, attributes of entities and tags are records as well.
public struct Record: Sendable, Hashable {
    public struct Field: Sendable, Hashable {
        public let name: CedarString
        public let value: Value

        public init(name: CedarString, value: Value) {
            self.name = name
            self.value = value
        }
    }

    /// In the order of their names, each name once.
    public let fields: [Field]

    public static let empty = Record(sorted: [])

    private init(sorted fields: [Field]) { self.fields = fields }

    /// Of names given twice the last one counts; readers of documents refuse them before.
    public init(_ fields: some Sequence<(CedarString, Value)>) {
        let byName = Dictionary(fields.map { ($0.0, $0.1) }, uniquingKeysWith: { $1 })
        self.fields = byName.map { Field(name: $0.key, value: $0.value) }.sorted { $0.name < $1.name }
    }

    public subscript(name: CedarString) -> Value? {
        var (low, high) = (0, fields.count)
        while low < high {
            let middle = (low + high) / 2
            if fields[middle].name < name { low = middle + 1 } else { high = middle }
        }
        return low < fields.count && fields[low].name == name ? fields[low].value : nil
    }

    public var isEmpty: Bool { fields.isEmpty }
}

extension Record: Comparable {
    public static func < (left: Record, right: Record) -> Bool { left.order(right) < 0 }

    /// As `Value.order`.
    func order(_ other: Record) -> Int {
        Value.order(fields, other.fields) { left, right in
            let names = Value.order(left.name, right.name)
            return names == 0 ? left.value.order(right.value) : names
        }
    }
}

extension Record: ExpressibleByDictionaryLiteral {
    public init(dictionaryLiteral elements: (CedarString, Value)...) { self.init(elements) }
}
