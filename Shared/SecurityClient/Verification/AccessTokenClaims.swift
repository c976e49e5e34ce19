import APISecurity
import ServiceKit
import StrictJSON

/// Reads the claims of an access token (RFC 9068 section 2.2, RFC 7519 section 4.1) into an identity, in one pass.
struct AccessTokenClaims {
    private var identity = Identity(subject: "")
    private var issuer: String?
    private var hasSubject = false
    private var audience: JSONValue?
    private var expiresAt: Int64?
    private var notBefore: Int64?
    private var issuedAt: Int64?
    private var issuedAtMilliseconds: Int64?
    private let permissionSets: PermissionSets

    private init(_ permissionSets: PermissionSets) { self.permissionSets = permissionSets }

    /// - Parameter now: milliseconds since the epoch.
    static func identity(
        from payload: [UInt8], keyID: String, options: TokenVerifier.Options, permissionSets: PermissionSets, now: Int64
    ) throws(TokenRefusal) -> Identity {
        let json: JSONValue
        do {
            json = try JSONValue(
                parsing: payload, limits: JSONLimits(maxBytes: options.maxBytes, maxDepth: 8, maxMembers: 1_000))
        } catch { throw .malformed("claims") }
        guard case .object(let object) = json else { throw .malformed("claims") }
        var claims = AccessTokenClaims(permissionSets)
        for (name, value) in object.members { try claims.read(name, value) }
        return try claims.checked(keyID, options, now)
    }

    /// Half of the names have three letters: told apart by length first, each is compared with few others.
    private mutating func read(_ name: String, _ value: JSONValue) throws(TokenRefusal) {
        if name.utf8.count == 3 { try readShort(name, value) } else { try readLong(name, value) }
    }

    private mutating func readShort(_ name: String, _ value: JSONValue) throws(TokenRefusal) {
        switch name {
        case "iss": issuer = try text(name, value)
        case "sub":
            identity.subject = try text(name, value)
            hasSubject = !identity.subject.isEmpty
        case "aud": audience = value
        case "exp": expiresAt = try date(name, value, roundingUp: false)
        case "iat": issuedAt = try date(name, value, roundingUp: false)
        case "nbf": notBefore = try date(name, value, roundingUp: true)
        case "jti": identity.tokenID = try text(name, value)
        case "amr": identity.amr = try texts(name, value)
        case "acr": identity.acr = try text(name, value)
        case "sid": identity.sessionID = try text(name, value)
        case "cnf": identity.confirmation = try confirmation(value)
        default: break
        }
    }

    private mutating func readLong(_ name: String, _ value: JSONValue) throws(TokenRefusal) {
        switch (name.utf8.count, name) {
        case (5, "scope"): identity.scope = try text(name, value)
        case (5, "roles"): identity.roles = try texts(name, value)
        case (5, "email"): identity.email = Sensitive(try text(name, value))
        case (6, "iat_ms"): issuedAtMilliseconds = value.int
        case (9, "client_id"): identity.clientID = try text(name, value)
        case (9, "auth_time"): identity.authTime = try date(name, value, roundingUp: false)
        case (9, "device_id"): identity.deviceID = try text(name, value)
        case (11, "permissions"): identity.permissions = permissionSets.set(of: try texts(name, value))
        default: break
        }
    }

    private func checked(
        _ keyID: String, _ options: TokenVerifier.Options, _ now: Int64
    ) throws(TokenRefusal) -> Identity {
        guard let issuer, issuer.sameBytes(as: options.issuer) else { throw .wrongIssuer }
        try checkAudience(options.audience)
        guard hasSubject else { throw .claim("sub") }
        guard let clientID = identity.clientID, !clientID.isEmpty else { throw .claim("client_id") }
        guard identity.tokenID?.isEmpty == false else { throw .claim("jti") }
        guard let expiresAt else { throw .claim("exp") }
        guard let issuedAt else { throw .claim("iat") }
        // `exp` gets no leeway; dates are below 2^40, so that nothing overflows.
        guard now < expiresAt * 1000 else { throw .expired }
        let latest = now + options.leeway * 1000
        guard issuedAt * 1000 <= latest, (notBefore ?? 0) * 1000 <= latest else { throw .notYetValid }
        // A token that outlives what is remembered of revocations would come back to life.
        guard expiresAt - issuedAt <= options.maxLifetime else { throw .claim("exp") }
        var identity = identity
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
        return identity
    }

    private func checkAudience(_ wanted: String?) throws(TokenRefusal) {
        guard let audience else { throw .claim("aud") }
        switch audience {
        case .string(let one):
            guard let wanted else { return }
            guard one.sameBytes(as: wanted) else { throw .wrongAudience }
        case .array(let several):
            var found = false
            for value in several {
                guard case .string(let one) = value else { throw .claim("aud") }
                if let wanted, one.sameBytes(as: wanted) { found = true }
            }
            guard found || (wanted == nil && !several.isEmpty) else { throw .wrongAudience }
        default: throw .claim("aud")
        }
    }

    private func text(_ name: String, _ value: JSONValue) throws(TokenRefusal) -> String {
        guard case .string(let text) = value else { throw .claim(name) }
        return text
    }

    private func texts(_ name: String, _ value: JSONValue) throws(TokenRefusal) -> [String] {
        guard let texts = value.strings else { throw .claim(name) }
        return texts
    }

    /// A NumericDate (RFC 7519 section 2), in whole seconds.
    private func date(_ name: String, _ value: JSONValue, roundingUp: Bool) throws(TokenRefusal) -> Int64 {
        switch value {
        case .int(let seconds) where seconds >= 0 && seconds < 1 << 40: return seconds
        case .double(let seconds) where seconds >= 0 && seconds < 0x1p40:
            return Int64(seconds.rounded(roundingUp ? .up : .down))
        default: throw .claim(name)
        }
    }

    /// A confirmation that is not understood cannot be checked, so that its token cannot be taken (RFC 7800 section 3.1).
    private func confirmation(_ value: JSONValue) throws(TokenRefusal) -> Identity.Confirmation {
        guard case .object(let object) = value, object.count == 1, let member = object.members.first,
            case .string(let thumbprint) = member.value, thumbprint.utf8.count == 43
        else { throw .claim("cnf") }
        switch member.key {
        case "x5t#S256": return .certificate(thumbprint)
        case "jkt": return .dpop(thumbprint)
        default: throw .claim("cnf")
        }
    }
}
