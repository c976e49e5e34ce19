import APISecurity
import Contracts
import EventBus
import Hummingbird
import Logging
import SecurityClient
import StrictJSON

/// What the routes on people share.
struct People: Sendable {
    let users: UserStore
    let factors: FactorStore
    let attempts: AttemptStore
    let factor: SecondFactor
    let codes: RecoveryCodes
    let policy: PasswordPolicy
    let hasher: PasswordHasher
    let sessions: any SessionIssuer
    let proof: KeyProof
    let catalogue: RoleBook
    let idempotency: IdempotencyStore
    let clock: @Sendable () -> Int64
    let nudge: @Sendable () -> Void
    let logger: Logger

    /// Seconds for which a sign-in or step-up allows a change to the factors themselves.
    static let freshness: Int64 = 300

    func act(_ context: APIContext) -> Act {
        Act(actor: context.identity?.subject, at: clock(), requestID: context.requestID)
    }

    /// Does something that a client may repeat under an `Idempotency-Key`.
    /// - Parameters:
    ///   - route: method and path, with what it names.
    ///   - body: what was asked for.
    func once(
        _ request: Request, _ context: APIContext, route: String, body: JSONValue = .null,
        _ work: () async throws -> IdempotencyStore.Answer
    ) async throws -> Response {
        let caller = try context.requireIdentity().subject
        let key = try IdempotencyKey.of(request)?.value
        return .kept(try await idempotency.once(key, caller: caller, route: route, request: body, work))
    }

    /// Checks a new password against the rules and hashes it.
    func newPassword(
        _ text: String, username: String, email: String?, hasFactor: Bool
    ) async throws -> (hash: PasswordHash, isShort: Bool) {
        guard let password = Password(text) else {
            throw People.passwordProblem(.tooLong(maximum: PasswordPolicy.maximum))
        }
        var context = [username, "jts", "token-service"]
        if let email {
            context += email.split(separator: "@").prefix(2).map { part in
                String(part.split(separator: ".").first ?? part)
            }
        }
        do {
            try policy.check(password, hasFactor: hasFactor, context: context)
        } catch { throw People.passwordProblem(error) }
        return (try await hasher.hash(password), PasswordPolicy.needsFactor(password))
    }

    /// Checks somebody's own password outside of a sign-in, counted as one.
    func checkPassword(_ text: String, of id: String, address: String, _ act: Act) async throws {
        let found = try await users.credentials(id: id)
        let target = attempts.target(
            .password, account: Username.key(found.user.username) ?? id, address: address)
        var event = SecurityEvent(
            .loginThrottled, outcome: .refused, subject: id, reason: "account", at: act.at, requestID: act.requestID,
            fields: ["account": .string(target.account), "refusals": .string(AttemptStore.countPlaceholder)],
            personal: ["address": .string(address)])
        if case .wait(let wait) = try await attempts.begin(target, refused: event.outboxEvent()) {
            throw Throttled(wait: wait)
        }
        let matches: Bool
        do {
            guard let password = Password(text) else { throw SignIn.Fault.refused }
            matches = try await hasher.verify(password, against: found.passwordHash)
        } catch let error as PasswordHashingError {
            try? await attempts.undo(target)
            throw error
        }
        guard matches else {
            event.kind = .stepUpFailed
            event.outcome = .failure
            event.reason = "wrong_password"
            event.fields = [:]
            try await attempts.record(event.outboxEvent(), for: target)
            throw SignIn.Fault.refused
        }
        try await attempts.succeed(target, remember: false, event: nil)
    }

    /// - Throws: `staleAuthentication` unless the caller proved who she is in the last minutes, with a second factor when
    ///   she has one.
    func requireFresh(_ identity: Identity, hasFactor: Bool) throws(PeopleFault) {
        guard let authTime = identity.authTime, clock() / 1000 - authTime <= People.freshness,
            !hasFactor || !Set(identity.amr).isDisjoint(with: ["otp", "hwk", "mfa"])
        else { throw .staleAuthentication }
    }

    static func passwordProblem(_ fault: PasswordPolicy.Fault) -> Problem {
        let detail =
            switch fault {
            case .tooShort(let minimum): "At least \(minimum) characters are needed."
            case .tooLong(let maximum): "At most \(maximum) characters are taken."
            case .common: "The password is among those that everybody tries."
            case .guessable: "The password is little more than a name."
            case .repetitive: "The password repeats itself."
            }
        return Problem(
            status: .unprocessableContent, type: "password-refused", title: "The password is refused", detail: detail)
    }
}

extension User {
    /// - Parameter now: milliseconds since the epoch; assigned roles that are over are left out.
    func json(at now: Int64) -> JSONValue {
        [
            "id": .string(id), "username": .string(username), "email": email.map(JSONValue.string) ?? .null,
            "status": .string(status.rawValue), "roles": .array(roles.map(JSONValue.string)),
            "assigned_roles": .array(assigned.filter { !$0.isOver(at: now) }.map(\.shown)),
            "attributes": .object(attributes), "second_factor": .bool(hasFactor),
            "must_change_password": .bool(mustChangePassword), "must_enrol": .bool(mustEnrol),
            "created_at": .string(RFC3339.string(milliseconds: createdAt)),
            "updated_at": .string(RFC3339.string(milliseconds: updatedAt)),
        ]
    }
}

extension AssignedRole {
    /// As people read it: times as in RFC 3339.
    fileprivate var shown: JSONValue {
        var object: JSONObject = ["id": .int(id), "role": .string(role)]
        object["scope"] = scope.map { ["type": .string($0.type), "id": .string($0.id)] }
        object["starts_at"] = startsAt.map { .string(RFC3339.string(milliseconds: $0)) }
        object["ends_at"] = endsAt.map { .string(RFC3339.string(milliseconds: $0)) }
        return .object(object)
    }
}
