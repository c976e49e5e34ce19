import StrictJSON

/// Something that a descriptor of a request must fulfil.
package struct Condition: Sendable, Hashable {
    package var descriptor: String
    package var test: Test

    package enum Test: Sendable, Hashable {
        /// One of the values, or beginning with one of the prefixes.
        case text(values: [String], prefixes: [String])
        /// An address within one of the networks; only for the descriptor `address`.
        case networks([Network])
        case present
        case absent
    }

    package init(_ descriptor: String, _ test: Test) {
        self.descriptor = descriptor
        self.test = test
    }

    package init(_ descriptor: String, is values: String...) {
        self.init(descriptor, .text(values: values, prefixes: []))
    }

    /// The name of the descriptor that is an Internet address, of the party that called.
    package static let address = "address"
}

extension Condition.Test {
    /// Whether a value (nil: the request has none) fulfils it. Texts are compared by their bytes.
    func holds(_ value: String?, address: IPAddress?) -> Bool {
        switch self {
        case .present: value != nil
        case .absent: value == nil
        case .networks(let networks): address.map { one in networks.contains { $0.contains(one) } } ?? false
        case .text(let values, let prefixes):
            value.map { text in
                values.contains { $0.sameBytes(as: text) }
                    || prefixes.contains { text.utf8.starts(with: $0.utf8) }
            } ?? false
        }
    }
}
