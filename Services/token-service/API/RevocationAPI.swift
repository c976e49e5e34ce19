import APISecurity
import HTTPTypes
import Hummingbird
import SecurityClient

/// `POST /oauth2/revoke` (RFC 7009) and `POST /v1/logout`: both end the session.
struct RevocationAPI: Sendable {
    let verifier: TokenVerifier
    let sessions: Sessions
    let clients: ClientAuthenticator
    let assertionAudience: [String]

    func register(on router: SecureRouter) {
        router.post("/oauth2/revoke", .public, options: .credentials, use: revoke)
        router.post("/v1/logout", .authenticated, use: logout)
    }

    /// Whoever holds a token of a session may end it; an unknown token is answered like a known one (section 2.2).
    @Sendable func revoke(_ request: Request, _ context: APIContext) async throws -> Response {
        try await OAuthError.translating(context) {
            let form = try await request.oauthForm(context)
            if clients.hasCredentials(form: form, headers: request.headers) {
                _ = try await clients.authenticate(
                    form: form, headers: request.headers, audience: assertionAudience,
                    address: context.remoteAddress)
            }
            guard let token = form["token"] else { throw OAuthError.invalidRequest("token is missing") }
            if let id = sessions.sessionToEnd(by: token) {
                // A session that Redis lost is revoked all the same: its access tokens may be alive.
                try await end(
                    id.description, subject: (try? await sessions.store.owner(of: id)) ?? Revocations.unknownSubject)
            } else if let identity = try? await verifier.verify(token) {
                // Tokens of services have no session to end: they end with their account, or by themselves.
                guard let session = identity.sessionID else { throw OAuthError.unsupportedTokenType }
                try await end(session, subject: identity.subject)
            }
            return Response(status: .ok, headers: [.cacheControl: "no-store"])
        }
    }

    @Sendable func logout(_ request: Request, _ context: APIContext) async throws -> Response {
        guard let identity = context.identity, let session = identity.sessionID else {
            throw Problem(status: .badRequest, type: "no-session", title: "This token belongs to no session")
        }
        try await end(session, subject: identity.subject)
        return Response(status: .noContent)
    }

    private func end(_ session: String, subject: String) async throws {
        try await sessions.revocations.revokeSession(
            session, subject: subject, reason: "logout", by: subject, at: sessions.clock())
    }
}
