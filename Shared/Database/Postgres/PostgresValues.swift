import CPostgres

/// Arguments as libpq takes them: one buffer, and for each argument its type, place, length and format.
struct PostgresArguments {
    private static let int8: Oid = 20
    private static let text: Oid = 25
    private static let bytea: Oid = 17
    private static let float8: Oid = 701

    /// Declared to the server, so that a number is 64 bits wide whatever it stands beside. A null takes its type from
    /// where it stands.
    private(set) var types: [Oid] = []
    private var buffer: [UInt8] = []
    private var offsets: [Int?] = []
    private var lengths: [Int32] = []
    private var formats: [Int32] = []

    init(_ arguments: [SQLValue]) {
        for argument in arguments {
            let start = buffer.count
            var isBinary = false
            switch argument {
            case .null: types.append(0)
            case .int(let number):
                types.append(Self.int8)
                buffer.append(contentsOf: String(number).utf8)
            case .real(let number):
                types.append(Self.float8)
                buffer.append(contentsOf: String(number).utf8)
            case .text(let text):
                types.append(Self.text)
                buffer.append(contentsOf: text.utf8)
            case .blob(let bytes):
                types.append(Self.bytea)
                buffer.append(contentsOf: bytes)
                isBinary = true
            }
            offsets.append(argument == .null ? nil : start)
            lengths.append(Int32(clamping: buffer.count - start))
            formats.append(isBinary ? 1 : 0)
            buffer.append(0)
        }
    }

    /// A short name of the types, which tells prepared statements of the same text apart.
    var signature: String {
        String(
            decoding: types.map { type -> UInt8 in
                switch type {
                case Self.int8: UInt8(ascii: "i")
                case Self.text: UInt8(ascii: "t")
                case Self.bytea: UInt8(ascii: "b")
                case Self.float8: UInt8(ascii: "f")
                default: UInt8(ascii: "n")
                }
            }, as: UTF8.self)
    }

    func withPointers<R>(
        _ body: (_ values: [UnsafePointer<CChar>?], _ lengths: [Int32], _ formats: [Int32]) -> R
    ) -> R {
        buffer.withUnsafeBytes { raw in
            let base = raw.bindMemory(to: CChar.self).baseAddress
            return body(offsets.map { offset in offset.flatMap { base?.advanced(by: $0) } }, lengths, formats)
        }
    }
}

/// Owns a result of libpq.
final class PostgresResult {
    private let pointer: OpaquePointer

    init(_ pointer: OpaquePointer) { self.pointer = pointer }

    deinit { PQclear(pointer) }

    var status: ExecStatusType { PQresultStatus(pointer) }

    var failed: Bool { status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK && status != PGRES_EMPTY_QUERY }

    var failure: StatementFailure {
        PostgresFailure.map(
            state: field(Int32(UInt8(ascii: "C"))) ?? "no code",
            message: field(Int32(UInt8(ascii: "M"))) ?? "no message",
            constraint: field(Int32(UInt8(ascii: "n"))) ?? field(Int32(UInt8(ascii: "c"))))
    }

    /// What was done: `COMMIT`, `ROLLBACK`, `INSERT 0 1`, …
    var command: String { PQcmdStatus(pointer).map { String(cString: $0) } ?? "" }

    func statementResult() throws(StatementFailure) -> StatementResult {
        var result = StatementResult()
        if let verb = command.split(separator: " ").first, ["INSERT", "UPDATE", "DELETE", "MERGE"].contains(verb) {
            result.changes = Int(String(cString: PQcmdTuples(pointer))) ?? 0
        }
        let width = PQnfields(pointer)
        guard width > 0 else { return result }
        result.columns = SQLColumns((0..<width).map { PQfname(pointer, $0).map { String(cString: $0) } ?? "" })
        let types = (0..<width).map { PQftype(pointer, $0) }
        result.rows.reserveCapacity(Int(PQntuples(pointer)))
        for row in 0..<PQntuples(pointer) {
            var values: [SQLValue] = []
            values.reserveCapacity(types.count)
            for column in 0..<width { values.append(try value(row, column, types[Int(column)])) }
            result.rows.append(values)
        }
        return result
    }

    private func field(_ code: Int32) -> String? {
        PQresultErrorField(pointer, code).map { String(cString: $0) }
    }

    /// Values come as text; numbers, truth values and bytes are turned into what SQLite would have given.
    private func value(_ row: Int32, _ column: Int32, _ type: Oid) throws(StatementFailure) -> SQLValue {
        guard PQgetisnull(pointer, row, column) == 0, let start = PQgetvalue(pointer, row, column) else { return .null }
        let bytes = UnsafeRawBufferPointer(start: start, count: Int(PQgetlength(pointer, row, column)))
        switch type {
        case 16: return .int(bytes.first == UInt8(ascii: "t") ? 1 : 0)  // bool
        case 17: return .blob(try hex(bytes))  // bytea
        case 20, 21, 23, 26, 28, 5069:  // int8, int2, int4, oid, xid, xid8
            guard let number = Int64(String(decoding: bytes, as: UTF8.self)) else { throw undecodable(type) }
            return .int(number)
        case 700, 701, 1700:  // float4, float8, numeric: sums of int8 are numeric
            let text = String(decoding: bytes, as: UTF8.self)
            if type == 1700, let number = Int64(text) { return .int(number) }
            guard let number = Double(text) else { throw undecodable(type) }
            return .real(number)
        default: return .text(String(decoding: bytes, as: UTF8.self))
        }
    }

    /// `\x` and two digits a byte, the output format since PostgreSQL 9.0.
    private func hex(_ text: UnsafeRawBufferPointer) throws(StatementFailure) -> [UInt8] {
        guard text.count >= 2, text.count % 2 == 0, text[0] == UInt8(ascii: "\\"), text[1] == UInt8(ascii: "x") else {
            throw undecodable(17)
        }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(text.count / 2 - 1)
        for index in stride(from: 2, to: text.count, by: 2) {
            guard let high = Self.digit(text[index]), let low = Self.digit(text[index + 1]) else {
                throw undecodable(17)
            }
            bytes.append(high << 4 | low)
        }
        return bytes
    }

    private static func digit(_ character: UInt8) -> UInt8? {
        switch character {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): character - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): character - UInt8(ascii: "a") + 10
        default: nil
        }
    }

    private func undecodable(_ type: Oid) -> StatementFailure {
        StatementFailure(error: .sql("the server sent a value of type \(type) that cannot be read"))
    }
}
