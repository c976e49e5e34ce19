import NIOCore

/// One word of a command.
package enum RedisArgument: Sendable, Hashable, ExpressibleByStringLiteral, ExpressibleByIntegerLiteral {
    case string(String)
    case bytes([UInt8])
    case int(Int)

    package init(stringLiteral value: String) { self = .string(value) }
    package init(integerLiteral value: Int) { self = .int(value) }
}

extension ByteBuffer {
    /// Writes a command as Redis wants it: an array of bulk strings.
    mutating func writeCommand(_ arguments: [RedisArgument]) {
        writeHeader(UInt8(ascii: "*"), arguments.count)
        for argument in arguments {
            switch argument {
            case .string(let text):
                writeHeader(UInt8(ascii: "$"), text.utf8.count)
                writeString(text)
            case .bytes(let bytes):
                writeHeader(UInt8(ascii: "$"), bytes.count)
                writeBytes(bytes)
            case .int(let value):
                let text = String(value)
                writeHeader(UInt8(ascii: "$"), text.utf8.count)
                writeString(text)
            }
            writeStaticString("\r\n")
        }
    }

    private mutating func writeHeader(_ kind: UInt8, _ count: Int) {
        writeInteger(kind)
        // Up to fifteen digits need no memory of their own.
        writeString(String(count))
        writeStaticString("\r\n")
    }
}
