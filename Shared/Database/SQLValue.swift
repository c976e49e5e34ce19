/// A value as it goes into a statement or comes out of a row. Truth values are integers, 0 or 1, on both databases.
package enum SQLValue: Sendable, Hashable {
    case null
    case int(Int64)
    case real(Double)
    case text(String)
    case blob([UInt8])

    var typeName: String {
        switch self {
        case .null: "null"
        case .int: "integer"
        case .real: "real"
        case .text: "text"
        case .blob: "bytes"
        }
    }

    /// Refuses what one of the databases would store differently from what was given.
    func validate() throws(DatabaseError) {
        switch self {
        case .text(let text) where text.utf8.contains(0): throw .sql("a text argument contains a NUL character")
        case .real(let number) where !number.isFinite: throw .sql("a real argument is not finite")
        default: return
        }
    }
}

extension SQLValue: ExpressibleByStringLiteral, ExpressibleByIntegerLiteral, ExpressibleByNilLiteral {
    package init(stringLiteral value: String) { self = .text(value) }
    package init(integerLiteral value: Int64) { self = .int(value) }
    package init(nilLiteral: ()) { self = .null }
}
