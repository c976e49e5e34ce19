import APISecurity
import Contracts
import Database
import EventBus
import Logging
import Redis
import StrictJSON

/// Starts, continues and ends sessions: puts the Redis scripts, the accounts in SQL and the issuer together.
struct Sessions: SessionIssuer {
    struct Policy: Sendable {
        /// Milliseconds: an unused session ends after `sliding`, any session after `absolute`.
        var sliding: Int64
        var absolute: Int64
        /// Milliseconds within which a repeated refresh is answered alike.
        var grace: Int64
    }

    let store: SessionStore
    let accounts: AccountReader
    let revocations: Revocations
    let issuer: TokenIssuer
    let catalogue: RoleBook
    /// Authenticates refresh tokens.
    let chainKey: ChainKey
    let policy: Policy
    let clock: @Sendable () -> Int64
    let logger: Logger

    func start(
        _ authentication: Authentication, _ client: ClientInfo, requestID: String
    ) async throws -> TokenResponse {
        let id = SessionID(subject: authentication.subject, random: RandomID.bytes(16))
        let now = clock()
        // The roles as they are now: what was read before the password was checked may have been taken away since, and the
        // token is dated after that.
        guard
            let account = try await accounts.account(
                authentication.subject, epoch: authentication.sessionEpoch)
        else { throw SignIn.Fault.refused }
        let limit = catalogue.sessionLimit(of: account.roles)
        let selfOnly =
            authentication.mustEnrol || lacksFactor(account.roles, authentication.acr.rawValue)
        let grant = TokenIssuer.Grant(
            subject: authentication.subject, clientID: client.clientID, roles: account.roles,
            assigned: account.assigned, hasSecondFactor: authentication.acr == .twoFactors, email: authentication.email,
            sessionID: id, deviceID: client.deviceID,
            authTime: authentication.authTime, amr: authentication.amr, acr: authentication.acr.rawValue,
            binding: client.binding, selfOnly: selfOnly, asOf: now, voidBefore: account.voidBefore)
        // Signed before the session exists: a missing key leaves nothing behind.
        let issued = try issuer.issue(grant)
        let event = { (kind: SecurityEvent.Kind, outcome: SecurityEvent.Outcome) in
            SecurityEvent(
                kind, outcome: outcome, subject: authentication.subject, sessionID: id.description, at: now,
                requestID: requestID,
                fields: [
                    "client_id": .string(client.clientID),
                    "amr": .array(authentication.amr.map(JSONValue.string)),
                    "acr": .string(authentication.acr.rawValue),
                    "binding": client.binding.map { .string($0.stored) } ?? .null,
                ],
                personal: ["address": .string(client.address)]
            ).outboxEvent()
        }
        let creation = try await store.create(
            SessionStore.New(
                id: id, subject: authentication.subject, client: client, authTime: authentication.authTime,
                amr: authentication.amr, acr: authentication.acr.rawValue, epoch: authentication.sessionEpoch,
                selfOnly: selfOnly),
            limits: SessionStore.Limits(
                maximum: limit.maximum, oldestLeaves: limit.whenReached == .oldestLeaves, sliding: policy.sliding,
                absolute: policy.absolute),
            created: event(.sessionCreated, .success), refused: event(.sessionRefused, .refused))
        revocations.nudge()
        switch creation {
        case .refused:
            throw Problem(
                status: .conflict, type: "session-limit", title: "Session limit reached",
                detail: "End another session first.")
        case .created(let evicted):
            for old in evicted { try await settle(old, subject: authentication.subject, reason: "session_limit") }
        }
        let refresh = RefreshToken(session: id, generation: 0, subject: authentication.subject).encoded(chainKey)
        return response(issued, refresh: refresh, session: id)
    }

    func stepUp(
        _ identity: Identity, amr: [String], authTime: Int64, scope: [String]?, _ client: ClientInfo, requestID: String
    ) async throws -> TokenResponse {
        guard let id = identity.sessionID.flatMap(SessionID.init) else {
            throw Problem(status: .forbidden, type: "no-session", title: "Only a session can be stepped up")
        }
        let now = clock()
        guard let account = try await accounts.account(identity.subject, session: id.description),
            account.isActive, !account.sessionIsRevoked
        else { throw OAuthError.invalidToken }
        guard try await store.standing(id).isAlive else { throw OAuthError.invalidToken }
        let issued = try issuer.issue(
            TokenIssuer.Grant(
                subject: identity.subject, clientID: identity.clientID ?? client.clientID, roles: account.roles,
                assigned: account.assigned, hasSecondFactor: true, email: account.email, sessionID: id,
                deviceID: identity.deviceID, authTime: authTime, amr: amr,
                acr: AuthenticationLevel.twoFactors.rawValue, binding: client.binding,
                selfOnly: account.mustEnrol, asOf: now, voidBefore: account.voidBefore, requestedScope: scope))
        return response(issued, refresh: nil, session: id)
    }

    static let invalidRefreshToken = OAuthError.invalidGrant("the refresh token is invalid, expired or revoked")

