import APISecurity
import Contracts
import HTTPTypes
import Hummingbird
import JOSE
import StrictJSON

/// `/v1/service-accounts`: accounts of services, their secrets and keys.
struct ServiceAccountsAPI: Sendable {
    let people: People
    let store: ServiceAccountStore

    func register(on router: SecureRouter) {
        let read = Access.permission(Permission.readServiceAccounts.rawValue)
        let write = Access.privileged(Permission.writeServiceAccounts.rawValue)
        router.get("/v1/service-accounts", read, use: list)
        router.post("/v1/service-accounts", write, use: create)
        router.get("/v1/service-accounts/{account}", read, use: show)
        router.patch("/v1/service-accounts/{account}", write, use: update)
        // Reduces risk: waits neither for a fresh second factor nor for fresh revocations.
        let disable = Access.permission(Permission.disableServiceAccounts.rawValue)
        router.post("/v1/service-accounts/{account}/disable", disable) { try await setStatus($1, to: .disabled) }
        router.post("/v1/service-accounts/{account}/enable", write) { try await setStatus($1, to: .active) }
        router.put("/v1/service-accounts/{account}/jwks", write, use: setKeys)
        router.post("/v1/service-accounts/{account}/secrets", write, use: addSecret)
        router.delete("/v1/service-accounts/{account}/secrets/{secret}", write, use: removeSecret)
    }

    @Sendable func list(_ request: Request, _ context: APIContext) async throws -> Response {
        let page = try context.page()
        let cursor = try page.text()
        return try await PeopleProblems.translating {
            let (accounts, next) = try await store.list(after: cursor, limit: page.limit)
            return .uncached([
                "service_accounts": .array(accounts.map { $0.json() }),
                "next_cursor": next.map { .string(Page.cursor(.string($0))) } ?? .null,
            ])
        }
    }

    @Sendable func show(_ request: Request, _ context: APIContext) async throws -> Response {
        let id = try context.identifier("account")
        return try await PeopleProblems.translating { .uncached(try await store.account(id).json()) }
    }

    /// Without keys the account gets a secret, shown in the answer, once.
    @Sendable func create(_ request: Request, _ context: APIContext) async throws -> Response {
        var fields = try await request.fields(context)
        let clientID = fields.string("client_id", length: 2...64)
        let name = fields.optionalString("name", length: 1...128, pattern: .printable)
        let roles = fields.optionalStringArray("roles", count: 0...16) ?? []
        let permissions = fields.optionalStringArray("permissions", count: 0...64) ?? []
        let jwks = fields.optionalObject("jwks")
        try fields.finish()
        guard ClientID.isValid(clientID) else {
            throw Problem(
                status: .unprocessableContent, type: "bad-client-id", title: "The client id is refused",
                detail: "2 to 64 lower-case letters, digits and . - _ are taken, a letter first.")
        }
        let keys = try jwks.map { try ServiceAccountsAPI.keys(.object($0)) }
        return try await PeopleProblems.translating {
            let summary: JSONValue = [
                "client_id": .string(clientID), "name": .optional(name), "roles": .array(roles.map(JSONValue.string)),
                "permissions": .array(permissions.map(JSONValue.string)),
                "jwks": jwks.map(JSONValue.object) ?? .null,
            ]
            return try await people.once(request, context, route: "POST /v1/service-accounts", body: summary) {
                let secret = keys == nil ? ClientSecret.generate() : nil
                let account = try await store.create(
                    clientID: clientID, name: name ?? clientID, roles: Set(roles).sorted(),
                    permissions: Set(permissions).sorted(), keys: keys, secret: secret.map(ClientSecret.digest),
                    people.act(context))
                var body = account.json().object ?? [:]
                body["client_secret"] = secret.map(JSONValue.string)
                return IdempotencyStore.Answer(
                    status: 201, location: "/v1/service-accounts/\(account.id)", body: .object(body))
            }
        }
    }

