import StrictJSON

/// A set of public keys (RFC 7517 section 5).
public struct JWKSet: Sendable, Hashable {
    public var keys: [JWK]

    public init(keys: [JWK]) { self.keys = keys }

    /// Keys of a type that is not understood, or that are malformed, are passed over as section 5 asks.
    public init(json: JSONValue) throws(JOSEError) {
        guard let entries = json["keys"]?.array else { throw .malformed("a JWK Set has an array keys") }
        keys = entries.compactMap { try? JWK(json: $0) }
    }

    /// - Throws: `.malformed` when `bytes` are no JSON.
    public init(parsing bytes: [UInt8]) throws(JOSEError) {
        let json: JSONValue
        do { json = try JSONValue(parsing: bytes) } catch { throw .malformed("JWK Set: \(error)") }
        try self.init(json: json)
    }

    /// The key with this id, byte for byte (RFC 7517 section 4.5); nil when there is none or the id is ambiguous.
    public subscript(keyID: String) -> JWK? {
        let matching = keys.filter { $0.keyID?.sameBytes(as: keyID) == true }
        return matching.count == 1 ? matching[0] : nil
    }

    public func json() -> JSONValue { ["keys": .array(keys.map { $0.json() })] }
}
