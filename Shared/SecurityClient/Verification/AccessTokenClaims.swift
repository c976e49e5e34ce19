import APISecurity
import ServiceKit
import StrictJSON

/// The claims of an access token (RFC 9068 section 2.2, RFC 7519 section 4.1), read and then checked.
///
/// They are read straight from the bytes where these are as plain as an issuer writes them, and from the parsed JSON where
/// they are not: see the extensions in files of their own. Both read the same.
struct AccessTokenClaims {
    enum Audience {
        case missing, malformed, other, wanted
    }

    let options: TokenVerifier.Options
    var identity = Identity(subject: "")
    var isOfIssuer = false
    var audience = Audience.missing
    var expiresAt: Int64?
    var notBefore: Int64?
    var issuedAt: Int64?
    var issuedAtMilliseconds: Int64?

    /// NumericDates (RFC 7519 section 2) that are taken, in seconds: nothing overflows.
    static let dates: Range<Int64> = 0..<1 << 40

    init(_ options: TokenVerifier.Options) { self.options = options }

    /// Results rather than errors: see `TokenVerifier.examineQuickly`.
    /// - Parameter now: milliseconds since the epoch.
    static func identity(
        from payload: UnsafeRawBufferPointer, keyID: String, options: TokenVerifier.Options, shared: SharedClaims,
        now: Int64
    ) -> Result<Identity, TokenRefusal> {
        if var claims = AccessTokenClaims(plain: payload, options, shared) { return claims.checked(keyID, now) }
        return parsing(payload, options).flatMap { claims in
            var claims = claims
            return claims.checked(keyID, now)
        }
    }

    /// Who the claims speak of, when they are complete and good for now.
    mutating func checked(_ keyID: String, _ now: Int64) -> Result<Identity, TokenRefusal> {
        guard isOfIssuer else { return .failure(.wrongIssuer) }
        switch audience {
        case .missing, .malformed: return .failure(.claim("aud"))
        case .other: return .failure(.wrongAudience)
        case .wanted: break
        }
        guard !identity.subject.isEmpty else { return .failure(.claim("sub")) }
        guard let clientID = identity.clientID, !clientID.isEmpty else { return .failure(.claim("client_id")) }
        guard identity.tokenID?.isEmpty == false else { return .failure(.claim("jti")) }
        guard let expiresAt else { return .failure(.claim("exp")) }
        guard let issuedAt else { return .failure(.claim("iat")) }
        // `exp` gets no leeway.
        guard now < expiresAt * 1000 else { return .failure(.expired) }
        let latest = now + options.leeway * 1000
        guard issuedAt * 1000 <= latest, (notBefore ?? 0) * 1000 <= latest else { return .failure(.notYetValid) }
        // A token that outlives what is remembered of revocations would come back to life.
        guard expiresAt - issuedAt <= options.maxLifetime else { return .failure(.claim("exp")) }
        // In place, as a copy of an identity costs a good part of reading it.
        identity.keyID = keyID
        identity.expiresAt = expiresAt
        identity.issuedAt = issuedAt
        // Revocations void tokens a little beyond their own instant, and the issuer dates what it issues after one
        // likewise ahead of `iat`; what it read long before signing, behind.
        let window = (issuedAt * 1000 - RevocationSet.slack)...(issuedAt * 1000 + RevocationSet.slack)
        if let precise = issuedAtMilliseconds, precise >= 0, window.contains(precise) {
            identity.issuedAtMilliseconds = precise
        } else {
            // The start of the second: rather revoked with what came before it than not.
            identity.issuedAtMilliseconds = issuedAt * 1000
        }
        identity.isService = identity.sessionID == nil && identity.subject.sameBytes(as: clientID)
        return .success(identity)
    }
}

/// Puts a claim's value in its place; false when there is none.
@inline(__always)
func put<Value>(_ value: Value?, in place: inout Value) -> Bool {
    guard let value else { return false }
    place = value
    return true
}

@inline(__always)
func put<Value>(_ value: Value?, in place: inout Value?) -> Bool {
    guard let value else { return false }
    place = value
    return true
}
