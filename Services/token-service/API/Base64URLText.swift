import JOSE

/// Text as base64url.
enum Base64URLText {
    static func encode(_ text: String) -> String { Base64URL.encode(Array(text.utf8)) }

    static func decode(_ text: String) -> String? {
        guard let bytes = Base64URL.decode(text) else { return nil }
        return String(validating: bytes, as: UTF8.self)
    }
}
