import APISecurity
import Contracts
import HTTPTypes
import Hummingbird
import StrictJSON

/// Account recovery by two administrators: `/v1/users/{user}/recovery` and `/v1/recovery-requests`.
struct RecoveryAPI: Sendable {
    let people: People
    let store: RecoveryStore

    func register(on router: SecureRouter) {
        let write = Access.privileged(Permission.writeUsers.rawValue)
        router.post("/v1/users/{user}/recovery", write, use: request)
        router.get("/v1/recovery-requests", .permission(Permission.readUsers.rawValue), use: list)
        router.post("/v1/recovery-requests/{id}/approve", write, use: approve)
        router.post("/v1/recovery-requests/{id}/reject", write, use: reject)
    }

    @Sendable func request(_ request: Request, _ context: APIContext) async throws -> Response {
        let user = try context.identifier("user")
        var fields = try await request.fields(context)
        let name = fields.string("kind", length: 1...64)
        try fields.finish()
        guard let kind = RecoveryStore.Kind(rawValue: name) else {
            throw Problem(
                status: .unprocessableContent, type: "unknown-recovery",
                title: "kind is password_reset or second_factor_reset")
        }
        let identity = try context.requireIdentity()
        return try await PeopleProblems.translating {
            try await people.once(
                request, context, route: "POST /v1/users/\(user)/recovery", body: .string(kind.rawValue)
            ) {
                let created = try await store.request(user, kind, by: identity.subject, people.act(context))
                return IdempotencyStore.Answer(status: 201, location: nil, body: created.json())
            }
        }
    }

    @Sendable func list(_ request: Request, _ context: APIContext) async throws -> Response {
        let page = try context.page()
        let cursor = try page.text()
        let last = try cursor.map { text throws -> (at: Int64, id: String) in
            let parts = text.split(separator: " ")
            guard parts.count == 2, let at = Int64(parts[0]) else {
                throw Problem.badRequest("bad-cursor", detail: "The cursor is none of ours.")
            }
            return (at, String(parts[1]))
        }
        return try await PeopleProblems.translating {
            let found = try await store.list(before: last, limit: page.limit + 1, at: people.clock())
            let shown = found.prefix(page.limit)
            let next =
                found.count > page.limit ? shown.last.map { Page.cursor(.string("\($0.requestedAt) \($0.id)")) } : nil
            return .uncached([
                "recovery_requests": .array(shown.map { $0.json() }),
                "next_cursor": next.map(JSONValue.string) ?? .null,
            ])
        }
    }

    /// The temporary password is shown to the approver, once.
    @Sendable func approve(_ request: Request, _ context: APIContext) async throws -> Response {
        let id = try context.identifier("id")
        let identity = try context.requireIdentity()
        return try await PeopleProblems.translating {
            try await people.once(request, context, route: "POST /v1/recovery-requests/\(id)/approve") {
                let kind = try await store.kind(of: id, at: people.clock())
                let temporary = Password.random()
                guard let password = Password(temporary) else { throw PeopleFault.notFound }
                let hash = try await people.hasher.hash(password)
                // Hashing may have waited: the instant up to which tokens are void is now.
                let approved = try await store.approve(
                    id, by: identity.subject, password: hash, people.act(context))
                var body = approved.json().object ?? [:]
                if kind == .passwordReset { body["temporary_password"] = .string(temporary) }
                return IdempotencyStore.Answer(status: 200, location: nil, body: .object(body))
            }
        }
    }

    @Sendable func reject(_ request: Request, _ context: APIContext) async throws -> Response {
        let id = try context.identifier("id")
        let identity = try context.requireIdentity()
        return try await PeopleProblems.translating {
            .uncached(try await store.reject(id, by: identity.subject, people.act(context)).json())
        }
    }
}

extension RecoveryStore.Request {
    func json() -> JSONValue {
        [
            "id": .string(id), "user_id": .string(user), "kind": .string(kind.rawValue),
            "status": .string(status.rawValue), "requested_by": .string(requestedBy),
            "requested_at": .string(RFC3339.string(milliseconds: requestedAt)),
            "expires_at": .string(RFC3339.string(milliseconds: expiresAt)),
            "decided_by": decidedBy.map(JSONValue.string) ?? .null,
            "decided_at": decidedAt.map { .string(RFC3339.string(milliseconds: $0)) } ?? .null,
        ]
    }
}
