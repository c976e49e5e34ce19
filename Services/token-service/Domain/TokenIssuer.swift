import APISecurity
import Contracts
import Crypto
import JOSE

/// Makes access tokens.
struct TokenIssuer: Sendable {
    let issuer: String
    /// `aud` of every token: the platform's services.
    let audience: [String]
    /// Seconds.
    let lifetime: Int64
    let ring: KeyRing
    let catalogue: any RoleCatalogue
    let clock: @Sendable () -> Int64

    /// Whom a token is for.
    struct Grant: Sendable {
        var subject: String
        var clientID: String
        var roles: [String]
        /// Held besides what the roles give; service accounts have such.
        var permissions: [String] = []
        var email: String?
        var sessionID: SessionID?
        var deviceID: String?
        var authTime: Int64?
        var amr: [String] = []
        var acr: String?
        var binding: KeyBinding?
        /// Only what `account:self` allows.
        var selfOnly = false
        /// An instant (ms) before the account was read: a revocation that committed afterwards voids the token.
        var asOf: Int64
        /// The subject's tokens up to this instant (ms) are void: a new one counts as issued after it.
        var voidBefore: Int64 = 0
        /// RFC 6749 section 3.3: what the client asked for; nil for everything that it may have.
        var requestedScope: [String]?
    }

    struct Issued: Sendable {
        let token: String
        let tokenType: String
        let scope: String
        let tokenID: String
    }

    /// - Throws: `OAuthError.temporarilyUnavailable` while there is no signing key.
    func requireKey() throws(OAuthError) {
        guard ring.signingKey(now: clock()) != nil else { throw .temporarilyUnavailable(retryAfter: 1) }
    }

    /// - Throws: `OAuthError.invalidScope` when nothing of the requested scope may be granted.
    func requireScope(_ requested: [String]?, roles: [String], permissions: [String]) throws(OAuthError) {
        guard let requested else { return }
        let held = Set(catalogue.permissions(of: roles) + permissions + [Permission.ownAccount.rawValue])
        if held.isDisjoint(with: requested) { throw .invalidScope }
    }

    /// - Throws: `OAuthError.invalidScope` when nothing of the requested scope may be granted;
    ///   `.temporarilyUnavailable` while there is no signing key.
    func issue(_ grant: Grant) throws -> Issued {
        let now = clock()
        guard let key = ring.signingKey(now: now) else { throw OAuthError.temporarilyUnavailable(retryAfter: 1) }
        var permissions = grant.selfOnly ? [Permission.ownAccount.rawValue] : catalogue.permissions(of: grant.roles)
        if !grant.selfOnly, !grant.permissions.isEmpty {
            permissions = Set(permissions + grant.permissions).sorted()
        }
        if let requested = grant.requestedScope {
            permissions = permissions.filter(requested.contains)
            guard !permissions.isEmpty else { throw OAuthError.invalidScope }
        }
        let claims = AccessClaims(
            issuer: issuer, subject: grant.subject, audience: audience,
            issuedAt: now, asOf: max(grant.asOf, grant.voidBefore + 1), lifetime: lifetime,
            tokenID: RandomID.make(bytes: 16),
            clientID: grant.clientID, scope: permissions.joined(separator: " "), permissions: permissions,
            roles: grant.selfOnly ? [] : grant.roles,
            sessionID: grant.sessionID?.description, deviceID: grant.deviceID, email: grant.email,
            authTime: grant.authTime, amr: grant.amr, acr: grant.acr, binding: grant.binding)
        let token = try JWT.sign(payload: claims.payload(), with: key, type: "at+jwt")
        let type: String
        if case .dpop = grant.binding { type = "DPoP" } else { type = "Bearer" }
        return Issued(token: token, tokenType: type, scope: claims.scope, tokenID: claims.tokenID)
    }
}

/// Identifiers that nobody can guess.
enum RandomID {
    static func bytes(_ count: Int) -> [UInt8] {
        // Eight at a time: each draw asks the system.
        var generator = SystemRandomNumberGenerator()
        return [UInt8](unsafeUninitializedCapacity: count) { bytes, written in
            while written < count {
                var word = generator.next()
                for _ in 0..<min(8, count - written) {
                    bytes[written] = UInt8(truncatingIfNeeded: word)
                    word >>= 8
                    written += 1
                }
            }
        }
    }

    /// A fixed-size stand-in for an identifier that somebody else chose.
    static func digest(_ text: String) -> String { Base64URL.encode(Array(SHA256.hash(data: Array(text.utf8)))) }

    static func make(bytes count: Int) -> String { Base64URL.encode(bytes(count)) }
}
