/// The names of a result's columns, shared by its rows.
final class SQLColumns: Sendable {
    let names: [String]
    private let positions: [String: Int]

    init(_ names: [String]) {
        self.names = names
        // Of two columns with one name the first counts, as everywhere in this file.
        positions = Dictionary(
            names.enumerated().map { ($0.element.lowercased(), $0.offset) }, uniquingKeysWith: { first, _ in first })
    }

    func position(of name: String) -> Int? { positions[name] ?? positions[name.lowercased()] }
}

/// One row of a result. Column names are found whatever their case, for PostgreSQL folds them to lower case.
package struct SQLRow: Sendable {
    private let columns: SQLColumns
    package let values: [SQLValue]

    init(columns: SQLColumns, values: [SQLValue]) {
        self.columns = columns
        self.values = values
    }

    package var columnNames: [String] { columns.names }

    /// The value of a column; `.null` when there is no such column. The typed accessors tell the two apart.
    package subscript(_ column: String) -> SQLValue { columns.position(of: column).map { values[$0] } ?? .null }

    package subscript(_ index: Int) -> SQLValue { values[index] }

    package func int(_ column: String) throws(DatabaseError) -> Int64 {
        guard case .int(let number) = try value(column) else { throw mismatch(column, "an integer") }
        return number
    }

    package func bool(_ column: String) throws(DatabaseError) -> Bool { try int(column) != 0 }

    /// A number; integers are converted.
    package func real(_ column: String) throws(DatabaseError) -> Double {
        switch try value(column) {
        case .real(let number): return number
        case .int(let number): return Double(number)
        default: throw mismatch(column, "a number")
        }
    }

    package func text(_ column: String) throws(DatabaseError) -> String {
        guard case .text(let text) = try value(column) else { throw mismatch(column, "text") }
        return text
    }

    package func blob(_ column: String) throws(DatabaseError) -> [UInt8] {
        guard case .blob(let bytes) = try value(column) else { throw mismatch(column, "bytes") }
        return bytes
    }

    package func optionalInt(_ column: String) throws(DatabaseError) -> Int64? {
        try isNull(column) ? nil : int(column)
    }

    package func optionalReal(_ column: String) throws(DatabaseError) -> Double? {
        try isNull(column) ? nil : real(column)
    }

    package func optionalText(_ column: String) throws(DatabaseError) -> String? {
        try isNull(column) ? nil : text(column)
    }

    package func optionalBlob(_ column: String) throws(DatabaseError) -> [UInt8]? {
        try isNull(column) ? nil : blob(column)
    }

    package func isNull(_ column: String) throws(DatabaseError) -> Bool { try value(column) == .null }

    private func value(_ column: String) throws(DatabaseError) -> SQLValue {
        guard let position = columns.position(of: column) else { throw .sql("the result has no column \(column)") }
        return values[position]
    }

    private func mismatch(_ column: String, _ expected: String) -> DatabaseError {
        .sql("column \(column) is \(self[column].typeName), not \(expected)")
    }
}
