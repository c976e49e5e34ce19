import HTTPTypes
import Hummingbird

/// `Idempotency-Key` (draft-ietf-httpapi-idempotency-key-header): names a write that a client may repeat.
public struct IdempotencyKey: Sendable, Hashable {
    public let value: String
    static let header = HTTPField.Name("Idempotency-Key")!

    /// 1 to 128 visible ASCII characters, quoted as the draft has it or bare as most clients send it.
    public init?(_ text: String) {
        var text = text[...]
        if text.utf8.count >= 2, text.first == "\"", text.last == "\"" { text = text.dropFirst().dropLast() }
        guard (1...128).contains(text.utf8.count),
            text.utf8.allSatisfy({ (0x21...0x7E).contains($0) && $0 != UInt8(ascii: "\"") })
        else { return nil }
        value = String(text)
    }

    /// - Returns: nil when the request has none.
    /// - Throws: `Problem` 400 when it is malformed or repeated.
    public static func of(_ request: Request) throws(Problem) -> IdempotencyKey? {
        let values = request.headers[values: header]
        guard let first = values.first else { return nil }
        guard values.count == 1, let key = IdempotencyKey(first) else {
            throw .badRequest("bad-idempotency-key", detail: "Idempotency-Key has 1 to 128 visible ASCII characters.")
        }
        return key
    }
}
