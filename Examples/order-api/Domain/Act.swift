/// Who does something, when, and in which request: what every change is recorded with.
struct Act: Sendable {
    /// The person, or the service.
    var subject: String
    var sessionID: String?
    /// Milliseconds since the epoch.
    var at: Int64
    var requestID: String?
}
