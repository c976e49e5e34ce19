import APISecurity
import Contracts
import StrictJSON

/// Who does something, when, and in which request: what every change of state is recorded with.
struct Act: Sendable {
    /// User id or client id; nil for the service itself.
    var actor: String?
    /// Milliseconds since the epoch.
    var at: Int64
    var requestID: String?

    init(actor: String?, at: Int64, requestID: String? = nil) {
        self.actor = actor
        self.at = at
        self.requestID = requestID
    }

    func event(
        _ kind: SecurityEvent.Kind, subject: String, reason: String? = nil, fields: JSONObject = [:],
        personal: JSONObject = [:]
    ) -> SecurityEvent {
        SecurityEvent(
            kind, subject: subject, actor: actor, reason: reason, at: at, requestID: requestID, fields: fields,
            personal: personal)
    }
}

/// What the rules on people and services refuse.
enum PeopleFault: Error, Sendable, Equatable {
    case notFound
    case usernameTaken
    case clientIDTaken
    case unknownRole(String)
    case unknownPermission(String)
    /// The role is had by elevation only.
    case roleNotStanding(String)
    /// The constraint that the roles would break together.
    case separationOfDuties(String)
    /// The last active administrator cannot be disabled, locked or lose the role.
    case lastAdministrator
    /// Nobody approves her own request, or one about herself.
    case ownRecovery
    case recoveryDecided
    case recoveryPending
    case wrongStatus
    case tooManySecrets
    case noFactor
    case noPendingFactor
    /// The second factor cannot be given up: a role or a short password needs it.
    case factorRequired
    case codeRefused
    /// The code was right and has been used before. Seconds until another one is shown.
    case codeUsed(retryAfter: Int)
    case staleAuthentication
}
