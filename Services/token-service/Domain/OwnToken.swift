import Contracts
import SecurityClient
import ServiceKit
import Synchronization

/// This service's own access token, of its own making: it asks policy-service for roles, and nobody else for a token.
final class OwnToken: ServiceTokenSource {
    /// Subject and client id.
    static let name = "token-service"
    /// Milliseconds before its end from which on it is replaced.
    private static let spare: Int64 = 60_000

    private let issuer: TokenIssuer
    private let state = Mutex<(token: Sensitive<String>, renewAt: Int64)?>(nil)

    init(_ issuer: TokenIssuer) { self.issuer = issuer }

    func token() async throws(ServiceToken.Failure) -> Sensitive<String> {
        let now = issuer.clock()
        if let known = state.withLock({ $0 }), now < known.renewAt { return known.token }
        let grant = TokenIssuer.Grant(
            subject: OwnToken.name, clientID: OwnToken.name, roles: [],
            permissions: [Permission.readBundles.rawValue], asOf: now)
        guard let issued = try? issuer.issue(grant) else { throw .unavailable }
        let token = Sensitive(issued.token)
        state.withLock { $0 = (token, now + max(1_000, issued.expiresIn * 1_000 - OwnToken.spare)) }
        return token
    }

    func forget() { state.withLock { $0 = nil } }
}
