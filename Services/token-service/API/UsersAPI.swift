import APISecurity
import Contracts
import HTTPTypes
import Hummingbird
import StrictJSON

/// `/v1/users`: administration of people.
struct UsersAPI: Sendable {
    let people: People

    func register(on router: SecureRouter) {
        let read = Access.permission(Permission.readUsers.rawValue)
        let write = Access.privileged(Permission.writeUsers.rawValue)
        router.get("/v1/users", read, use: list)
        router.post("/v1/users", write, use: create)
        router.get("/v1/users/{user}", read, use: show)
        router.patch("/v1/users/{user}", write, use: update)
        router.put("/v1/users/{user}/roles", write, use: setRoles)
        // Taking access away reduces risk: it waits neither for a fresh second factor nor for fresh revocations.
        let disable = Access.permission(Permission.disableUsers.rawValue)
        router.post("/v1/users/{user}/disable", disable) { try await setStatus($0, $1, to: .disabled) }
        router.post("/v1/users/{user}/enable", write) { try await setStatus($0, $1, to: .active) }
        router.post("/v1/users/{user}/lock", disable) { try await setStatus($0, $1, to: .locked) }
        router.post("/v1/users/{user}/unlock", write, use: unlock)
    }

    @Sendable func list(_ request: Request, _ context: APIContext) async throws -> Response {
        let page = try context.page()
        let cursor = try page.text()
        return try await PeopleProblems.translating {
            let (users, next) = try await people.users.list(after: cursor, limit: page.limit)
            return .uncached([
                "users": .array(users.map { $0.json(at: people.clock()) }),
                "next_cursor": next.map { .string(Page.cursor(.string($0))) } ?? .null,
            ])
        }
    }

    @Sendable func show(_ request: Request, _ context: APIContext) async throws -> Response {
        let id = try context.identifier("user")
        return try await PeopleProblems.translating {
            .uncached(try await people.users.user(id).json(at: people.clock()))
        }
    }

    /// Without a password a temporary one is made, good for a day and shown in the answer, once.
    @Sendable func create(_ request: Request, _ context: APIContext) async throws -> Response {
        var fields = try await request.fields(context)
        let username = fields.string("username", length: 2...64)
        let email = fields.optionalString("email", length: 3...254)
        let roles = fields.stringArray("roles", count: 1...16)
        let attributes = fields.optionalObject("attributes")
        let password = fields.optionalString("password", length: 1...Password.maximumBytes)
        let mustChange = fields.optionalBool("must_change_password") ?? true
        try fields.finish()
        guard let key = Username.key(username) else {
            throw Problem(
                status: .unprocessableContent, type: "bad-username", title: "The username is refused",
                detail: "2 to 64 letters, digits and . - _ @ + are taken, a letter or digit first.")
        }
        try UsersAPI.check(email: email, attributes: attributes)
        return try await PeopleProblems.translating {
            let summary: JSONValue = [
                "username": .string(username), "email": .optional(email), "roles": .array(roles.map(JSONValue.string)),
                "attributes": attributes.map(JSONValue.object) ?? .null, "password": .optional(password),
                "must_change_password": .bool(mustChange),
            ]
            return try await people.once(request, context, route: "POST /v1/users", body: summary) {
                let act = people.act(context)
                let temporary = password == nil ? Password.random() : nil
                let (hash, isShort) = try await people.newPassword(
                    password ?? temporary ?? "", username: username, email: email,
                    hasFactor: people.catalogue.isPrivileged(roles))
                let user = try await people.users.create(
                    UserStore.New(
                        username: username, usernameKey: key, email: email, roles: UsersAPI.distinct(roles),
                        attributes: attributes ?? [:], password: hash, passwordIsShort: isShort,
                        mustChangePassword: mustChange || temporary != nil,
                        passwordExpiresAt: temporary.map { _ in act.at + RecoveryStore.passwordLife }),
                    act)
                var body = user.json(at: people.clock()).object ?? [:]
                body["temporary_password"] = temporary.map(JSONValue.string)
                return IdempotencyStore.Answer(
                    status: 201, location: "/v1/users/\(user.id)", body: .object(body))
            }
        }
    }

    @Sendable func update(_ request: Request, _ context: APIContext) async throws -> Response {
        let id = try context.identifier("user")
        var fields = try await request.fields(context)
        let email = fields.optionalString("email", length: 3...254)
        let attributes = fields.optionalObject("attributes")
        try fields.finish()
        try UsersAPI.check(email: email, attributes: attributes)
        return try await PeopleProblems.translating {
            .uncached(
                try await people.users.update(
                    id, email: email.map { .some($0) }, attributes: attributes, people.act(context)
                ).json(at: people.clock()))
        }
    }

    @Sendable func setRoles(_ request: Request, _ context: APIContext) async throws -> Response {
        let id = try context.identifier("user")
        var fields = try await request.fields(context)
        let roles = fields.stringArray("roles", count: 1...16)
        try fields.finish()
        return try await PeopleProblems.translating {
            .uncached(
                try await people.users.setRoles(id, to: UsersAPI.distinct(roles), people.act(context)).json(
                    at: people.clock()))
        }
    }

    private func setStatus(
        _ request: Request, _ context: APIContext, to status: User.Status
    ) async throws -> Response {
        let id = try context.identifier("user")
        return try await PeopleProblems.translating {
            .uncached(try await people.users.setStatus(id, to: status, people.act(context)).json(at: people.clock()))
        }
    }

    /// Ends an administrator's lock and forgets what was counted against the account.
    @Sendable func unlock(_ request: Request, _ context: APIContext) async throws -> Response {
        let id = try context.identifier("user")
        return try await PeopleProblems.translating {
            var user = try await people.users.user(id)
            guard user.status != .disabled else { throw PeopleFault.wrongStatus }
            user = try await people.users.setStatus(id, to: .active, people.act(context))
            let key = Username.key(user.username) ?? id
            for target in [
                people.attempts.target(.password, account: key, address: ""),
                people.attempts.target(.code, account: id, address: ""),
            ] {
                try await people.attempts.forgive(target)
            }
            return .uncached(user.json(at: people.clock()))
        }
    }

    private static func distinct(_ roles: [String]) -> [String] { Set(roles).sorted() }

    /// Something before and after one `@`; whether mail arrives there is another question.
    private static func check(email: String?, attributes: JSONObject?) throws {
        if let attributes, JSONValue.object(attributes).encoded().count > 8_192 {
            throw Problem.unprocessable("bad-attributes", title: "attributes take at most 8,192 bytes")
        }
        guard let email else { return }
        let parts = email.split(separator: "@", omittingEmptySubsequences: false)
        let isPlain = email.unicodeScalars.allSatisfy { $0.value > 32 && $0.value != 127 }
        guard parts.count == 2, parts.allSatisfy({ !$0.isEmpty }), isPlain else {
            throw Problem(status: .unprocessableContent, type: "bad-email", title: "That is no e-mail address")
        }
    }
}
