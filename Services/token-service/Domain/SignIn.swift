import Contracts
import EventBus
import Logging
import StrictJSON

/// Signing in: password, then second factor, then a session.
///
/// Unknown user, wrong password, locked and disabled take the same steps in the same order, from the count in Redis over
/// one query and one Argon2id to one event, and end in the same answer.
struct SignIn: Sendable {
    let users: UserStore
    let attempts: AttemptStore
    let tokens: MFATokenStore
    let factor: SecondFactor
    let hasher: PasswordHasher
    let sessions: any SessionIssuer
    let catalogue: RoleBook
    let clock: @Sendable () -> Int64
    /// Wakes the relay of the Redis outbox.
    let nudge: @Sendable () -> Void
    let logger: Logger

    enum Outcome: Sendable {
        case signedIn(TokenResponse)
        case factorNeeded(token: String)
    }

    enum Fault: Error, Sendable, Equatable {
        /// Whatever was wrong: the answer says no more.
        case refused
        case tokenRefused
    }

    func password(
        username: String, password: String, _ client: ClientInfo, requestID: String
    ) async throws -> Outcome {
        let now = clock()
        // A name that cannot exist is counted and looked up like one that does not.
        let key = Username.key(username) ?? "?" + RandomID.digest(username)
        let target = attempts.target(.password, account: key, address: client.address)
        var event = SecurityEvent(
            .loginThrottled, outcome: .refused, reason: "account", at: now, requestID: requestID,
            fields: ["account": .string(target.account), "refusals": .string(AttemptStore.countPlaceholder)],
            personal: ["address": .string(client.address)])
        let isKnown: Bool
        switch try await attempts.begin(target, refused: event.outboxEvent()) {
        case .wait(let wait): throw Throttled(wait: wait)
        case .go(let known): isKnown = known
        }
        if !isKnown {
            event.reason = "address"
            if case .wait(let wait) = try await attempts.beginAddress(target, refused: event.outboxEvent()) {
                try await attempts.undo(target)
                throw Throttled(wait: wait)
            }
        }
        let found: Credentials?
        let matches: Bool
        do {
            found = try await users.credentials(usernameKey: key)
            // What cannot be a password is checked all the same, as another one that is wrong.
            let candidate = Password(password)
            matches =
                try await hasher.verify(candidate ?? .placeholder, against: found?.passwordHash) && candidate != nil
        } catch {
            try? await attempts.undo(target)
            if !isKnown { try? await attempts.undoAddress(target) }
            throw error
        }
        let isUsable = found.map { $0.user.status == .active && ($0.user.passwordExpiresAt ?? .max) > now } ?? false
        event.fields = ["account": .string(target.account)]
        event.subject = found?.user.id
        guard matches, isUsable, let found else {
            event.kind = .loginFailed
            event.outcome = .failure
            event.reason = SignIn.reason(found, matches: matches)
            try await attempts.record(event.outboxEvent(), for: target)
            nudge()
            throw Fault.refused
        }
        if !isKnown { try await attempts.undoAddress(target) }
        await upgrade(found, password)
        return try await accept(found.user, key, target, client, requestID: requestID, now: now)
    }

    /// The second step.
    func secondFactor(
        token: String, proof: SecondFactor.Proof, _ client: ClientInfo, requestID: String
    ) async throws -> TokenResponse {
        let now = clock()
        guard let waiting = try await tokens.attempt(token), waiting.binding == client.binding else {
            throw Fault.tokenRefused
        }
        let act = Act(actor: nil, at: now, requestID: requestID)
        try await factor.check(
            proof, user: waiting.user, address: client.address, failure: .mfaFailed, act)
        // Two right answers at once: the token opens one session.
        guard try await tokens.consume(token) else { throw Fault.tokenRefused }
        let user: User
        do {
            user = try await users.user(waiting.user)
        } catch PeopleFault.notFound { throw Fault.tokenRefused }
        guard user.status == .active, user.sessionEpoch == waiting.sessionEpoch else { throw Fault.tokenRefused }
        let amr = ["pwd"] + proof.amr
        let target = attempts.target(.password, account: waiting.usernameKey, address: client.address)
        try await attempts.succeed(
            target, remember: true, event: succeeded(user, amr, client, requestID: requestID, now: now))
        nudge()
        var client = client
        client.clientID = waiting.clientID
        client.deviceID = waiting.deviceID
        return try await sessions.start(
            Authentication(
                subject: user.id, username: user.username, email: user.email, roles: user.roles,
                authTime: now / 1000, amr: amr, acr: .twoFactors, mustEnrol: user.mustChangePassword,
                sessionEpoch: waiting.sessionEpoch), client, requestID: requestID)
    }

    private func accept(
        _ user: User, _ key: String, _ target: AttemptStore.Target, _ client: ClientInfo, requestID: String, now: Int64
    ) async throws -> Outcome {
        if user.hasFactor {
            let challenged = SecurityEvent(
                .mfaChallenged, subject: user.id, at: now, requestID: requestID,
                personal: ["address": .string(client.address)])
            let token = try await tokens.create(
                MFATokenStore.Waiting(
                    user: user.id, usernameKey: key, sessionEpoch: user.sessionEpoch, clientID: client.clientID,
                    deviceID: client.deviceID, binding: client.binding),
                event: challenged.outboxEvent())
            // The address is remembered when the whole sign-in is through.
            try await attempts.succeed(target, remember: false, event: nil)
            nudge()
            return .factorNeeded(token: token)
        }
        let due =
            user.mustEnrol
            || Enrolment.isDue(
                hasFactor: false, isPrivileged: catalogue.isPrivileged(user.roles),
                passwordIsShort: user.passwordIsShort, isForced: false)
        // The catalogue may have changed since the row was written; refresh goes by the row.
        if due != user.mustEnrol { try await users.syncEnrolment(user.id) }
        try await attempts.succeed(
            target, remember: true, event: succeeded(user, ["pwd"], client, requestID: requestID, now: now))
        nudge()
        return .signedIn(
            try await sessions.start(
                Authentication(
                    subject: user.id, username: user.username, email: user.email, roles: user.roles,
                    authTime: now / 1000, amr: ["pwd"], acr: .singleFactor,
                    mustEnrol: due || user.mustChangePassword, sessionEpoch: user.sessionEpoch),
                client, requestID: requestID))
    }

    private func succeeded(
        _ user: User, _ amr: [String], _ client: ClientInfo, requestID: String, now: Int64
    ) -> OutboxEvent {
        SecurityEvent(
            .loginSucceeded, subject: user.id, at: now, requestID: requestID,
            fields: ["amr": .array(amr.map(JSONValue.string)), "client_id": .string(client.clientID)],
            personal: ["address": .string(client.address)]
        ).outboxEvent()
    }

    /// Puts the password under today's cost. A full queue or a database in trouble is no reason to refuse a sign-in.
    private func upgrade(_ found: Credentials, _ password: String) async {
        guard let old = found.passwordHash, old.needsUpgrade(to: hasher.parameters), let password = Password(password)
        else { return }
        do {
            try await users.upgradeHash(found.user.id, from: old, to: try await hasher.hash(password))
        } catch {
            logger.info("password hash not upgraded", metadata: ["subject": "\(found.user.id)", "error": "\(error)"])
        }
    }

    /// For the record only.
    private static func reason(_ found: Credentials?, matches: Bool) -> String {
        guard let found else { return "unknown_user" }
        guard matches else { return "wrong_password" }
        switch found.user.status {
        case .active: return "password_expired"
        case .locked: return "locked"
        case .disabled: return "disabled"
        }
    }
}
