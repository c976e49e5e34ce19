import StrictJSON

/// Signed JSON Web Tokens (RFC 7519) in compact form.
public enum JWT {
    /// - Parameter type: the header's `typ`, such as `at+jwt` (RFC 9068 section 2.1).
    public static func sign(
        payload: [UInt8], with key: SigningKey, type: String
    ) throws(JOSEError) -> String {
        var header = JSONWriter(capacity: 128)
        header.beginObject()
        header.key("alg")
        header.string(key.algorithm.rawValue)
        header.key("typ")
        header.string(type)
        header.key("kid")
        header.string(key.keyID)
        header.endObject()
        return try sign(header: header.bytes, payload: payload, with: key)
    }

    public static func sign(
        payload: JSONValue, with key: SigningKey, type: String
    ) throws(JOSEError) -> String {
        try sign(payload: payload.encoded(), with: key, type: type)
    }

    /// Signs under a header that the caller made: for proofs, which carry their key (RFC 9449 section 4.2).
    public static func sign(
        header: [UInt8], payload: [UInt8], with key: SigningKey
    ) throws(JOSEError) -> String {
        var token = Base64URL.encodedBytes(header)
        token.append(UInt8(ascii: "."))
        token.append(contentsOf: Base64URL.encodedBytes(payload))
        let signature = try key.sign(token)
        token.append(UInt8(ascii: "."))
        token.append(contentsOf: Base64URL.encodedBytes(signature))
        return String(decoding: token, as: UTF8.self)
    }
}

/// The registered claims of a token (RFC 7519 section 4.1).
public struct JWTClaims: Sendable {
    public let issuer: String?
    public let subject: String?
    public let audience: [String]
    /// Seconds since the epoch; fractions are cut off.
    public let expiresAt: Int64?
    public let issuedAt: Int64?
    public let notBefore: Int64?
    public let tokenID: String?
    public let raw: JSONObject

    public init(payload: [UInt8]) throws(JOSEError) {
        let json: JSONValue
        do {
            json = try JSONValue(parsing: payload, limits: JSONLimits(maxBytes: 16_384, maxDepth: 8, maxMembers: 1_000))
        } catch { throw .malformed("claims: \(error)") }
        guard let object = json.object else { throw .malformed("claims are a JSON object") }
        raw = object
        issuer = try JWTClaims.text(object, "iss")
        subject = try JWTClaims.text(object, "sub")
        tokenID = try JWTClaims.text(object, "jti")
        expiresAt = try JWTClaims.date(object, "exp")
        issuedAt = try JWTClaims.date(object, "iat")
        notBefore = try JWTClaims.date(object, "nbf")
        switch object["aud"] {
        case nil: audience = []
        case .string(let one): audience = [one]
        case let value?:
            guard let several = value.strings else { throw .claim("aud") }
            audience = several
        }
    }

    /// Checks issuer, audience and times (RFC 8725 section 3.8 to 3.9); names are compared byte for byte, without any
    /// transformation (RFC 7519 section 7.3).
    /// - Parameters:
    ///   - issuer: nil leaves it unchecked, likewise `audience`.
    ///   - now: seconds since the epoch.
    ///   - leeway: seconds granted to `nbf` and `iat`; `exp` gets none.
    public func validate(
        issuer: String?, audience: String?, now: Int64, leeway: Int64 = 5
    ) throws(JOSEError) {
        if let issuer, self.issuer?.sameBytes(as: issuer) != true { throw .claim("iss") }
        if let audience, !self.audience.contains(where: { $0.sameBytes(as: audience) }) { throw .claim("aud") }
        guard let expiresAt else { throw .claim("exp") }
        guard now < expiresAt else { throw .expired }
        if let notBefore, notBefore > now + leeway { throw .notYetValid }
        if let issuedAt, issuedAt > now + leeway { throw .notYetValid }
    }

    private static func text(_ object: JSONObject, _ name: String) throws(JOSEError) -> String? {
        guard let value = object[name] else { return nil }
        guard let text = value.string else { throw .claim(name) }
        return text
    }

    /// A NumericDate: any JSON number within the years that tokens live in.
    private static func date(_ object: JSONObject, _ name: String) throws(JOSEError) -> Int64? {
        switch object[name] {
        case nil: return nil
        case .int(let seconds) where seconds >= 0 && seconds < 1 << 40: return seconds
        case .double(let seconds) where seconds >= 0 && seconds < 0x1p40: return Int64(seconds)
        default: throw .claim(name)
        }
    }
}
