import ServiceKit

/// Who makes a request, as far as its access token says (RFC 9068) and the verifier has checked.
public struct Identity: Sendable {
    /// The key that a token is bound to. An authenticator has checked that the caller holds it before it hands out an
    /// identity that names one.
    public enum Confirmation: Sendable, Hashable {
        /// `cnf.x5t#S256`, base64url: the client certificate's SHA-256 (RFC 8705 section 3.1).
        case certificate(String)
        /// `cnf.jkt`: the thumbprint of a DPoP key (RFC 9449 section 6.1).
        case dpop(String)
    }

    public var subject: String
    public var clientID: String?
    public var sessionID: String?
    public var deviceID: String?
    /// Held everywhere.
    public var roles: [String]
    /// Held for a part of the platform: what they permit is in `permissions`, so that routes let the caller in; for what
    /// it may be done there, policies have to be asked.
    public var scopedRoles: [ScopedRole] = []
    public var permissions: Set<String>
    public var scope: String?
    /// When the person last proved who she is, in seconds since the epoch.
    public var authTime: Int64?
    /// How, RFC 8176: `pwd`, `otp`, `hwk`, `mfa`.
    public var amr: [String]
    public var acr: String?
    public var confirmation: Confirmation?
    public var tokenID: String?
    /// Seconds since the epoch.
    public var issuedAt: Int64
    /// The same in milliseconds, where the token says it more precisely: revocations are compared with this.
    public var issuedAtMilliseconds: Int64
    /// Seconds since the epoch.
    public var expiresAt: Int64
    /// `kid` of the key that signed the token.
    public var keyID: String?
    /// A service, not a person.
    public var isService: Bool
    public var email: Sensitive<String>?

    public init(
        subject: String, clientID: String? = nil, sessionID: String? = nil, deviceID: String? = nil,
        roles: [String] = [], permissions: Set<String> = [], scope: String? = nil, authTime: Int64? = nil,
        amr: [String] = [], acr: String? = nil, confirmation: Confirmation? = nil, tokenID: String? = nil,
        issuedAt: Int64 = 0, issuedAtMilliseconds: Int64? = nil, expiresAt: Int64 = .max, keyID: String? = nil,
        isService: Bool = false, email: Sensitive<String>? = nil
    ) {
        self.subject = subject
        self.clientID = clientID
        self.sessionID = sessionID
        self.deviceID = deviceID
        self.roles = roles
        self.permissions = permissions
        self.scope = scope
        self.authTime = authTime
        self.amr = amr
        self.acr = acr
        self.confirmation = confirmation
        self.tokenID = tokenID
        self.issuedAt = issuedAt
        self.issuedAtMilliseconds = issuedAtMilliseconds ?? issuedAt.multipliedReportingOverflow(by: 1000).partialValue
        self.expiresAt = expiresAt
        self.keyID = keyID
        self.isService = isService
        self.email = email
    }

    public func has(_ permission: String) -> Bool { permissions.contains(permission) }
}
