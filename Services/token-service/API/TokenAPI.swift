import APISecurity
import Contracts
import Crypto
import Database
import EventBus
import HTTPTypes
import Hummingbird
import JOSE
import Redis

/// `POST /oauth2/token`: RFC 6749 section 3.2, grants `refresh_token` and `client_credentials`.
struct TokenAPI: Sendable {
    let sessions: Sessions
    let clients: ClientAuthenticator
    let proof: KeyProof
    let issuer: TokenIssuer
    let database: any Database
    let outbox: SQLOutbox
    let nudge: @Sendable () -> Void
    /// What a client assertion may name as its audience (RFC 7523 section 3): the issuer and this endpoint.
    let assertionAudience: [String]

    func register(on router: SecureRouter) {
        router.post("/oauth2/token", .public, options: .credentials, use: token)
    }

    @Sendable func token(_ request: Request, _ context: APIContext) async throws -> Response {
        try await OAuthError.translating(context) {
            let form = try await request.oauthForm(context)
            guard let grant = form["grant_type"] else { throw OAuthError.invalidRequest("grant_type is missing") }
            let response =
                switch grant {
                case "refresh_token": try await refresh(form, request, context)
                case "client_credentials": try await clientCredentials(form, request, context)
                default: throw OAuthError.unsupportedGrantType
                }
            return .oauth(response.encoded())
        }
    }

    private func refresh(
        _ form: FormFields, _ request: Request, _ context: APIContext
    ) async throws -> TokenResponse {
        guard let text = form["refresh_token"] else { throw OAuthError.invalidRequest("refresh_token is missing") }
        // Before anything is remembered of a request: whoever has no token of ours leaves no trace.
        guard let token = sessions.refreshToken(text) else { throw Sessions.invalidRefreshToken }
        let clientID = try await publicClientID(form, request, context)
        let binding = try await proof.binding(request, context)
        return try await sessions.refresh(
            token, clientID: clientID, binding: binding,
            fingerprint: fingerprint(text, clientID, binding, form["scope"]), scope: form.scope,
            address: context.remoteAddress, requestID: context.requestID)
    }

    /// Sessions of people belong to public clients: these name themselves and are not authenticated (RFC 6749 section
    /// 3.2.1). A client that sends credentials has them checked all the same.
    private func publicClientID(
        _ form: FormFields, _ request: Request, _ context: APIContext
    ) async throws -> String {
        if clients.hasCredentials(form: form, headers: request.headers) {
            return try await clients.authenticate(
                form: form, headers: request.headers, audience: assertionAudience,
                address: context.remoteAddress
            ).clientID
        }
        return form["client_id"] ?? ClientInfo.defaultClientID
    }

    /// What makes a repeated request the same request: the token, the client, its key and the scope. The address is no
    /// part of it, as a lost answer often comes with a changed network.
    private func fingerprint(_ token: String, _ clientID: String, _ binding: KeyBinding?, _ scope: String?) -> String {
        let text = [token, clientID, binding?.stored ?? "", scope ?? ""].joined(separator: "\n")
        return Base64URL.encode(Array(SHA256.hash(data: Array(text.utf8)).prefix(16)))
    }

    private func clientCredentials(
        _ form: FormFields, _ request: Request, _ context: APIContext
    ) async throws -> TokenResponse {
        let now = issuer.clock()
        let account = try await clients.authenticate(
            form: form, headers: request.headers, audience: assertionAudience,
            address: context.remoteAddress)
        let binding = try await proof.binding(request, context)
        let issued = try issuer.issue(
            TokenIssuer.Grant(
                subject: account.clientID, clientID: account.clientID, roles: account.roles,
                permissions: account.permissions, binding: binding, asOf: now,
                voidBefore: account.tokensVoidBefore,
                requestedScope: form.scope))
        let event = SecurityEvent(
            .serviceTokenIssued, subject: account.clientID, at: now, requestID: context.requestID,
            fields: ["jti": .string(issued.tokenID), "scope": .string(issued.scope)],
            personal: ["address": .string(context.remoteAddress)])
        try await database.write { try outbox.append(event.outboxEvent(), $0) }
        nudge()
        return TokenResponse(
            accessToken: issued.token, tokenType: issued.tokenType, expiresIn: Int(issued.expiresIn),
            refreshToken: nil, scope: issued.scope, sessionID: nil)
    }
}

extension FormFields {
    /// The requested scope, RFC 6749 section 3.3.
    var scope: [String]? {
        self["scope"].map(RequestedScope.values)
    }
}
