import APISecurity

/// Who does something, when, and in which request: what every change is recorded with.
struct Act: Sendable {
    /// The person, or the service; nil for what the service does by itself.
    var subject: String?
    var sessionID: String?
    /// Milliseconds since the epoch.
    var at: Int64
    var requestID: String?
}

extension APIContext {
    /// The caller, now, in this request.
    func act() throws(Problem) -> Act {
        let identity = try requireIdentity()
        return Act(subject: identity.subject, sessionID: identity.sessionID, at: receivedAt, requestID: requestID)
    }
}
