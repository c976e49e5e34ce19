import StrictJSON

/// Something auditable that happened: the data of an event on `security.events`.
///
/// Names people by subject id. E-mail, address and the like stand only in `personal`, which the schema marks as
/// personal data, so that the audit trail can seal them.
package struct SecurityEvent: Sendable {
    package enum Outcome: String, Sendable { case success, failure, refused }

    package var kind: Kind
    package var outcome: Outcome
    /// The person or service whom it concerns.
    package var subject: String?
    /// Who did it, when that is somebody else.
    package var actor: String?
    package var sessionID: String?
    /// A short code, never free text from outside.
    package var reason: String?
    /// Milliseconds since the epoch.
    package var at: Int64
    package var requestID: String?
    package var fields: JSONObject
    package var personal: JSONObject

    package init(
        _ kind: Kind, outcome: Outcome = .success, subject: String? = nil, actor: String? = nil,
        sessionID: String? = nil, reason: String? = nil, at: Int64, requestID: String? = nil,
        fields: JSONObject = [:], personal: JSONObject = [:]
    ) {
        self.kind = kind
        self.outcome = outcome
        self.subject = subject
        self.actor = actor
        self.sessionID = sessionID
        self.reason = reason
        self.at = at
        self.requestID = requestID
        self.fields = fields
        self.personal = personal
    }

    /// `ce_type`.
    package var eventType: String { "org.jts.security.\(kind.rawValue)" }

    package func json() -> JSONValue {
        var object: JSONObject = ["outcome": .string(outcome.rawValue), "at_ms": .int(at)]
        object["subject"] = subject.map(JSONValue.string)
        object["actor"] = actor.map(JSONValue.string)
        object["session_id"] = sessionID.map(JSONValue.string)
        object["reason"] = reason.map(JSONValue.string)
        object["request_id"] = requestID.map(JSONValue.string)
        if !fields.isEmpty { object["fields"] = .object(fields) }
        if !personal.isEmpty { object["personal"] = .object(personal) }
        return .object(object)
    }
}

extension SecurityEvent {
    /// What can happen; `docs/asyncapi.yaml` lists each with its fields.
    package enum Kind: String, Sendable, CaseIterable {
        case loginSucceeded = "login-succeeded"
        case loginFailed = "login-failed"
        case loginThrottled = "login-throttled"
        case mfaChallenged = "mfa-challenged"
        case mfaFailed = "mfa-failed"
        case mfaEnrolled = "mfa-enrolled"
        case mfaRemoved = "mfa-removed"
        case recoveryCodesIssued = "recovery-codes-issued"
        case recoveryCodeUsed = "recovery-code-used"
        case stepUpSucceeded = "step-up-succeeded"
        case stepUpFailed = "step-up-failed"
        case sessionCreated = "session-created"
        case sessionRefused = "session-refused"
        case sessionRefreshed = "session-refreshed"
        case sessionRevoked = "session-ended"
        case refreshReused = "refresh-reused"
        /// A good refresh token in the wrong hands: another client, or one without the session's key.
        case refreshRefused = "refresh-refused"
        case serviceTokenIssued = "service-token-issued"
        case clientAuthenticationFailed = "client-authentication-failed"
        case userCreated = "user-created"
        case userChanged = "user-changed"
        case userDisabled = "user-disabled"
        case userEnabled = "user-enabled"
        case userLocked = "user-locked"
        case userUnlocked = "user-unlocked"
        case rolesChanged = "roles-changed"
        case passwordChanged = "password-changed"
        case recoveryRequested = "recovery-requested"
        case recoveryApproved = "recovery-approved"
        case recoveryRejected = "recovery-rejected"
        case serviceAccountCreated = "service-account-created"
        case serviceAccountChanged = "service-account-changed"
        case serviceAccountDisabled = "service-account-disabled"
        case serviceAccountSecretAdded = "service-account-secret-added"
        case serviceAccountSecretRemoved = "service-account-secret-removed"
        case signingKeyAnnounced = "signing-key-announced"
        case signingKeyActivated = "signing-key-activated"
        case signingKeyRetired = "signing-key-retired"
        case signingKeyRevoked = "signing-key-revoked"
        case orderPlaced = "order-placed"
        case orderCancelled = "order-cancelled"
    }
}
