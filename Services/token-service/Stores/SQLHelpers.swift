import Database
import StrictJSON

extension Database {
    /// A transaction whose body may throw faults of its own: these come out as they are.
    func change<T: Sendable>(_ body: @escaping @Sendable (any SQLConnection) throws -> T) async throws -> T {
        do {
            return try await write(body)
        } catch DatabaseError.aborted(let fault) {
            throw fault
        }
    }

    /// A read whose body may throw faults of its own.
    func inspect<T: Sendable>(_ body: @escaping @Sendable (any SQLConnection) throws -> T) async throws -> T {
        do {
            return try await read(body)
        } catch DatabaseError.aborted(let fault) {
            throw fault
        }
    }
}

extension SQLValue {
    static func flag(_ value: Bool) -> SQLValue { .int(value ? 1 : 0) }

    /// A JSON array of strings.
    static func strings(_ values: [String]) -> SQLValue {
        .text(JSONValue.array(values.map(JSONValue.string)).encodedString())
    }
}

extension SQLRow {
    func strings(_ column: String) throws -> [String] { try JSONValue(parsing: try text(column)).strings ?? [] }
}
