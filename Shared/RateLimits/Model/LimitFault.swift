/// What is wrong with a document of limits, and where.
package struct LimitFault: Error, Sendable, Hashable, CustomStringConvertible {
    /// JSON pointer (RFC 6901) to what is wrong; empty for the document.
    package var pointer: String
    /// Where it stands in a YAML text, from 1; nil for JSON, where the pointer says it.
    package var line: Int?
    package var column: Int?
    package var message: String

    package init(_ message: String, pointer: String, line: Int? = nil, column: Int? = nil) {
        self.message = message
        self.pointer = pointer
        self.line = line
        self.column = column
    }

    package var description: String {
        let place = pointer.isEmpty ? "" : "\(pointer): "
        guard let line, let column else { return place + message }
        return "\(line):\(column): \(place)\(message)"
    }
}

/// All that is wrong with a document; never empty.
package struct LimitFaults: Error, Sendable, Hashable, CustomStringConvertible {
    package var all: [LimitFault]

    package init(_ all: [LimitFault]) { self.all = all }
    package init(_ one: LimitFault) { all = [one] }

    package var description: String { all.map(\.description).joined(separator: "\n") }
}
