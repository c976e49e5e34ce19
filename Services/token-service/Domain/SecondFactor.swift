import Contracts

/// Checks second factors: a code of the authenticator or a recovery code, each used once.
struct SecondFactor: Sendable {
    let factors: FactorStore
    let attempts: AttemptStore
    let codes: RecoveryCodes
    let clock: @Sendable () -> Int64

    enum Proof: Sendable {
        case code(String)
        case recoveryCode(String)

        /// RFC 8176. A recovery code is a second factor, but no one-time password of a device: administration, which
        /// asks for `otp`, waits until a new device is enrolled.
        var amr: [String] {
            switch self {
            case .code: ["otp", "mfa"]
            case .recoveryCode: ["mfa"]
            }
        }
    }

    /// Counts the attempt against the account, over all tokens and sessions, and checks it.
    /// - Throws: `PeopleFault.codeRefused`, `.codeUsed`, `.noFactor`; `Throttled`; errors of Redis and SQL.
    func check(_ proof: Proof, user: String, address: String, failure: SecurityEvent.Kind, _ act: Act) async throws {
        let target = attempts.target(.code, account: user, address: address)
        var refused = SecurityEvent(
            .loginThrottled, outcome: .refused, subject: user, reason: "second_factor", at: act.at,
            requestID: act.requestID, fields: ["refusals": .string(AttemptStore.countPlaceholder)],
            personal: ["address": .string(address)])
        if case .wait(let wait) = try await attempts.begin(target, refused: refused.outboxEvent()) {
            throw Throttled(wait: wait)
        }
        do {
            try await verify(proof, user: user, act)
        } catch let fault as PeopleFault {
            let reason: String
            switch fault {
            case .codeUsed: reason = "code_used"
            case .noFactor: reason = "no_factor"
            default: reason = "code_refused"
            }
            refused.kind = failure
            refused.outcome = .failure
            refused.reason = reason
            refused.fields = [:]
            try await attempts.record(refused.outboxEvent(), for: target)
            throw fault
        } catch {
            try? await attempts.undo(target)
            throw error
        }
        try await attempts.succeed(target, remember: true, event: nil)
    }

    private func verify(_ proof: Proof, user: String, _ act: Act) async throws {
        switch proof {
        case .recoveryCode(let text):
            guard let digest = codes.digest(text, user: user),
                try await factors.use(code: digest, of: user, act)
            else { throw PeopleFault.codeRefused }
        case .code(let text):
            guard let factor = try await factors.factor(of: user) else { throw PeopleFault.noFactor }
            let seconds = clock() / 1000
            guard let step = factor.totp.matchingStep(text, at: seconds) else { throw PeopleFault.codeRefused }
            guard try await factors.use(step: step, of: user) else {
                throw PeopleFault.codeUsed(retryAfter: TOTP.secondsToNextStep(at: seconds))
            }
        }
    }
}

/// Too many attempts: nothing was checked.
struct Throttled: Error, Sendable, Equatable {
    /// Milliseconds.
    let wait: Int64
}