    @Sendable func update(_ request: Request, _ context: APIContext) async throws -> Response {
        let id = try context.identifier("account")
        var fields = try await request.fields(context)
        let name = fields.optionalString("name", length: 1...128, pattern: .printable)
        let roles = fields.optionalStringArray("roles", count: 0...16)
        let permissions = fields.optionalStringArray("permissions", count: 0...64)
        try fields.finish()
        return try await PeopleProblems.translating {
            .uncached(
                try await store.update(
                    id, name: name, roles: roles.map { Set($0).sorted() },
                    permissions: permissions.map { Set($0).sorted() }, people.act(context)
                ).json())
        }
    }

    private func setStatus(_ context: APIContext, to status: ServiceAccount.Status) async throws -> Response {
        let id = try context.identifier("account")
        return try await PeopleProblems.translating {
            .uncached(try await store.setStatus(id, to: status, people.act(context)).json())
        }
    }

    /// Replaces the public keys for `private_key_jwt`: the body is a JWK Set (RFC 7517 section 5).
    @Sendable func setKeys(_ request: Request, _ context: APIContext) async throws -> Response {
        let id = try context.identifier("account")
        var fields = try await request.fields(context)
        let entries = fields.objectArray("keys", count: 0...10)
        try fields.finish()
        let keys = try ServiceAccountsAPI.keys(["keys": .array(entries.map(JSONValue.object))])
        return try await PeopleProblems.translating {
            .uncached(try await store.setKeys(id, keys, people.act(context)).json())
        }
    }

    /// A second secret, so that the first can be replaced without a gap. Shown once.
    @Sendable func addSecret(_ request: Request, _ context: APIContext) async throws -> Response {
        let id = try context.identifier("account")
        return try await PeopleProblems.translating {
            try await people.once(request, context, route: "POST /v1/service-accounts/\(id)/secrets") {
                let secret = ClientSecret.generate()
                let added = try await store.addSecret(id, ClientSecret.digest(secret), people.act(context))
                var body = added.json().object ?? [:]
                body["client_secret"] = .string(secret)
                return IdempotencyStore.Answer(status: 201, location: nil, body: .object(body))
            }
        }
    }

    @Sendable func removeSecret(_ request: Request, _ context: APIContext) async throws -> Response {
        let id = try context.identifier("account")
        let secret = try context.identifier("secret")
        return try await PeopleProblems.translating {
            try await store.removeSecret(secret, of: id, people.act(context))
            return Response(status: .noContent)
        }
    }

    /// Every key must be usable: a set of which one is skipped would be a surprise later.
    private static func keys(_ json: JSONValue) throws -> JWKSet {
        let refused = Problem(
            status: .unprocessableContent, type: "bad-jwks", title: "The key set is refused",
            detail: "Each key is a public RSA (2,048 bits or more), EC or Ed25519 key with a kid of its own.")
        guard let set = try? JWKSet(json: json), set.keys.count == json["keys"]?.array?.count else { throw refused }
        for key in set.keys {
            let algorithms = key.algorithm.map { [$0] } ?? JWSAlgorithm.allCases
            guard key.keyID != nil,
                algorithms.contains(where: { (try? VerificationKey(jwk: key, algorithm: $0)) != nil })
            else { throw refused }
        }
        guard Set(set.keys.map(\.keyID)).count == set.keys.count else { throw refused }
        return set
    }
}

extension ServiceAccount {
    func json() -> JSONValue {
        [
            "id": .string(id), "client_id": .string(clientID), "name": .string(name),
            "status": .string(status.rawValue), "roles": .array(roles.map(JSONValue.string)),
            "permissions": .array(permissions.map(JSONValue.string)), "jwks": JWKSet(keys: keys).json(),
            "secrets": .array(secrets.map { $0.json() }),
            "created_at": .string(RFC3339.string(milliseconds: createdAt)),
        ]
    }
}

extension ServiceAccountSecret {
    func json() -> JSONValue {
        ["id": .string(id), "created_at": .string(RFC3339.string(milliseconds: createdAt))]
    }
}
