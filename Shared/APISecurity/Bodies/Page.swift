import JOSE
import StrictJSON

/// `limit` and `cursor` of a list.
public struct Page: Sendable {
    public var limit: Int
    /// What the last answer's `next_cursor` held; nil for the first page.
    public var cursor: JSONValue?

    /// - Throws: `Problem` 400 for a limit out of range and for a cursor that is none of ours.
    public init(
        _ query: QueryParameters, default standard: Int = 50, in range: ClosedRange<Int> = 1...200
    ) throws(Problem) {
        limit = standard
        if let text = query["limit"] {
            guard text.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let value = Int(text), range.contains(value)
            else {
                throw .badRequest(
                    "bad-limit", detail: "limit is a number from \(range.lowerBound) to \(range.upperBound).")
            }
            limit = value
        }
        if let text = query["cursor"] {
            guard text.utf8.count <= 1_024, let bytes = Base64URL.decode(text),
                let value = try? JSONValue(parsing: bytes, limits: JSONLimits(maxBytes: 1_024, maxDepth: 4))
            else { throw .badRequest("bad-cursor", detail: "The cursor is none of ours.") }
            cursor = value
        }
    }

    /// The opaque text for a place in a list. What it holds is checked like any other input when it comes back: it is
    /// opaque, not secret, and not trusted.
    public static func cursor(_ place: JSONValue) -> String { Base64URL.encode(place.encoded()) }
}
