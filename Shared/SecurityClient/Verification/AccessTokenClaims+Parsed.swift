import APISecurity
import ServiceKit
import StrictJSON

/// Claims in any JSON.
extension AccessTokenClaims {
    static let limits = JSONLimits(maxBytes: .max, maxDepth: 8, maxMembers: 1_000)

    static func parsing(
        _ payload: UnsafeRawBufferPointer, _ options: TokenVerifier.Options
    ) -> Result<AccessTokenClaims, TokenRefusal> {
        var limits = AccessTokenClaims.limits
        limits.maxBytes = options.maxBytes
        guard let json = try? JSONValue(parsing: payload.assumingMemoryBound(to: UInt8.self), limits: limits),
            case .object(let object) = json
        else { return .failure(.malformed("claims")) }
        var claims = AccessTokenClaims(options)
        for (name, value) in object.members {
            if let claim = Claim(name: name), !claims.read(claim, value) { return .failure(.claim(name)) }
        }
        return .success(claims)
    }

    /// False when the value is not of the claim's type.
    private mutating func read(_ claim: Claim, _ value: JSONValue) -> Bool {
        switch claim {
        case .issuer:
            guard let issuer = value.string else { return false }
            isOfIssuer = issuer.sameBytes(as: options.issuer)
        case .subject: return put(value.string, in: &identity.subject)
        case .audience: audience = audience(value)
        case .expiry: return put(date(value, roundingUp: false), in: &expiresAt)
        case .issuedAt: return put(date(value, roundingUp: false), in: &issuedAt)
        case .notBefore: return put(date(value, roundingUp: true), in: &notBefore)
        case .issuedAtMilliseconds: issuedAtMilliseconds = value.int
        case .tokenID: return put(value.string, in: &identity.tokenID)
        case .clientID: return put(value.string, in: &identity.clientID)
        case .scope: return put(value.string, in: &identity.scope)
        case .authTime: return put(date(value, roundingUp: false), in: &identity.authTime)
        case .methods: return put(value.strings, in: &identity.amr)
        case .context: return put(value.string, in: &identity.acr)
        case .sessionID: return put(value.string, in: &identity.sessionID)
        case .deviceID: return put(value.string, in: &identity.deviceID)
        case .roles: return put(value.strings, in: &identity.roles)
        case .scopedRoles: return put(ScopedRole.list(value), in: &identity.scopedRoles)
        case .permissions: return put(value.strings.map { Set($0) }, in: &identity.permissions)
        case .email: return put(value.string.map { Sensitive($0) }, in: &identity.email)
        case .confirmation: return put(confirmation(value), in: &identity.confirmation)
        }
        return true
    }

    private func audience(_ value: JSONValue) -> Audience {
        switch value {
        case .string(let one): isWanted(one) ? .wanted : .other
        case .array:
            if let several = value.strings { several.contains(where: isWanted) ? .wanted : .other } else { .malformed }
        default: .malformed
        }
    }

    private func isWanted(_ audience: String) -> Bool {
        guard let wanted = options.audience else { return true }
        return audience.sameBytes(as: wanted)
    }

    private func date(_ value: JSONValue, roundingUp: Bool) -> Int64? {
        switch value {
        case .int(let seconds) where AccessTokenClaims.dates.contains(seconds): seconds
        case .double(let seconds) where seconds >= 0 && seconds < Double(AccessTokenClaims.dates.upperBound):
            Int64(seconds.rounded(roundingUp ? .up : .down))
        default: nil
        }
    }

    /// A confirmation that is not understood cannot be checked, so that its token cannot be taken (RFC 7800 section 3.1).
    private func confirmation(_ value: JSONValue) -> Identity.Confirmation? {
        guard case .object(let object) = value, object.count == 1, let member = object.members.first,
            case .string(let thumbprint) = member.value, thumbprint.utf8.count == 43
        else { return nil }
        switch member.key {
        case "x5t#S256": return .certificate(thumbprint)
        case "jkt": return .dpop(thumbprint)
        default: return nil
        }
    }
}
