import APISecurity
import Contracts
import HTTPTypes
import Hummingbird
import StrictJSON

/// `/v1/users/me/totp` and `/v1/users/me/recovery-codes`.
struct FactorsAPI: Sendable {
    let people: People

    /// Milliseconds for which a secret waits for its first code.
    private static let pendingLife: Int64 = 900_000

    func register(on router: SecureRouter) {
        let own = Access.permission(Permission.ownAccount.rawValue)
        router.get("/v1/users/me/totp", own, use: show)
        router.post("/v1/users/me/totp", own, use: enrol)
        router.post("/v1/users/me/totp/confirm", own, use: confirm)
        router.delete("/v1/users/me/totp", own, use: remove)
        router.post("/v1/users/me/recovery-codes", own, use: renewCodes)
    }

    @Sendable func show(_ request: Request, _ context: APIContext) async throws -> Response {
        let identity = try context.requireIdentity()
        return try await PeopleProblems.translating {
            guard let factor = try await people.factors.factor(of: identity.subject) else {
                return .uncached(["enrolled": false])
            }
            return .uncached([
                "enrolled": true, "algorithm": .string(factor.totp.algorithm.rawValue),
                "digits": .int(Int64(factor.totp.digits)), "recovery_codes_left": .int(Int64(factor.codesLeft)),
                "confirmed_at": .string(RFC3339.string(milliseconds: factor.confirmedAt)),
            ])
        }
    }

    /// Gives out a secret, once. A factor in place stays the factor until the new one is confirmed.
    @Sendable func enrol(_ request: Request, _ context: APIContext) async throws -> Response {
        var fields = try await request.fields(context)
        let name = fields.optionalString("algorithm", length: 4...6) ?? TOTP.Algorithm.sha1.rawValue
        let digits = fields.optionalInt("digits", in: 6...8) ?? 6
        try fields.finish()
        guard let algorithm = TOTP.Algorithm(rawValue: name), digits != 7 else {
            throw Problem(
                status: .unprocessableContent, type: "unsupported-factor",
                title: "algorithm is SHA1 or SHA256, digits 6 or 8")
        }
        let identity = try context.requireIdentity()
        return try await PeopleProblems.translating {
            let user = try await people.users.user(identity.subject)
            try people.requireFresh(identity, hasFactor: user.hasFactor)
            guard
                let totp = TOTP(
                    secret: RandomID.bytes(algorithm.secretBytes), algorithm: algorithm, digits: Int(digits))
            else { throw PeopleFault.noPendingFactor }
            let pending = FactorStore.Pending(
                id: RandomID.make(bytes: 16), totp: totp, expiresAt: people.clock() + FactorsAPI.pendingLife)
            try await people.factors.begin(user.id, pending)
            let uri = totp.uri(issuer: "JTS", account: user.username)
            return .uncached(
                [
                    "secret": .string(Base32.encode(totp.secret)), "otpauth_uri": .string(uri),
                    "qr_svg": QR.svg(uri).map(JSONValue.string) ?? .null, "algorithm": .string(algorithm.rawValue),
                    "digits": .int(Int64(digits)), "period": .int(TOTP.period),
                    "expires_at": .string(RFC3339.string(milliseconds: pending.expiresAt)),
                ], status: .created)
        }
    }

    /// The first code makes the secret count. The session goes on as it is: sign in again to use the new factor.
    @Sendable func confirm(_ request: Request, _ context: APIContext) async throws -> Response {
        var fields = try await request.fields(context)
        let code = fields.string("code", length: 6...8)
        try fields.finish()
        let identity = try context.requireIdentity()
        return try await PeopleProblems.translating {
            let act = people.act(context)
            let user = identity.subject
            guard let pending = try await people.factors.pending(of: user, at: act.at) else {
                throw PeopleFault.noPendingFactor
            }
            let owner = try await people.users.user(user)
            try people.requireFresh(identity, hasFactor: owner.hasFactor)
            guard let step = pending.totp.matchingStep(code, at: act.at / 1000) else { throw PeopleFault.codeRefused }
            let codes = RecoveryCodes.generate()
            try await people.factors.confirm(user, pending, step: step, codes: digests(codes, user), act)
            return .uncached(["recovery_codes": .array(codes.map(JSONValue.string))])
        }
    }

    @Sendable func remove(_ request: Request, _ context: APIContext) async throws -> Response {
        let identity = try context.requireIdentity()
        return try await PeopleProblems.translating {
            try people.requireFresh(identity, hasFactor: true)
            try await people.factors.remove(identity.subject, people.act(context))
            return Response(status: .noContent)
        }
    }

    /// Ten new codes; the old ones are void.
    @Sendable func renewCodes(_ request: Request, _ context: APIContext) async throws -> Response {
        let identity = try context.requireIdentity()
        return try await PeopleProblems.translating {
            try people.requireFresh(identity, hasFactor: true)
            guard try await people.users.user(identity.subject).hasFactor else { throw PeopleFault.noFactor }
            let codes = RecoveryCodes.generate()
            try await people.factors.issueCodes(
                identity.subject, digests(codes, identity.subject), people.act(context))
            return .uncached(["recovery_codes": .array(codes.map(JSONValue.string))], status: .created)
        }
    }

    private func digests(_ codes: [String], _ user: String) -> [[UInt8]] {
        codes.compactMap { people.codes.digest($0, user: user) }
    }
}
