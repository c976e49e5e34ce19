import Contracts
import StrictJSON

/// An order. Nothing is executed here: an order is open until it is cancelled.
struct Order: Sendable, Equatable {
    enum Side: String, Sendable, CaseIterable {
        case buy
        case sell
    }

    enum Status: String, Sendable, CaseIterable {
        case open
        case cancelled
    }

    /// What the client asks for.
    struct Terms: Sendable, Equatable {
        static let quantities = 1...1_000_000

        var symbol: String
        var side: Side
        /// Units of the symbol.
        var quantity: Int
        /// The worst price that is taken; nil takes the market's.
        var limitPrice: Price?
    }

    /// A UUID.
    let id: String
    /// The subject whose order it is. Nobody else sees it.
    let owner: String
    let terms: Terms
    var status: Status = .open
    /// Milliseconds since the epoch.
    let placedAt: Int64
    /// The same; nil while it is open.
    var cancelledAt: Int64?
}

/// A price as clients write it: digits in text, for binary fractions are no money.
struct Price: Sendable, Equatable {
    let text: String

    /// More than zero, with at most 12 digits before the point and 8 after it, and no zeros in front that mean nothing.
    init?(_ text: String) {
        let parts = text.utf8.split(separator: UInt8(ascii: "."), maxSplits: 1, omittingEmptySubsequences: false)
        let digits = UInt8(ascii: "0")...UInt8(ascii: "9")
        guard let whole = parts.first, (1...12).contains(whole.count), whole.allSatisfy(digits.contains),
            whole.count == 1 || whole.first != UInt8(ascii: "0")
        else { return nil }
        if parts.count == 2 {
            guard (1...8).contains(parts[1].count), parts[1].allSatisfy(digits.contains) else { return nil }
        }
        guard text.utf8.contains(where: { (UInt8(ascii: "1")...UInt8(ascii: "9")).contains($0) }) else { return nil }
        self.text = text
    }
}

/// The name of what is traded.
enum Symbol {
    /// 1 to 32 capital letters, digits and `. - _ /`, a letter or digit first.
    static func isValid(_ text: String) -> Bool {
        guard (1...32).contains(text.utf8.count), let first = text.utf8.first, isLetterOrDigit(first) else {
            return false
        }
        return text.utf8.allSatisfy { isLetterOrDigit($0) || "._-/".utf8.contains($0) }
    }

    private static func isLetterOrDigit(_ byte: UInt8) -> Bool {
        (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte)
    }
}

extension Order.Terms {
    var members: JSONObject {
        var object: JSONObject = [
            "symbol": .string(symbol), "side": .string(side.rawValue), "quantity": .int(Int64(quantity)),
        ]
        object["limit_price"] = limitPrice.map { .string($0.text) }
        return object
    }
}

extension Order {
    /// As clients see it: absent members have no value.
    func json() -> JSONValue {
        var object: JSONObject = ["id": .string(id), "status": .string(status.rawValue)]
        for member in terms.members.members { object[member.key] = member.value }
        object["placed_at"] = .string(RFC3339.string(milliseconds: placedAt))
        object["cancelled_at"] = cancelledAt.map { .string(RFC3339.string(milliseconds: $0)) }
        return .object(object)
    }
}
