import StrictJSON

/// The claims of an access token that are read (RFC 9068 section 2.2, RFC 7519 section 4.1); others are of no concern.
enum Claim: UInt8 {
    case issuer, subject, audience, expiry, issuedAt, notBefore, issuedAtMilliseconds, tokenID, clientID, scope
    case authTime, methods, context, sessionID, deviceID, roles, scopedRoles, permissions, email
    case confirmation

    /// - Parameter name: in UTF-8.
    init?(name: UnsafeRawBufferPointer) {
        switch name {
        case "iss": self = .issuer
        case "sub": self = .subject
        case "aud": self = .audience
        case "exp": self = .expiry
        case "iat": self = .issuedAt
        case "nbf": self = .notBefore
        case "iat_ms": self = .issuedAtMilliseconds
        case "jti": self = .tokenID
        case "client_id": self = .clientID
        case "scope": self = .scope
        case "auth_time": self = .authTime
        case "amr": self = .methods
        case "acr": self = .context
        case "sid": self = .sessionID
        case "device_id": self = .deviceID
        case "roles": self = .roles
        case "scoped_roles": self = .scopedRoles
        case "permissions": self = .permissions
        case "email": self = .email
        case "cnf": self = .confirmation
        default: return nil
        }
    }

    init?(name: String) {
        var name = name
        guard let claim = name.withUTF8({ Claim(name: UnsafeRawBufferPointer($0)) }) else { return nil }
        self = claim
    }
}

/// Lets `switch` compare bytes with literals.
private func ~= (text: StaticString, bytes: UnsafeRawBufferPointer) -> Bool { bytes.sameBytes(as: text) }
