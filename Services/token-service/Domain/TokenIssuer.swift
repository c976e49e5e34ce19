import APISecurity
import Contracts
import Crypto
import JOSE
import SecurityClient
import ServiceKit

/// Makes access tokens.
struct TokenIssuer: Sendable {
    let issuer: String
    /// `aud` of every token: the platform's services.
    let audience: [String]
    /// Seconds.
    let lifetime: Int64
    let ring: KeyRing
    let catalogue: RoleBook
    let clock: @Sendable () -> Int64
    var withheld = WithheldRoles()

    /// Whom a token is for.
    struct Grant: Sendable {
        var subject: String
        var clientID: String
        /// Of the account.
        var roles: [String]
        /// Assigned beside them.
        var assigned: [AssignedRole] = []
        /// The session has one; without it assigned roles that take one are withheld.
        var hasSecondFactor = false
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
        /// Seconds.
        let expiresIn: Int64
    }

    /// - Throws: `OAuthError.temporarilyUnavailable` while there is no signing key.
    func requireKey() throws(OAuthError) {
        guard ring.signingKey(now: clock()) != nil else { throw .temporarilyUnavailable(retryAfter: 1) }
    }

    /// What a token of the grant would say.
    /// - Throws: `OAuthError.invalidScope` when nothing of the requested scope may be granted.
    func access(_ grant: Grant, now: Int64) throws(OAuthError) -> GrantedAccess {
        let requested = RequestedScope(grant.requestedScope)
        let held =
            grant.selfOnly
            ? .selfOnly
            : GrantedAccess(
                catalogue.catalogue, account: grant.roles, assigned: grant.assigned,
                direct: requested.roles == nil || requested.permissions != nil ? grant.permissions : [],
                selected: requested.roles, hasSecondFactor: grant.hasSecondFactor, now: now)
        return grant.requestedScope == nil ? held : try held.limited(to: requested)
    }

    /// - Throws: `OAuthError.invalidScope` when nothing of the requested scope may be granted;
    ///   `.temporarilyUnavailable` while there is no signing key.
    func issue(_ grant: Grant) throws -> Issued {
        let now = clock()
        guard let key = ring.signingKey(now: now) else { throw OAuthError.temporarilyUnavailable(retryAfter: 1) }
        let access = try access(grant, now: now)
        withheld.count(access)
        let seconds = now / 1000
        // No token outlives a role that it speaks of.
        let expiresAt = min(seconds + lifetime, access.endsAt.map { $0 / 1000 } ?? .max)
        let claims = AccessClaims(
            issuer: issuer, subject: grant.subject, audience: audience,
            issuedAt: now, asOf: max(grant.asOf, grant.voidBefore + 1), expiresAt: expiresAt,
            tokenID: RandomID.make(bytes: 16),
            clientID: grant.clientID, scope: access.permissions.joined(separator: " "),
            permissions: access.permissions, roles: access.roles, scopedRoles: access.scopedRoles,
            sessionID: grant.sessionID?.description, deviceID: grant.deviceID, email: grant.email,
            authTime: grant.authTime, amr: grant.amr, acr: grant.acr, binding: grant.binding)
        let token = try JWT.sign(payload: claims.payload(), with: key, type: "at+jwt")
        let type: String
        if case .dpop = grant.binding { type = "DPoP" } else { type = "Bearer" }
        return Issued(
            token: token, tokenType: type, scope: claims.scope, tokenID: claims.tokenID,
            expiresIn: expiresAt - seconds)
    }
}

/// Roles that somebody has and a token does not speak of, counted by why.
struct WithheldRoles: Sendable {
    private let counters: [EffectiveRoles.Reason: Counter]

    init(_ metrics: MetricsRegistry? = nil) {
        var counters: [EffectiveRoles.Reason: Counter] = [:]
        for reason in [EffectiveRoles.Reason.notSelected, .secondFactor, .separationOfDuties] {
            counters[reason] = metrics?.counter(
                "roles_withheld_total", help: "Roles held that tokens were issued without.",
                labels: ["reason": reason.rawValue])
        }
        self.counters = counters
    }

    func count(_ access: GrantedAccess) {
        for one in access.withheld { counters[one.reason]?.increment() }
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
