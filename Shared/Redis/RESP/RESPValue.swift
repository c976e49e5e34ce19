/// A reply of the Redis serialisation protocol, version 2.
package enum RESPValue: Sendable, Equatable {
    /// A null bulk string or a null array.
    case null
    case status(String)
    case bulk([UInt8])
    case integer(Int64)
    case array([RESPValue])
    /// An error inside of an array; an error that answers a command is thrown as `RedisError.server`.
    case error(String)

    /// Text of a bulk or status reply; bytes that are not UTF-8 are replaced.
    package var string: String? {
        switch self {
        case .bulk(let bytes): String(decoding: bytes, as: UTF8.self)
        case .status(let text): text
        default: nil
        }
    }

    /// An integer reply, or the decimal number that a bulk reply spells.
    package var int: Int64? {
        switch self {
        case .integer(let value): value
        case .bulk: string.flatMap { Int64($0) }
        default: nil
        }
    }

    package var bytes: [UInt8]? { if case .bulk(let bytes) = self { bytes } else { nil } }
    package var array: [RESPValue]? { if case .array(let values) = self { values } else { nil } }
    package var isNull: Bool { self == .null }
}
