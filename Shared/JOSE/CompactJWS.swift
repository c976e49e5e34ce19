import StrictJSON

/// The protected header of a JWS (RFC 7515 section 4).
public struct JWTHeader: Sendable {
    public let algorithm: JWSAlgorithm
    public let keyID: String?
    /// `typ`, as it stands.
    public let type: String?
    public let contentType: String?
    /// `jwk`: a key that the sender offers. Trusted only where a specification says so, as DPoP does.
    public let jwk: JWK?
    public let raw: JSONObject

    /// - Throws: `.unsupportedAlgorithm` for `none` and symmetric algorithms, `.criticalHeader` for any `crit`, as no
    ///   extension is understood here, and for `b64` (RFC 7797).
    init(_ json: JSONValue) throws(JOSEError) {
        guard let object = json.object else { throw .malformed("header") }
        guard let name = object["alg"]?.string else { throw .malformed("alg") }
        guard let algorithm = JWSAlgorithm(rawValue: name) else {
            throw .unsupportedAlgorithm(String(name.prefix(16)))
        }
        if object["crit"] != nil { throw .criticalHeader("crit") }
        if object["b64"] != nil { throw .criticalHeader("b64") }
        self.algorithm = algorithm
        keyID = try JWTHeader.text(object, "kid")
        type = try JWTHeader.text(object, "typ")
        contentType = try JWTHeader.text(object, "cty")
        if let value = object["jwk"] {
            // A private key in a header is a leaked key (RFC 9449 section 4.2, RFC 7515 section 4.1.3).
            guard !JWK.isPrivate(value) else { throw .malformed("jwk holds a private key") }
            jwk = try JWK(json: value)
        } else {
            jwk = nil
        }
        raw = object
    }

    private static func text(_ object: JSONObject, _ name: String) throws(JOSEError) -> String? {
        guard let value = object[name] else { return nil }
        guard let text = value.string, text.utf8.count <= 256 else { throw .malformed(name) }
        return text
    }
}

/// A JWS in compact serialisation (RFC 7515 section 7.1), taken apart and not yet verified.
public struct CompactJWS: Sendable {
    public let header: JWTHeader
    public let payload: [UInt8]
    /// What was signed: header and payload as they came, with the dot.
    public let signingInput: [UInt8]
    public let signature: [UInt8]

    public init(parsing text: String, maxBytes: Int = 16_384) throws(JOSEError) {
        try self.init(parsing: Array(text.utf8), maxBytes: maxBytes)
    }

    public init(parsing bytes: [UInt8], maxBytes: Int = 16_384) throws(JOSEError) {
        guard bytes.count <= maxBytes else { throw .malformed("larger than \(maxBytes) bytes") }
        guard let first = bytes.firstIndex(of: UInt8(ascii: ".")),
            let second = bytes[(first + 1)...].firstIndex(of: UInt8(ascii: ".")),
            !bytes[(second + 1)...].contains(UInt8(ascii: "."))
        else { throw .malformed("three parts") }
        let (headerBytes, payload, signature) = bytes.withUnsafeBufferPointer { buffer in
            (
                Base64URL.decode(UnsafeBufferPointer(rebasing: buffer[..<first])),
                Base64URL.decode(UnsafeBufferPointer(rebasing: buffer[(first + 1)..<second])),
                Base64URL.decode(UnsafeBufferPointer(rebasing: buffer[(second + 1)...]))
            )
        }
        guard let headerBytes, let payload, let signature, !headerBytes.isEmpty, !signature.isEmpty else {
            throw .malformed("base64url")
        }
        let json: JSONValue
        do {
            json = try JSONValue(parsing: headerBytes, limits: JSONLimits(maxBytes: 4_096, maxDepth: 4, maxMembers: 64))
        } catch { throw .malformed("header: \(error)") }
        header = try JWTHeader(json)
        self.payload = payload
        self.signature = signature
        signingInput = Array(bytes[..<second])
    }

    /// - Throws: `.keyUseRefused` when the header names another algorithm than the key's, `.invalidSignature`.
    public func verify(with key: VerificationKey) throws(JOSEError) {
        guard key.algorithm == header.algorithm else { throw .keyUseRefused("alg") }
        guard key.isValid(signature: signature, for: signingInput) else { throw .invalidSignature }
    }

    /// Verifies with the key of `set` that the header names by `kid`, or, without a `kid`, with the only key of the
    /// set: there is no trying of keys.
    public func verify(with set: JWKSet) throws(JOSEError) {
        let jwk: JWK?
        if let keyID = header.keyID {
            jwk = set[keyID]
        } else {
            jwk = set.keys.count == 1 ? set.keys[0] : nil
        }
        guard let jwk else { throw .unknownKey }
        try verify(with: VerificationKey(jwk: jwk, algorithm: header.algorithm))
    }
}
