import APISecurity
import Contracts
import Hummingbird
import StrictJSON

/// `/v1/statement-keys`: the keys that sign statements, rotation on demand, and withdrawal of one that others may know.
struct StatementKeysAPI: Sendable {
    let rotation: StatementKeyRotation

    func register(on router: SecureRouter) {
        router.get("/v1/statement-keys", .permission(.readPolicies), use: list)
        router.post("/v1/statement-keys/rotate", .privileged(.writeStatementKeys), use: rotate)
        router.post("/v1/statement-keys/{kid}/revoke", .privileged(.writeStatementKeys), use: revoke)
    }

    @Sendable func list(_ request: Request, _ context: APIContext) async throws -> Response {
        try context.query.allow()
        let now = rotation.clock()
        let entries = rotation.keys.entries
        let times = entries.map(\.times)
        return .json([
            "keys": .array(
                entries.map { entry in
                    [
                        "kid": .string(entry.times.keyID), "alg": .string(entry.key.algorithm.rawValue),
                        "state": .string(
                            StatementKeySchedule.state(of: entry.times, among: times, now: now).rawValue),
                        "announced_at": .string(RFC3339.string(milliseconds: entry.times.announcedAt)),
                        "activates_at": .string(RFC3339.string(milliseconds: entry.times.activatesAt)),
                        "revoked_at": entry.times.revokedAt.map { .string(RFC3339.string(milliseconds: $0)) } ?? .null,
                    ]
                })
        ])
    }

    @Sendable func rotate(_ request: Request, _ context: APIContext) async throws -> Response {
        try context.query.allow()
        let act = try context.act()
        do {
            return .json(StatementKeysAPI.json(try await rotation.rotate(act)), status: .accepted)
        } catch StatementKeyRotation.Refusal.alreadyAnnounced {
            throw Problem.conflict(
                "key-already-announced", title: "A key is announced already", detail: "It takes over when it is due.")
        }
    }

    @Sendable func revoke(_ request: Request, _ context: APIContext) async throws -> Response {
        try context.query.allow()
        let act = try context.act()
        guard let successor = try await rotation.revoke(try context.parameters.require("kid"), act) else {
            throw Problem(status: .notFound, type: "key-not-found", title: "No such key, or revoked before")
        }
        return .json(StatementKeysAPI.json(successor))
    }

    /// The key that signs from now on, or from a moment to come.
    private static func json(_ times: StatementKeyTimes) -> JSONValue {
        [
            "kid": .string(times.keyID),
            "activates_at": .string(RFC3339.string(milliseconds: times.activatesAt)),
        ]
    }
}
