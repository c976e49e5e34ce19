/// The signature algorithms that are accepted (RFC 7518 section 3.1, RFC 8037 section 3.1): asymmetric ones alone, so
/// that no token can be verified with a public key taken for a shared secret.
public enum JWSAlgorithm: String, Sendable, Hashable, CaseIterable {
    case RS256, RS384, RS512
    case PS256, PS384, PS512
    case ES256, ES384, ES512
    case EdDSA
}