    /// Uses a refresh token (RFC 6749 section 6, rotated as RFC 9700 section 4.14.2 asks).
    /// - Throws: `OAuthError`; `RedisError` and `DatabaseError` when the state cannot be reached.
    func refresh(
        _ token: RefreshToken, clientID: String, binding: KeyBinding?, fingerprint: String, scope: [String]?,
        address: String, requestID: String
    ) async throws -> TokenResponse {
        let refused = Sessions.invalidRefreshToken
        let id = token.session
        let now = clock()
        // SQL is asked and a key looked for before the token is used up: a client that is told to come back later must
        // find its token as it left it, however much later that is.
        try issuer.requireKey()
        guard let account = try await accounts.account(token.subject, session: id.description) else { throw refused }
        guard account.isActive, !account.sessionIsRevoked else {
            // SQL knows better than a Redis that lost its last second.
            try? await store.end([id])
            throw refused
        }
        if let scope { try await requireScope(scope, account, id, now: now) }
        let refreshed = SecurityEvent(
            .sessionRefreshed, subject: token.subject, sessionID: id.description, at: now, requestID: requestID,
            fields: ["client_id": .string(clientID)])
        let outcome = try await store.refresh(
            SessionStore.RefreshRequest(
                token: token, clientID: clientID, binding: binding, fingerprint: fingerprint, grace: policy.grace,
                sliding: policy.sliding),
            refreshed: refreshed,
            refusals: {
                var reused = refreshed
                reused.outcome = .refused
                reused.personal = ["address": .string(address)]
                var mismatched = reused
                (reused.kind, reused.reason) = (.refreshReused, "refresh_reuse")
                (mismatched.kind, mismatched.reason) = (.refreshRefused, "other_client_or_key")
                mismatched.fields["refusals"] = .string(AttemptStore.countPlaceholder)
                return SessionStore.Refusals(reused: reused, mismatched: mismatched)
            })
        let session: SessionStore.Continued
        switch outcome {
        case .gone, .mismatch: throw refused
        case .reused(let subject):
            logger.warning(
                "refresh token reused, session ends", metadata: ["session": "\(id)", "subject": "\(subject)"])
            try await settle(id, subject: subject, reason: "refresh_reuse")
            throw refused
        case .continued(let continued): session = continued
        }
        // That the account is the session's is said by the token; believed it is when the session says so too.
        guard session.subject == token.subject, account.sessionEpoch == session.epoch else {
            try? await store.end([id])
            throw refused
        }
        let issued = try issuer.issue(
            TokenIssuer.Grant(
                subject: session.subject, clientID: clientID, roles: account.roles, assigned: account.assigned,
                hasSecondFactor: hasFactor(session.acr), email: account.email, sessionID: id,
                deviceID: session.deviceID, authTime: session.authTime, amr: session.amr,
                acr: session.acr, binding: binding,
                selfOnly: session.selfOnly || account.mustEnrol || lacksFactor(account.roles, session.acr),
                asOf: now, voidBefore: account.voidBefore, requestedScope: scope))
        let successor = RefreshToken(session: id, generation: session.successor, subject: token.subject)
            .encoded(chainKey)
        return response(issued, refresh: successor, session: id)
    }

    /// A role that was marked privileged since the session began is not used without a second factor.
    private func lacksFactor(_ roles: [String], _ acr: String) -> Bool {
        catalogue.isPrivileged(roles) && !hasFactor(acr)
    }

    private func hasFactor(_ acr: String) -> Bool { acr == AuthenticationLevel.twoFactors.rawValue }

    /// RFC 6749 section 6: a scope that cannot be granted leaves the token as it was. What may be granted depends on the
    /// session, which is asked here alone: whoever wants all that there is need not wait for it.
    private func requireScope(
        _ scope: [String], _ account: Account, _ id: SessionID, now: Int64
    ) async throws {
        // Without the session there is nothing to grant, as using the token will tell.
        guard let strength = try await store.strength(of: id) else { return }
        let grant = TokenIssuer.Grant(
            subject: "", clientID: "", roles: account.roles, assigned: account.assigned,
            hasSecondFactor: hasFactor(strength.acr),
            selfOnly: strength.selfOnly || account.mustEnrol || lacksFactor(account.roles, strength.acr),
            asOf: now, requestedScope: scope)
        _ = try issuer.access(grant, now: now)
    }

    /// Ends the session to which a refresh token belongs, whatever its generation.
    func sessionToEnd(by token: String) -> SessionID? { refreshToken(token)?.session }

    /// Reads a refresh token of ours.
    func refreshToken(_ text: String) -> RefreshToken? { RefreshToken(text, key: chainKey) }

    /// Puts the end of a session, decided by a script, into SQL. What a crash leaves undone here, `sweep` does.
    func settle(_ id: SessionID, subject: String, reason: String) async throws {
        try await revocations.revokeSession(
            id.description, subject: subject, reason: reason, by: nil, at: clock())
        try await store.settleRevocation(id, subject: subject, reason: reason)
    }

    /// Settles what another replica decided and did not live to settle.
    func sweep(olderThan age: Int64) async throws {
        let now = clock()
        for tag in 0..<UInt8(SessionID.tagCount) {
            for (session, subject, reason) in try await store.overdueRevocations(tag: tag, olderThan: age, now: now) {
                guard let id = SessionID(session) else { continue }
                try await settle(id, subject: subject, reason: reason)
            }
        }
    }

    private func response(_ issued: TokenIssuer.Issued, refresh: String?, session: SessionID) -> TokenResponse {
        TokenResponse(
            accessToken: issued.token, tokenType: issued.tokenType, expiresIn: Int(issued.expiresIn),
            refreshToken: refresh, scope: issued.scope, sessionID: session.description)
    }
}
