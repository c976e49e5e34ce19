import Synchronization

@testable import PolicyService

/// Stands for token-service: people with the roles of their accounts, or nobody who answers.
final class KnownPeople: PeopleDirectory {
    private struct State {
        var accounts: [String: [String]] = [
            "tom": ["trader"], "tess": ["trader"], "rita": ["risk-manager"], "rolf": ["risk-manager"],
            "vera": ["viewer"], "ada": ["admin"], "bob": ["admin"],
        ]
        var isDown = false
    }

    private let state = Mutex(State())

    func set(_ subject: String, _ roles: [String]) { state.withLock { $0.accounts[subject] = roles } }
    func stop() { state.withLock { $0.isDown = true } }
    func start() { state.withLock { $0.isDown = false } }

    func person(_ subject: String) async throws(PeopleUnavailable) -> Person? {
        let (roles, isDown) = state.withLock { ($0.accounts[subject], $0.isDown) }
        if isDown { throw PeopleUnavailable() }
        return roles.map { Person(roles: $0) }
    }
}
