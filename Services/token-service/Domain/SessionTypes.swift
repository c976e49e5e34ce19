import APISecurity
import StrictJSON

/// Who signed in and how: what a new session starts from.
struct Authentication: Sendable {
    /// The user's id.
    let subject: String
    let username: String
    let email: String?
    let roles: [String]
    /// When the person proved who she is, seconds since the epoch (OpenID Connect `auth_time`).
    let authTime: Int64
    /// Authentication methods, RFC 8176: `pwd`, `otp`, `mfa`, `hwk`.
    let amr: [String]
    let acr: AuthenticationLevel
    /// A password change or the enrolment of a second factor is pending: the token carries `account:self` alone.
    let mustEnrol: Bool
    /// `users.session_epoch` as read together with what was verified: a session started on credentials that changed
    /// in between belongs to a past epoch and cannot be refreshed.
    let sessionEpoch: Int64
}

/// `acr`: how strongly somebody signed in.
enum AuthenticationLevel: String, Sendable {
    case singleFactor = "urn:jts:acr:1"
    case twoFactors = "urn:jts:acr:2"
}

/// The client as a request shows it.
struct ClientInfo: Sendable, Equatable {
    static let defaultClientID = "jts"

    /// The OAuth client that holds the session.
    var clientID: String = ClientInfo.defaultClientID
    var address: String
    var userAgent: String?
    /// A label that the client states of itself; nothing is decided by it.
    var deviceID: String?
    /// The key that the client proved to hold, if any; a session that starts with one can be continued only with it.
    var binding: KeyBinding?
}

/// A key that a client proved to hold: the `cnf` member of its tokens.
enum KeyBinding: Sendable, Equatable {
    /// RFC 8705 section 3.1: SHA-256 of the client certificate, base64url.
    case certificate(thumbprint: String)
    /// RFC 9449 section 6.1: the thumbprint (RFC 7638) of the key that signs DPoP proofs.
    case dpop(thumbprint: String)

    /// The form kept with a session.
    var stored: String {
        switch self {
        case .certificate(let thumbprint): "x5t#S256:\(thumbprint)"
        case .dpop(let thumbprint): "jkt:\(thumbprint)"
        }
    }

    init?(stored: String) {
        if stored.hasPrefix("x5t#S256:") {
            self = .certificate(thumbprint: String(stored.dropFirst(9)))
        } else if stored.hasPrefix("jkt:") {
            self = .dpop(thumbprint: String(stored.dropFirst(4)))
        } else {
            return nil
        }
    }
}

/// What an issued token looks like to the client (RFC 6749 section 5.1).
struct TokenResponse: Sendable {
    let accessToken: String
    /// `Bearer`, or `DPoP` for a token bound to a DPoP key (RFC 9449 section 5).
    let tokenType: String
    /// Seconds.
    let expiresIn: Int
    let refreshToken: String?
    let scope: String?
    let sessionID: String?

    func encoded() -> [UInt8] {
        var writer = JSONWriter(capacity: accessToken.utf8.count + 256)
        writer.beginObject()
        writer.key("access_token")
        writer.string(accessToken)
        writer.key("token_type")
        writer.string(tokenType)
        writer.key("expires_in")
        writer.int(Int64(expiresIn))
        if let refreshToken {
            writer.key("refresh_token")
            writer.string(refreshToken)
        }
        if let scope {
            writer.key("scope")
            writer.string(scope)
        }
        if let sessionID {
            writer.key("session_id")
            writer.string(sessionID)
        }
        writer.endObject()
        return writer.bytes
    }
}

/// Starts and strengthens sessions. Implemented by `Sessions`; the sign-in routes know only this.
protocol SessionIssuer: Sendable {
    /// Starts a session and issues its first tokens.
    /// - Throws: `Problem` 409 when the session limit refuses another one, 503 when Redis cannot be reached.
    func start(_ authentication: Authentication, _ client: ClientInfo, requestID: String) async throws -> TokenResponse

    /// Issues an access token of the same session with a fresh `auth_time` and `amr`.
    /// - Parameter scope: as in a refresh; nil for everything that there is.
    func stepUp(
        _ identity: Identity, amr: [String], authTime: Int64, scope: [String]?, _ client: ClientInfo, requestID: String
    ) async throws -> TokenResponse
}
