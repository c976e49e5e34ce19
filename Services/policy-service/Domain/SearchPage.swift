import Cedar
import Crypto
import JOSE
import StrictJSON

/// The page of a search that is asked for (AuthZEN section 8.2).
struct SearchPage: Sendable {
    static let standardLimit = 100
    static let maximumLimit = 1_000

    /// Results on the page, at most.
    let limit: Int
    /// Whatever has an id up to this one was looked at for the pages before; nil when nothing was.
    let after: CedarString?

    /// - Parameters:
    ///   - json: the member `page` of the request.
    ///   - query: the rest of it.
    /// - Throws: `Fault`, also for a token that is none of ours, or of another query.
    init(_ json: JSONValue?, query: JSONObject, _ tokens: SearchTokens) throws(AccessQuestion.Fault) {
        guard let json else {
            self.init(limit: SearchPage.standardLimit, after: nil)
            return
        }
        guard let object = json.object else { throw AccessQuestion.Fault(message: "page: an object is expected") }
        var limit = SearchPage.standardLimit
        if let value = object["limit"] {
            guard let number = value.int, number >= 0 else {
                throw AccessQuestion.Fault(message: "page.limit: a number from 0 on is expected")
            }
            limit = Int(min(number, Int64(SearchPage.maximumLimit)))
        }
        if let properties = object["properties"], properties.object == nil {
            throw AccessQuestion.Fault(message: "page.properties: an object is expected")
        }
        var after: CedarString?
        if let token = object["token"] {
            guard let text = token.string else {
                throw AccessQuestion.Fault(message: "page.token: a string is expected")
            }
            guard let place = tokens.place(text, in: query) else {
                throw AccessQuestion.Fault(message: "page.token: it is none of ours, or of another query")
            }
            after = place.id
        }
        self.init(limit: limit, after: after)
    }

    private init(limit: Int, after: CedarString?) {
        self.limit = limit
        self.after = after
    }
}

/// Makes and reads `next_token`: a place in the order of results, with a MAC over it and the query it belongs to. The key comes of the
/// sealing key, so that any replica takes up where another one stopped.
struct SearchTokens: Sendable {
    static let label = "search-pages"

    let key: SymmetricKey

    /// After this id; at the beginning when there is none.
    struct Place: Sendable, Hashable { let id: CedarString? }

    /// All that a token is bound to: what is searched for, and every member of the request that has a meaning but the token.
    static func query(_ kind: AccessQuestion.Search, _ request: JSONObject) -> JSONObject {
        var query: JSONObject = ["search": .string(kind.rawValue)]
        for name in ["subject", "action", "resource", "context"] { query[name] = request[name] }
        for name in ["limit", "properties"] { query["page.\(name)"] = request["page"]?[name] }
        return query
    }

    /// - Parameter id: nil for the place before the first one.
    func token(after id: CedarString?, in query: JSONObject) -> String {
        let place: [UInt8] = if let id { [1] + Array(id.string.utf8) } else { [0] }
        return Base64URL.encode(Array(HMAC<SHA256>.authenticationCode(for: message(place, query), using: key)) + place)
    }

    /// - Returns: nil for a token that was not made for this query.
    func place(_ token: String, in query: JSONObject) -> Place? {
        guard let bytes = Base64URL.decode(token), bytes.count > SHA256.byteCount else { return nil }
        let place = Array(bytes[SHA256.byteCount...])
        guard
            HMAC<SHA256>.isValidAuthenticationCode(
                bytes[..<SHA256.byteCount], authenticating: message(place, query), using: key)
        else { return nil }
        return Place(id: place[0] == 0 ? nil : CedarString(String(decoding: place.dropFirst(), as: UTF8.self)))
    }

    private func message(_ place: [UInt8], _ query: JSONObject) -> [UInt8] {
        let query = JSONValue.object(query).ordered.encoded()
        return withUnsafeBytes(of: UInt64(query.count).bigEndian) { Array($0) } + query + place
    }
}

extension JSONValue {
    /// The same with the members of objects in the order of their names: their order is of no significance (RFC 8259 section 4).
    fileprivate var ordered: JSONValue {
        switch self {
        case .object(let object):
            let members = object.members.map { (key: $0.key, value: $0.value.ordered) }
            return .object(
                JSONObject(distinct: members.sorted { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }))
        case .array(let elements): return .array(elements.map(\.ordered))
        default: return self
        }
    }
}
