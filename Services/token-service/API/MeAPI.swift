import APISecurity
import Contracts
import HTTPTypes
import Hummingbird
import StrictJSON

/// `/v1/users/me`: what people see and change of their own account.
struct MeAPI: Sendable {
    let people: People

    func register(on router: SecureRouter) {
        router.get("/v1/users/me", .authenticated, use: me)
        router.post("/v1/users/me/password", .permission(Permission.ownAccount.rawValue), use: changePassword)
    }

    @Sendable func me(_ request: Request, _ context: APIContext) async throws -> Response {
        let identity = try context.requireIdentity()
        return try await PeopleProblems.translating {
            .uncached(try await people.users.user(identity.subject).json(at: people.clock()))
        }
    }

    /// Ends every session, this one too: whoever knew the old password is out.
    @Sendable func changePassword(_ request: Request, _ context: APIContext) async throws -> Response {
        var fields = try await request.fields(context)
        let current = fields.string("current_password", length: 1...Password.maximumBytes)
        let new = fields.string("new_password", length: 1...Password.maximumBytes)
        try fields.finish()
        let identity = try context.requireIdentity()
        return try await PeopleProblems.translating {
            let act = people.act(context)
            try await people.checkPassword(current, of: identity.subject, address: context.remoteAddress, act)
            let user = try await people.users.user(identity.subject)
            guard current != new else {
                throw Problem(
                    status: .unprocessableContent, type: "password-refused", title: "The password is refused",
                    detail: "It is the present one.")
            }
            let (hash, isShort) = try await people.newPassword(
                new, username: user.username, email: user.email,
                hasFactor: user.hasFactor || people.catalogue.isPrivileged(user.roles))
            // Hashing may have waited: the instant up to which tokens are void is now.
            try await people.users.setPassword(user.id, hash, isShort: isShort, people.act(context))
            return Response(status: .noContent)
        }
    }
}
