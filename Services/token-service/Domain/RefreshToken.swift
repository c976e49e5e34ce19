import Crypto
import JOSE

/// A refresh token: a link of a chain.
///
/// A session's tokens are numbered by generation, and each is authenticated by a MAC under a key that never leaves
/// the sealed store. Three things follow: a dump of Redis, which holds the generation alone, yields no token; the
/// successor of a token can be computed again by any replica, so that a client whose answer got lost receives the
/// same one; and a Redis that fell back to an older generation learns the newer one from the token that is presented.
///
/// Wire form: `jrt_` and, in base64url, version (1 byte), hash tag (1), session id (16), generation (4, big endian),
/// HMAC-SHA-256 over all of these (32).
struct RefreshToken: Sendable, Equatable {
    static let prefix = "jrt_"
    private static let version: UInt8 = 1
    private static let signedLength = 22

    let session: SessionID
    let generation: UInt32

    func encoded(_ key: SymmetricKey) -> String {
        let signed = signedBytes
        let code = HMAC<SHA256>.authenticationCode(for: signed, using: key)
        return RefreshToken.prefix + Base64URL.encode(signed + Array(code))
    }

    /// Reads a token and checks its MAC in constant time; nil when it is none of ours.
    init?(_ text: String, key: SymmetricKey) {
        guard text.hasPrefix(RefreshToken.prefix), text.utf8.count == RefreshToken.prefix.utf8.count + 72,
            let bytes = Base64URL.decode(String(text.dropFirst(RefreshToken.prefix.count))),
            bytes.count == RefreshToken.signedLength + 32, bytes[0] == RefreshToken.version
        else { return nil }
        let signed = Array(bytes[..<RefreshToken.signedLength])
        let code = Array(bytes[RefreshToken.signedLength...])
        guard HMAC<SHA256>.isValidAuthenticationCode(code, authenticating: signed, using: key),
            let session = SessionID(tag: signed[1], bytes: Array(signed[2..<18]))
        else { return nil }
        self.session = session
        generation = signed[18..<22].reduce(0) { $0 << 8 | UInt32($1) }
    }

    init(session: SessionID, generation: UInt32) {
        self.session = session
        self.generation = generation
    }

    private var signedBytes: [UInt8] {
        [RefreshToken.version, session.tag] + session.bytes
            + [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: generation >> $0) }
    }
}
