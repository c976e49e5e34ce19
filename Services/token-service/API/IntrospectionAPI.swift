import APISecurity
import Contracts
import HTTPTypes
import Hummingbird
import Redis
import SecurityClient
import StrictJSON

/// `POST /oauth2/introspect` (RFC 7662): signature and claims from the verifier's cache, revocations from memory, the
/// session's standing in one Redis trip. SQL is asked for the caller's account, once a second.
///
/// Others ask here when they do not know of revocations themselves: a replica that has not read them for a while vouches
/// for nothing.
struct IntrospectionAPI: Sendable {
    let verifier: TokenVerifier
    let follower: RevocationFollower
    let store: SessionStore
    let sessions: Sessions
    let clients: ClientAuthenticator
    let authenticator: any Authenticator
    let assertionAudience: [String]
    let issuer: String

    func register(on router: SecureRouter) {
        let head = router.hotHead(.ok, Response.oauthHeaders)
        // Callers authenticate by client credentials or by a token; either is checked here (RFC 7662 section 2.1).
        router.hot(
            .post, "/oauth2/introspect", .public, options: .credentials, lean: { introspect($0, head) }, use: introspect
        )
    }

    @Sendable func introspect(_ request: Request, _ context: APIContext) async throws -> Response {
        try await OAuthError.translating(context) {
            let form = try await request.oauthForm(context)
            try await authenticateCaller(form, request, context)
            do {
                try follower.requireFresh(now: context.receivedAt)
            } catch { throw OAuthError.temporarilyUnavailable(retryAfter: 2) }
            guard let token = form["token"] else { throw OAuthError.invalidRequest("token is missing") }
            return .oauth(try await answer(token))
        }
    }

    /// The same for what nearly all requests are: a client with its secret asks about an access token that was verified
    /// before. Nothing is refused here.
    @Sendable private func introspect(_ call: HotCall, _ head: HotHead) {
        guard let form = call.form(),
            let account = clients.accountAtHand(form: form, authorization: call.request.header("authorization")),
            clients.grants(.introspectTokens, to: account),
            (try? follower.requireFresh(now: call.receivedAt)) != nil,
            let token = form["token"], let identity = verifier.verifyCached(token)
        else { return call.passOn() }
        switch IntrospectionAPI.session(of: identity) {
        case .none: call.answer(head, describe(identity))
        case .unknowable: call.answer(head, IntrospectionAPI.inactive)
        case .id(let id):
            let isAsked = store.standingAtOnce(id) { standing in
                guard let standing else { return call.passOn() }
                call.answer(head, describe(identity, standing))
            }
            if !isAsked { call.passOn() }
        }
    }

    private func authenticateCaller(_ form: FormFields, _ request: Request, _ context: APIContext) async throws {
        if clients.hasCredentials(form: form, headers: request.headers) {
            let account = try await clients.authenticate(
                form: form, headers: request.headers, audience: assertionAudience,
                address: context.remoteAddress, allowingCached: true)
            guard clients.grants(.introspectTokens, to: account) else { throw OAuthError.unauthorizedClient }
            return
        }
        guard request.headers[.authorization] != nil else { throw OAuthError.invalidClient }
        let identity: Identity
        do {
            identity = try await authenticator.authenticate(request, context)
        } catch {
            throw OAuthError.invalidToken
        }
        guard identity.permissions.contains(Permission.introspectTokens.rawValue) else {
            throw OAuthError.insufficientScope
        }
    }

    /// `{"active":false}` says nothing about why (RFC 7662 section 2.2).
    private static let inactive = Array(#"{"active":false}"#.utf8)

    private func answer(_ token: String) async throws -> [UInt8] {
        if token.hasPrefix(RefreshToken.prefix) { return try await answerRefresh(token) }
        guard let identity = try? await verifier.verify(token) else { return IntrospectionAPI.inactive }
        switch IntrospectionAPI.session(of: identity) {
        case .none: return describe(identity)
        case .unknowable: return IntrospectionAPI.inactive
        case .id(let id): return describe(identity, try await store.standing(id))
        }
    }

    private enum Session {
        /// A token without one, such as a service's.
        case none
        case id(SessionID)
        /// None of ours.
        case unknowable
    }

    private static func session(of identity: Identity) -> Session {
        guard let session = identity.sessionID else { return .none }
        return SessionID(session).map { .id($0) } ?? .unknowable
    }

    private func describe(_ identity: Identity, _ standing: SessionStanding) -> [UInt8] {
        standing.vouches(forTokenOf: identity.issuedAtMilliseconds) ? describe(identity) : IntrospectionAPI.inactive
    }

    private func answerRefresh(_ token: String) async throws -> [UInt8] {
        guard let token = sessions.refreshToken(token), try await store.isCurrent(token),
            !sessions.revocations.local.isRevoked(session: token.session.description)
        else { return IntrospectionAPI.inactive }
        let id = token.session
        var json = JSONWriter(capacity: 96)
        json.beginObject()
        json.key("active")
        json.bool(true)
        json.key("token_type")
        json.string("refresh_token")
        json.key("sid")
        json.string(id.description)
        json.endObject()
        return json.bytes
    }

    /// The claims as RFC 7662 section 2.2 and RFC 9068 name them.
    private func describe(_ identity: Identity) -> [UInt8] {
        var json = JSONWriter(capacity: 1024)
        json.beginObject()
        json.key("active")
        json.bool(true)
        json.key("iss")
        json.string(issuer)
        identity.writeClaims(&json)
        json.endObject()
        return json.bytes
    }
}

extension Identity {
    func writeClaims(_ json: inout JSONWriter) {
        func text(_ name: String, _ value: String?) {
            guard let value else { return }
            json.key(name)
            json.string(value)
        }
        func number(_ name: String, _ value: Int64?) {
            guard let value else { return }
            json.key(name)
            json.int(value)
        }
        func list(_ name: String, _ values: [String]) {
            json.key(name)
            json.beginArray()
            for value in values { json.string(value) }
            json.endArray()
        }
        text("sub", subject)
        text("client_id", clientID)
        text("scope", scope)
        if case .dpop = confirmation { text("token_type", "DPoP") } else { text("token_type", "Bearer") }
        number("exp", expiresAt)
        number("iat", issuedAt)
        text("jti", tokenID)
        text("sid", sessionID)
        text("device_id", deviceID)
        number("auth_time", authTime)
        text("acr", acr)
        if !amr.isEmpty { list("amr", amr) }
        list("roles", roles)
        if !scopedRoles.isEmpty { json.member("scoped_roles", scopedRoles) }
        list("permissions", permissions.sorted())
        guard let confirmation else { return }
        // RFC 8705 section 3.2, RFC 9449 section 6.2.
        json.key("cnf")
        json.beginObject()
        switch confirmation {
        case .certificate(let thumbprint): text("x5t#S256", thumbprint)
        case .dpop(let thumbprint): text("jkt", thumbprint)
        }
        json.endObject()
    }
}
