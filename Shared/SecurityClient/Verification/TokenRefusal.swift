import JOSE

/// Why an access token was refused. Texts may be shown to the caller: nothing secret, nothing of the token.
public enum TokenRefusal: Error, Sendable, Hashable {
    case tooLarge
    /// Not what RFC 7515 says a JWS looks like.
    case malformed(String)
    /// `none`, symmetric, unknown, or not allowed here (RFC 8725 section 3.1).
    case unsupportedAlgorithm
    /// `typ` is not that of an access token (RFC 9068 section 4, RFC 8725 section 3.11).
    case wrongType
    /// `crit` or `b64` (RFC 7515 section 4.1.11).
    case criticalHeader
    /// No key of the issuer's has this id, or the key is not for this algorithm.
    case unknownKey
    case invalidSignature
    case wrongIssuer
    case wrongAudience
    /// A claim is missing, of the wrong type, or has a value that is not taken; named.
    case claim(String)
    /// At or past its `exp`.
    case expired
    /// Before its `nbf`, or issued in the future.
    case notYetValid
    /// Its session, subject or key was revoked.
    case revoked
    /// The issuer's keys could not be fetched: not the token's fault.
    case keysUnavailable
}

extension TokenRefusal: CustomStringConvertible {
    public var description: String {
        switch self {
        case .tooLarge: "the token is too large"
        case .malformed(let what): "the token is malformed: \(what)"
        case .unsupportedAlgorithm: "the token's algorithm is not taken"
        case .wrongType: "this is no access token"
        case .criticalHeader: "a critical header is not understood"
        case .unknownKey: "the token's key is not known"
        case .invalidSignature: "the token's signature does not fit"
        case .wrongIssuer: "the token is of another issuer"
        case .wrongAudience: "the token is for another audience"
        case .claim(let name): "the token's claim \(name) is not taken"
        case .expired: "the token has expired"
        case .notYetValid: "the token is not valid yet"
        case .revoked: "the token was revoked"
        case .keysUnavailable: "the issuer's keys cannot be had at the moment"
        }
    }

    init(_ error: JOSEError) {
        switch error {
        case .malformed(let what): self = .malformed(what)
        case .unsupportedAlgorithm: self = .unsupportedAlgorithm
        case .criticalHeader: self = .criticalHeader
        case .unknownKey, .weakKey, .keyUseRefused: self = .unknownKey
        case .invalidSignature, .cryptography: self = .invalidSignature
        case .claim(let name): self = .claim(name)
        case .expired: self = .expired
        case .notYetValid: self = .notYetValid
        }
    }
}
