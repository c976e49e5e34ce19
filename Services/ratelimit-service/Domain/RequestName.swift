import Crypto
import JOSE

/// A name that nobody guesses: 128 bits, base64url.
enum RequestName {
    static func make() -> String {
        var generator = SystemRandomNumberGenerator()
        return Base64URL.encode((0..<16).map { _ in UInt8.random(in: .min ... .max, using: &generator) })
    }

    /// The same for the same parts, which nobody else can choose.
    static func derived(from parts: String...) -> String {
        var hash = SHA256()
        for part in parts {
            hash.update(data: Array("\(part.utf8.count):".utf8))
            hash.update(data: Array(part.utf8))
        }
        return Base64URL.encode(Array(hash.finalize().prefix(16)))
    }
}
