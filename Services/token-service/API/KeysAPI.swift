import APISecurity
import Contracts
import HTTPTypes
import Hummingbird
import StrictJSON

/// `/v1/keys`: the signing keys, rotation on demand and withdrawal in an emergency.
struct KeysAPI: Sendable {
    let keys: SigningKeys

    func register(on router: SecureRouter) {
        router.get("/v1/keys", .permission(Permission.readKeys.rawValue), use: list)
        router.post("/v1/keys/rotate", .privileged(Permission.writeKeys.rawValue), use: rotate)
        router.post("/v1/keys/{kid}/revoke", .privileged(Permission.writeKeys.rawValue), use: revoke)
    }

    @Sendable func list(_ request: Request, _ context: APIContext) async throws -> Response {
        let now = keys.clock()
        let entries = keys.ring.entries
        let times = entries.map(\.times)
        return .json([
            "keys": .array(
                entries.map { entry in
                    [
                        "kid": .string(entry.times.keyID),
                        "alg": .string(entry.key.algorithm.rawValue),
                        "state": .string(keys.ring.schedule.state(of: entry.times, among: times, now: now).rawValue),
                        "announced_at": .string(RFC3339.string(milliseconds: entry.times.announcedAt)),
                        "activates_at": .string(RFC3339.string(milliseconds: entry.times.activatesAt)),
                        "revoked_at": entry.times.revokedAt.map { .string(RFC3339.string(milliseconds: $0)) } ?? .null,
                    ]
                })
        ])
    }

    @Sendable func rotate(_ request: Request, _ context: APIContext) async throws -> Response {
        let identity = try context.requireIdentity()
        guard let times = try await keys.rotate(by: identity.subject) else {
            throw Problem(status: .conflict, type: "key-not-announced", title: "No key was announced")
        }
        return .json(
            [
                "kid": .string(times.keyID),
                "activates_at": .string(RFC3339.string(milliseconds: times.activatesAt)),
            ], status: .accepted)
    }

    @Sendable func revoke(_ request: Request, _ context: APIContext) async throws -> Response {
        let identity = try context.requireIdentity()
        let kid = try context.parameters.require("kid")
        guard try await keys.revoke(kid, reason: "key_compromised", by: identity.subject) else {
            throw Problem(status: .notFound, type: "key-not-found", title: "No such key, or withdrawn before")
        }
        return Response(status: .noContent)
    }
}
