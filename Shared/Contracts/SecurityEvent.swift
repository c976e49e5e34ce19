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
    /// The trace that it belongs to: not part of its data, but of the envelope.
    package var trace: (any EventTrace)?

    package init(
        _ kind: Kind, outcome: Outcome = .success, subject: String? = nil, actor: String? = nil,
        sessionID: String? = nil, reason: String? = nil, at: Int64, requestID: String? = nil,
        fields: JSONObject = [:], personal: JSONObject = [:], trace: (any EventTrace)? = CurrentTrace.value
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
        self.trace = trace
    }

    /// `ce_type`.
    package var eventType: String { "org.jts.security.\(kind.rawValue)" }

    package func json() -> JSONValue {
        var object = JSONObject()
        forEachMember { object[$0] = $1 }
        return .object(object)
    }

    /// Writes what `json` returns.
    package func write(to json: inout JSONWriter) {
        json.beginObject()
        forEachMember {
            json.key($0)
            json.value($1)
        }
        json.endObject()
    }

    private func forEachMember(_ body: (String, JSONValue) -> Void) {
        body("outcome", .string(outcome.rawValue))
        body("at_ms", .int(at))
        if let subject { body("subject", .string(subject)) }
        if let actor { body("actor", .string(actor)) }
        if let sessionID { body("session_id", .string(sessionID)) }
        if let reason { body("reason", .string(reason)) }
        if let requestID { body("request_id", .string(requestID)) }
        if !fields.isEmpty { body("fields", .object(fields)) }
        if !personal.isEmpty { body("personal", .object(personal)) }
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
        /// A request was refused: nobody knows the caller, or the caller may not.
        case accessRefused = "access-refused"
        case orderPlaced = "order-placed"
        case orderCancelled = "order-cancelled"
        case policyVersionStored = "policy-version-stored"
        case policyActivationProposed = "policy-activation-proposed"
        case policyActivationRejected = "policy-activation-rejected"
        case policyActivated = "policy-activated"
        case policyShadowChanged = "policy-shadow-changed"
        /// A bundle or a change that somebody who decides did not take: a bad signature, an older number, a broken body.
        case policyBundleRefused = "policy-bundle-refused"
        case entitiesChanged = "entities-changed"
        case killSwitchEngaged = "kill-switch-engaged"
        case killSwitchLifted = "kill-switch-lifted"
        case roleChanged = "role-changed"
        case roleRemoved = "role-removed"
        case roleConstraintChanged = "role-constraint-changed"
        case roleConstraintRemoved = "role-constraint-removed"
        case roleAssigned = "role-assigned"
        case roleAssignmentEnded = "role-assignment-ended"
        case elevationRequested = "elevation-requested"
        case elevationApproved = "elevation-approved"
        case elevationRejected = "elevation-rejected"
        case elevationEnded = "elevation-ended"
        case decisionAllowed = "decision-allowed"
        case decisionDenied = "decision-denied"
        /// The shared counters cannot be reached: each limit does what it says for that case.
        case limiterDegraded = "limiter-degraded"
        case limiterRecovered = "limiter-recovered"
    }
}
