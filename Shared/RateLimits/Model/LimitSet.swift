import Crypto
import StrictJSON

/// A version of the limits, checked whole and ready to be matched. Never changes.
package struct LimitSet: Sendable {
    /// The number it has in the store; 0 for what has none.
    package let version: Int64
    package let limits: [Limit]
    /// SHA-256 of the limits' JSON, in lower-case hexadecimal: the same in all replicas.
    package let digest: String
    let index: LimitIndex

    /// Limits that have been checked.
    private init(version: Int64, checked limits: [Limit]) {
        self.version = version
        self.limits = limits
        digest = SHA256.hash(data: Self.json(of: limits).encoded()).map { byte in
            String(byte >> 4, radix: 16) + String(byte & 15, radix: 16)
        }.joined()
        index = LimitIndex(limits)
    }

    package static let empty = LimitSet(version: 0, checked: [])

    /// All faults of the text, with line and column.
    package init(yaml: String, version: Int64 = 0) throws(LimitFaults) {
        var reader = LimitReader()
        self.init(version: version, checked: try reader.limits(DocumentNode(yaml: yaml)))
    }

    /// All faults of the document, with JSON pointers.
    package init(json: JSONValue, version: Int64 = 0) throws(LimitFaults) {
        var reader = LimitReader()
        self.init(version: version, checked: try reader.limits(DocumentNode(json: json)))
    }

    /// Limits that were made in code; they are checked as if they stood in a document.
    package init(_ limits: [Limit], version: Int64 = 0) throws(LimitFaults) {
        try self.init(json: Self.json(of: limits), version: version)
    }

    package func with(version: Int64) -> LimitSet { LimitSet(version: version, checked: limits) }

    package subscript(name: String) -> Limit? { limits.first { $0.name == name } }

    /// The document, in one way of writing: members in a fixed order, what is at its default left out.
    package var json: JSONValue { Self.json(of: limits) }

    private static func json(of limits: [Limit]) -> JSONValue { ["limits": .array(limits.map(\.json))] }

    /// The limits that a request falls under, in the order of the set, with the counters that it charges.
    package func applied(to descriptors: Descriptors, cost: Int64 = 1) -> [AppliedLimit] {
        index.applied(to: descriptors, cost: cost)
    }
}
