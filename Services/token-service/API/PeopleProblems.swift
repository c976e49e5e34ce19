import APISecurity
import Database
import HTTPTypes
import Hummingbird
import Redis

/// How the faults of people and sign-in are answered.
enum PeopleProblems {
    /// One answer for whatever is wrong with a name and a password.
    static var invalidCredentials: Problem {
        Problem(
            status: .unauthorized, type: "invalid-credentials", title: "Sign-in refused",
            detail: "The username or the password is wrong, or the account cannot be used.")
    }

    static var notFound: Problem { Problem(status: .notFound, type: "not-found", title: "No such thing") }

    static func isIdentifierByte(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, UInt8(ascii: "-"), UInt8(ascii: "_"): true
        default: false
        }
    }

    static func retry(
        _ status: HTTPResponse.Status, _ type: String, _ title: String, seconds: Int, detail: String? = nil
    ) -> Problem {
        Problem(
            status: status, type: type, title: title, detail: detail, headers: [.retryAfter: String(max(1, seconds))])
    }

    static func translating<T>(_ body: () async throws -> T) async throws -> T {
        do {
            return try await body()
        } catch let fault as PeopleFault {
            throw problem(fault)
        } catch let fault as SignIn.Fault {
            switch fault {
            case .refused: throw invalidCredentials
            case .tokenRefused:
                throw Problem(
                    status: .unauthorized, type: "invalid-mfa-token", title: "The sign-in has to start again",
                    detail: "The mfa_token is unknown, used, expired or has no tries left.")
            }
        } catch let fault as IdempotencyStore.Fault {
            switch fault {
            case .inProgress:
                throw retry(.conflict, "request-in-progress", "The same request is being worked on", seconds: 1)
            case .unreadable:
                throw conflict("answer-gone", "The request was answered, and its answer cannot be given again")
            case .reused:
                throw Problem(
                    status: .unprocessableContent, type: "idempotency-key-reused",
                    title: "The Idempotency-Key came with another request before")
            }
        } catch let error as OAuthError {
            throw problem(error)
        } catch let throttled as Throttled {
            throw retry(
                .tooManyRequests, "too-many-attempts", "Too many attempts",
                seconds: Int((throttled.wait + 999) / 1000))
        } catch PasswordHashingError.overloaded(let seconds) {
            throw retry(.serviceUnavailable, "overloaded", "Too many sign-ins at once", seconds: seconds)
        } catch let error as DatabaseError where error.isUniqueViolation {
            throw conflict("conflict", "Changed by somebody else at the same time")
        }
    }

    private static func conflict(_ type: String, _ title: String) -> Problem {
        Problem(status: .conflict, type: type, title: title)
    }

    /// What sessions and proofs of possession refuse, in the shape of our own routes.
    private static func problem(_ error: OAuthError) -> Problem {
        switch error {
        case .invalidDPoPProof(let detail):
            Problem(
                status: error.status, type: "invalid-dpop-proof", title: "The DPoP proof is refused", detail: detail)
        case .invalidToken:
            Problem(
                status: error.status, type: "invalid-token", title: "The access token is not accepted",
                headers: [.wwwAuthenticate: #"Bearer error="invalid_token""#])
        case .temporarilyUnavailable(let seconds):
            retry(error.status, "unavailable", "Temporarily unavailable", seconds: seconds)
        default:
            Problem(
                status: error.status, type: error.code.replacing("_", with: "-"), title: "The request is refused")
        }
    }

    private static func problem(_ fault: PeopleFault) -> Problem {
        switch fault {
        case .notFound: notFound
        case .usernameTaken: conflict("username-taken", "The username is taken")
        case .clientIDTaken: conflict("client-id-taken", "The client id is taken")
        case .unknownRole: Problem(status: .unprocessableContent, type: "unknown-role", title: "No such role")
        case .unknownPermission:
            Problem(status: .unprocessableContent, type: "unknown-permission", title: "No such permission")
        case .roleNotStanding(let role):
            Problem(
                status: .unprocessableContent, type: "not-standing", title: "The role is had for a while only",
                detail: "\(role) takes an elevation that somebody else approves.")
        case .separationOfDuties(let constraint):
            Problem(
                status: .conflict, type: "separation-of-duties", title: "These roles are not held together",
                detail: "\(constraint) keeps them apart.")
        case .lastAdministrator: conflict("last-administrator", "The last active administrator stays one")
        case .ownRecovery:
            Problem(
                status: .forbidden, type: "own-recovery",
                title: "Recovery takes a second administrator, and another person than the one concerned")
        case .recoveryDecided: conflict("recovery-decided", "The request was decided or has expired")
        case .recoveryPending: conflict("recovery-pending", "Such a request waits already")
        case .wrongStatus: conflict("wrong-status", "The account is in another state")
        case .tooManySecrets: conflict("too-many-secrets", "Two secrets are valid already: remove one first")
        case .noFactor: conflict("no-second-factor", "No second factor is enrolled")
        case .noPendingFactor: conflict("no-pending-factor", "No second factor waits for its first code")
        case .factorRequired: conflict("factor-required", "The account needs its second factor")
        case .codeRefused: Problem(status: .unauthorized, type: "invalid-code", title: "The code is wrong")
        case .codeUsed(let seconds):
            retry(
                .conflict, "code_used", "The code has been used", seconds: seconds,
                detail: "Each code counts once: wait for the next one.")
        case .staleAuthentication:
            Problem(
                status: .forbidden, type: "step-up-required", title: "A fresh sign-in or second factor is needed")
        }
    }
}

extension APIContext {
    /// A name in the path that identifies something of ours; anything else names nothing.
    func identifier(_ name: String) throws -> String {
        let text = try parameters.require(name)
        guard (1...128).contains(text.utf8.count), text.utf8.allSatisfy({ PeopleProblems.isIdentifierByte($0) }) else {
            throw PeopleProblems.notFound
        }
        return text
    }

    /// `limit` and `cursor`, and no other parameters.
    func page() throws -> Page {
        try query.allow("limit", "cursor")
        return try Page(query)
    }
}

extension Page {
    /// A cursor that is one text.
    func text() throws -> String? {
        guard let cursor else { return nil }
        guard let text = cursor.string, !text.utf8.contains(0) else {
            throw Problem.badRequest("bad-cursor", detail: "The cursor is none of ours.")
        }
        return text
    }
}
