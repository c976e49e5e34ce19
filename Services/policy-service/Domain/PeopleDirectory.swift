/// Who there is, and with which roles of the account: asked of token-service.
protocol PeopleDirectory: Sendable {
    /// - Returns: nil when there is no such person.
    func person(_ subject: String) async throws(PeopleUnavailable) -> Person?
}

struct Person: Sendable, Equatable {
    /// The roles of the account, which are held everywhere and for good.
    let roles: [String]
}

/// It cannot be found out at the moment.
struct PeopleUnavailable: Error, Sendable, CustomStringConvertible {
    var description: String { "token-service does not say who there is" }
}

/// Stands where this service has no account of its own to ask with.
struct NoPeople: PeopleDirectory {
    func person(_ subject: String) async throws(PeopleUnavailable) -> Person? { throw PeopleUnavailable() }
}
