import APISecurity
import StrictJSON

/// The claims of an access token: RFC 9068 section 2.2, with `sid` and what trading services ask for.
struct AccessClaims: Sendable {
    var issuer: String
    var subject: String
    var audience: [String]
    /// Milliseconds since the epoch; the claims hold seconds.
    var issuedAt: Int64
    /// `iat_ms`: what revocations are compared with, milliseconds since the epoch. When the account was read that the
    /// token speaks of; a little in the future after a revocation, see `Revocations.margin`.
    var asOf: Int64
    /// Seconds since the epoch.
    var expiresAt: Int64
    var tokenID: String
    var clientID: String
    /// The permissions, separated by spaces (RFC 8693 section 4.2).
    var scope: String
    var permissions: [String]
    var roles: [String]
    /// Held for a part of the platform only; the claim is left out when there are none.
    var scopedRoles: [ScopedRole] = []
    var sessionID: String?
    var deviceID: String?
    var email: String?
    var authTime: Int64?
    var amr: [String]
    var acr: String?
    var binding: KeyBinding?

    func payload() -> [UInt8] {
        var json = JSONWriter(capacity: 1024)
        let seconds = issuedAt / 1000
        json.beginObject()
        json.member("iss", issuer)
        json.member("sub", subject)
        json.key("aud")
        if audience.count == 1 { json.string(audience[0]) } else { json.strings(audience) }
        json.member("exp", expiresAt)
        json.member("iat", seconds)
        json.member("nbf", seconds)
        json.member("iat_ms", asOf)
        json.member("jti", tokenID)
        json.member("client_id", clientID)
        json.member("scope", scope)
        if let authTime { json.member("auth_time", authTime) }
        if !amr.isEmpty {
            json.key("amr")
            json.strings(amr)
        }
        if let acr { json.member("acr", acr) }
        if let sessionID { json.member("sid", sessionID) }
        if let deviceID { json.member("device_id", deviceID) }
        json.key("roles")
        json.strings(roles)
        if !scopedRoles.isEmpty { json.member("scoped_roles", scopedRoles) }
        json.key("permissions")
        json.strings(permissions)
        if let email { json.member("email", email) }
        if let binding {
            json.key("cnf")
            json.beginObject()
            switch binding {
            case .certificate(let thumbprint): json.member("x5t#S256", thumbprint)
            case .dpop(let thumbprint): json.member("jkt", thumbprint)
            }
            json.endObject()
        }
        json.endObject()
        return json.bytes
    }
}

extension JSONWriter {
    /// Members in this order, in which verifiers read them without parsing.
    mutating func member(_ name: String, _ roles: [ScopedRole]) {
        key(name)
        beginArray()
        for scoped in roles {
            beginObject()
            member("role", scoped.role)
            member("type", scoped.type)
            member("id", scoped.id)
            endObject()
        }
        endArray()
    }

    fileprivate mutating func member(_ name: String, _ value: String) {
        key(name)
        string(value)
    }

    fileprivate mutating func member(_ name: String, _ value: Int64) {
        key(name)
        int(value)
    }

    fileprivate mutating func strings(_ values: [String]) {
        beginArray()
        for value in values { string(value) }
        endArray()
    }
}
