import Crypto
import Foundation
import JOSE

/// A refresh token: a link of a chain.
///
/// A session's tokens are numbered by generation, and each is authenticated by a MAC under a key that never leaves
/// the sealed store. Three things follow: a dump of Redis, which holds the generation alone, yields no token; the
/// successor of a token can be computed again by any replica, so that a client whose answer got lost receives the
/// same one; and a Redis that fell back to an older generation learns the newer one from the token that is presented.
///
/// The token says whose session it is, so that the account is read before anything is asked of Redis, let alone changed.
///
/// Wire form: `jrt_` and, in base64url, version (1 byte), hash tag (1), session id (16), generation (4, big endian), the
/// subject (1 to 64 bytes), HMAC-SHA-256 over all of these (32).
struct RefreshToken: Sendable, Equatable {
    static let prefix = "jrt_"
    private static let version: UInt8 = 2
    private static let headLength = 22
    private static let codeLength = 32
    private static let subjectLength = 1...64

    let session: SessionID
    let generation: UInt32
    /// Whose session it is.
    let subject: String

    init(session: SessionID, generation: UInt32, subject: String) {
        self.session = session
        self.generation = generation
        self.subject = subject
    }

    func encoded(_ key: ChainKey) -> String {
        var bytes: [UInt8] = [RefreshToken.version, session.tag]
        bytes.reserveCapacity(RefreshToken.headLength + RefreshToken.codeLength + RefreshToken.subjectLength.upperBound)
        bytes.append(contentsOf: session.bytes)
        for shift: UInt32 in [24, 16, 8, 0] { bytes.append(UInt8(truncatingIfNeeded: generation >> shift)) }
        bytes.append(contentsOf: subject.utf8)
        bytes.append(contentsOf: key.code(bytes))
        return RefreshToken.prefix + Base64URL.encode(bytes)
    }

    /// Reads a token and checks its MAC in constant time; nil when it is none of ours.
    init?(_ text: String, key: ChainKey) {
        let lengths = RefreshToken.subjectLength
        let fixed = RefreshToken.headLength + RefreshToken.codeLength
        guard text.hasPrefix(RefreshToken.prefix), text.utf8.count <= 4 + (fixed + lengths.upperBound) * 4 / 3 + 1,
            let bytes = Base64URL.decode(String(text.dropFirst(RefreshToken.prefix.count))),
            lengths.contains(bytes.count - fixed), bytes[0] == RefreshToken.version
        else { return nil }
        let end = bytes.count - RefreshToken.codeLength
        guard key.code(bytes[..<end]) == bytes[end...],
            let session = SessionID(tag: bytes[1], bytes: Array(bytes[2..<18])),
            let subject = String(validating: bytes[RefreshToken.headLength..<end], as: UTF8.self)
        else { return nil }
        self.session = session
        self.subject = subject
        generation = bytes[18..<RefreshToken.headLength].reduce(0) { $0 << 8 | UInt32($1) }
    }
}

/// The key that authenticates refresh tokens. HMAC's own work with it, several times that of a token, is done once.
struct ChainKey: Sendable {
    private let keyed: HMAC<SHA256>

    init(_ key: SymmetricKey) { keyed = HMAC(key: key) }

    /// Codes compare in constant time.
    func code(_ bytes: some DataProtocol) -> HMAC<SHA256>.MAC {
        var code = keyed
        code.update(data: bytes)
        return code.finalize()
    }
}
