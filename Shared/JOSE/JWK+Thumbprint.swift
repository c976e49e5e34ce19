import Crypto
import StrictJSON

extension JWK {
    /// SHA-256 over the required members in order, base64url (RFC 7638 section 3, RFC 8037 appendix A.3).
    public func thumbprint() -> String {
        Base64URL.encode(Array(SHA256.hash(data: JSONValue.object(parameters).encoded())))
    }
}
