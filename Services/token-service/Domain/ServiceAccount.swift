import Crypto
import JOSE

/// A service that calls others: an OAuth client with credentials of its own.
struct ServiceAccount: Sendable, Equatable {
    enum Status: String, Sendable { case active, disabled }

    var id: String
    var clientID: String
    var name: String
    var status: Status
    var roles: [String]
    var permissions: [String]
    /// Public keys for `private_key_jwt` (RFC 7523); empty when the account has none.
    var keys: [JWK]
    var secrets: [ServiceAccountSecret]
    /// Tokens up to this instant (ms) are void.
    var tokensVoidBefore: Int64
    var createdAt: Int64
}

struct ServiceAccountSecret: Sendable, Equatable {
    var id: String
    /// SHA-256: the secret has 256 random bits, so that there is nothing to guess and no need for a slow hash.
    var digest: [UInt8]
    var createdAt: Int64
}

/// Client secrets: `jss_` and 256 random bits.
enum ClientSecret {
    static let prefix = "jss_"
    /// Two at a time, so that one can be replaced without a gap.
    static let maximum = 2

    static func generate(random: (Int) -> [UInt8] = RandomID.bytes) -> String {
        prefix + Base64URL.encode(random(32))
    }

    static func digest(_ secret: String) -> [UInt8] { Array(SHA256.hash(data: Array(secret.utf8))) }
}

/// Client ids: lower-case names such as `order-api`, never in the form of a user's id.
enum ClientID {
    static func isValid(_ text: String) -> Bool {
        guard (2...64).contains(text.utf8.count), !text.hasPrefix(UserID.prefix) else { return false }
        let letters = UInt8(ascii: "a")...UInt8(ascii: "z")
        let digits = UInt8(ascii: "0")...UInt8(ascii: "9")
        guard let first = text.utf8.first, letters.contains(first) else { return false }
        return text.utf8.allSatisfy { letters.contains($0) || digits.contains($0) || [45, 46, 95].contains($0) }
    }
}

enum UserID {
    static let prefix = "usr_"
    static func make() -> String { prefix + RandomID.make(bytes: 16) }
}
