/// The query of a request, each name once. Repeated names are refused: two readers might each believe another one.
public struct QueryParameters: Sendable {
    private let pairs: [(name: String, value: String)]
    private static let maximum = 64

    public init() { pairs = [] }

    /// - Throws: `Problem` 400.
    init(_ query: some Collection<UInt8>) throws(Problem) {
        do {
            pairs = try PercentCoding.pairs(query, limit: QueryParameters.maximum)
        } catch {
            switch error {
            case .malformed: throw .badRequest("bad-query", detail: "The query is malformed.")
            case .repeated: throw .badRequest("bad-query", detail: "A parameter of the query is repeated.")
            case .tooMany: throw .badRequest("bad-query", detail: "The query has too many parameters.")
            }
        }
    }

    public var isEmpty: Bool { pairs.isEmpty }
    public var names: [String] { pairs.map(\.name) }
    public subscript(name: String) -> String? { pairs.first { $0.name == name }?.value }

    /// - Throws: `Problem` 400 when there are others than these.
    public func allow(_ known: String...) throws(Problem) {
        for pair in pairs where !known.contains(pair.name) {
            throw .badRequest("bad-query", detail: "The query has an unknown parameter.")
        }
    }
}
