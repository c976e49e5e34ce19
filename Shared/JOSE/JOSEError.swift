/// Why a key, signature or token was refused. Descriptions say nothing secret and may be shown.
public enum JOSEError: Error, Sendable, Equatable {
    /// Not what the specification says it looks like.
    case malformed(String)
    /// An algorithm that is unknown, symmetric, `none`, or not allowed here.
    case unsupportedAlgorithm(String)
    /// RSA below 2,048 or above 8,192 bits, a public exponent out of bounds, or the modulus of a generator known to be
    /// broken.
    case weakKey(String)
    /// `use`, `key_ops` or `alg` of the key speak against this use (RFC 7517 section 4).
    case keyUseRefused(String)
    /// `crit` names an extension that is not understood (RFC 7515 section 4.1.11).
    case criticalHeader(String)
    case unknownKey
    case invalidSignature
    /// A claim is missing, of the wrong type or has the wrong value; named.
    case claim(String)
    /// Past its `exp`.
    case expired
    /// Before its `nbf` or `iat`.
    case notYetValid
    case cryptography(String)
}

extension JOSEError: CustomStringConvertible {
    public var description: String {
        switch self {
        case .malformed(let what): "malformed: \(what)"
        case .unsupportedAlgorithm(let name): "algorithm not supported: \(name)"
        case .weakKey(let why): "key too weak: \(why)"
        case .keyUseRefused(let why): "key not for this use: \(why)"
        case .criticalHeader(let name): "critical header not understood: \(name)"
        case .unknownKey: "unknown key"
        case .invalidSignature: "invalid signature"
        case .claim(let name): "claim refused: \(name)"
        case .expired: "expired"
        case .notYetValid: "not yet valid"
        case .cryptography(let what): "cryptographic failure: \(what)"
        }
    }
}
