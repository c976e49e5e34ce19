import JOSE
import StrictJSON
import TestSupport
import Testing

@testable import TokenService

/// Authentication of OAuth clients over real Redis and SQLite.
@Suite(.serialized) struct PeopleClientTests {
    private static let audience = ["https://issuer", "https://issuer/oauth2/token"]

    private func world(_ body: (PeopleWorld) async throws -> Void) async throws {
        let server = try await RedisServer()
        let world = try await PeopleWorld(server)
        do {
            try await body(world)
            await world.shutdown()
        } catch {
            await world.shutdown()
            throw error
        }
        await server.stop()
    }

    @discardableResult
    private func account(
        _ world: PeopleWorld, _ clientID: String, secret: String? = nil, keys: JWKSet? = nil
    ) async throws -> ServiceAccount {
        try await world.services.create(
            clientID: clientID, name: clientID, roles: ["service"], permissions: [], keys: keys,
            secret: secret.map(ClientSecret.digest), world.act())
    }

    private func assertion(
        _ world: PeopleWorld, _ key: SigningKey, _ clientID: String, id: String = RandomID.make(bytes: 8),
        audience: JSONValue = "https://issuer", life: Int64 = 60, type: String = "JWT"
    ) throws -> ClientCredentials {
        let claims: JSONValue = [
            "iss": .string(clientID), "sub": .string(clientID), "aud": audience, "exp": .int(world.now / 1000 + life),
            "jti": .string(id),
        ]
        return .assertion(try JWT.sign(payload: claims, with: key, type: type), clientID: nil)
    }

    @Test func eitherSecretOpens() async throws {
        try await world { world in
            let (one, two) = (ClientSecret.generate(), ClientSecret.generate())
            let account = try await account(world, "order-api", secret: one)
            let added = try await world.services.addSecret(account.id, ClientSecret.digest(two), world.act())
            for secret in [one, two] {
                let found = try await world.clients.authenticate(
                    .secret(clientID: "order-api", secret: secret), audience: [], address: "192.0.2.1")
                #expect(found.clientID == "order-api")
            }
            try await world.services.removeSecret(added.id, of: account.id, world.act())
            for (client, secret) in [("order-api", two), ("order-api", ""), ("nobody", one), ("UPPER case", one)] {
                await #expect(throws: OAuthError.invalidClient) {
                    try await world.clients.authenticate(
                        .secret(clientID: client, secret: secret), audience: [], address: "192.0.2.1")
                }
            }
        }
    }

    @Test func aDisabledAccountIsRefusedAtOnceWhereItMatters() async throws {
        try await world { world in
            let secret = ClientSecret.generate()
            let account = try await account(world, "order-api", secret: secret)
            let credentials = ClientCredentials.secret(clientID: "order-api", secret: secret)
            _ = try await world.clients.authenticate(
                credentials, audience: [], address: "192.0.2.1", allowingCached: true)
            _ = try await world.services.setStatus(account.id, to: .disabled, world.act())
            await #expect(throws: OAuthError.invalidClient) {
                try await world.clients.authenticate(credentials, audience: [], address: "192.0.2.1")
            }
            world.advance(seconds: 2)
            await #expect(throws: OAuthError.invalidClient) {
                try await world.clients.authenticate(
                    credentials, audience: [], address: "192.0.2.1", allowingCached: true)
            }
        }
    }

    @Test func anAssertionCountsOnce() async throws {
        try await world { world in
            let key = try SigningKey.generate(.ES256)
            try await account(world, "order-api", keys: JWKSet(keys: [key.publicJWK]))
            let credentials = try assertion(world, key, "order-api", audience: .array(["https://issuer/oauth2/token"]))
            let outcomes = await withTaskGroup(of: Bool.self) { group in
                for _ in 0..<20 {
                    group.addTask {
                        (try? await world.clients.authenticate(
                            credentials, audience: Self.audience, address: "192.0.2.1")) != nil
                    }
                }
                return await group.reduce(into: [Bool]()) { $0.append($1) }
            }
            #expect(outcomes.count { $0 } == 1)
        }
    }

    @Test func whatIsWrongWithAnAssertionIsRefused() async throws {
        try await world { world in
            let (key, stranger) = (try SigningKey.generate(.ES256), try SigningKey.generate(.ES256))
            try await account(world, "order-api", keys: JWKSet(keys: [key.publicJWK]))
            try await account(world, "other", secret: ClientSecret.generate())
            let refused = [
                try assertion(world, stranger, "order-api"), try assertion(world, key, "other"),
                try assertion(world, key, "nobody"),
                try assertion(world, key, "order-api", audience: "https://elsewhere"),
                try assertion(world, key, "order-api", life: 3_606), try assertion(world, key, "order-api", life: 0),
                try assertion(world, key, "order-api", type: "at+jwt"), .assertion("nonsense", clientID: nil),
            ]
            for credentials in refused {
                await #expect(throws: OAuthError.invalidClient) {
                    try await world.clients.authenticate(credentials, audience: Self.audience, address: "192.0.2.1")
                }
            }
            _ = try await world.clients.authenticate(
                assertion(world, key, "order-api"), audience: Self.audience, address: "192.0.2.1")
        }
    }

    @Test func aRepeatedWriteIsDoneOnce() async throws {
        try await world { world in
            let store = world.people.idempotency
            func run(_ key: String?, _ request: JSONValue, caller: String = "anna") async throws -> JSONValue {
                try await store.once(key, caller: caller, route: "POST /x", request: request) {
                    .init(status: 201, location: "/x/1", body: .string(RandomID.make(bytes: 8)))
                }.body
            }
            let first = try await run("k1", ["a": 1])
            #expect(try await run("k1", ["a": 1]) == first)
            #expect(try await run("k1", ["a": 1], caller: "berta") != first)
            #expect(try await run(nil, ["a": 1]) != first)
            await #expect(throws: IdempotencyStore.Fault.reused) { try await run("k1", ["a": 2]) }
            // A failure is forgotten, what goes on is not begun again.
            await #expect(throws: PeopleFault.notFound) {
                try await store.once("k2", caller: "anna", route: "POST /x", request: 1) { throw PeopleFault.notFound }
            }
            let answer = try await store.once("k2", caller: "anna", route: "POST /x", request: 1) {
                await #expect(throws: IdempotencyStore.Fault.inProgress) {
                    try await store.once("k2", caller: "anna", route: "POST /x", request: 1) {
                        .init(status: 200, body: 2)
                    }
                }
                return .init(status: 200, body: 1)
            }
            #expect(answer.body == 1)
            // The answer does not stand in Redis as it is.
            let keys = try await world.server.cli(["KEYS", "ts:idem:*"]).split(whereSeparator: \.isNewline)
            #expect(keys.count >= 3)
            for key in keys {
                let stored = try await world.server.cli(["GET", String(key)])
                #expect(!stored.contains(first.string ?? "?"))
            }
        }
    }
}
