import APISecurity
import Contracts
import JOSE
import SecurityClient
import StrictJSON
import Synchronization
import Testing

@testable import OrderAPI

/// Orders while it cannot be known whether tokens were revoked: with tokens as token-service signs them, and without
/// anybody who could be asked.
@Suite struct StaleFeedTests {
    /// A feed that is as far behind as a test says.
    private final class Feed: RevocationFreshness {
        private let behind = Mutex<Duration?>(.zero)
        func fall(behind duration: Duration?) { behind.withLock { $0 = duration } }
        func staleness(now: Int64) -> Duration? { behind.withLock { $0 } }
    }

    private struct Desk {
        let api: OrderHTTP
        let feed = Feed()
        let revocations = RevocationSet()
        let token: String

        init(_ world: OrderWorld) throws {
            let key = try SigningKey.generate(.ES256, keyID: "k1")
            let clock: @Sendable () -> Int64 = { world.now }
            let verifier = TokenVerifier(
                TokenVerifier.Options(issuer: "https://issuer", audience: "jts"), keys: LocalJWKS { [key.publicJWK] },
                revocations: revocations, clock: clock)
            api = OrderHTTP(
                world, authenticator: TokenAuthenticator(verifier: verifier, freshness: feed, clock: clock))
            let issuedAt = world.now / 1000
            token = try JWT.sign(
                payload: [
                    "iss": "https://issuer", "sub": "usr_maria", "aud": "jts", "iat": .int(issuedAt),
                    "exp": .int(issuedAt + 900), "jti": "t1", "client_id": "desk", "sid": "ses_maria",
                    "permissions": ["orders:view", "orders:place", "orders:cancel"],
                ], with: key, type: "at+jwt")
        }

        func place() async throws -> OrderHTTP.Answer {
            try await api.send(.post, "/v1/orders", OrderHTTP.plain, as: token)
        }
    }

    @Test func nobodyPlacesAndEverybodyCancels() async throws {
        try await withWorld { world in
            let desk = try Desk(world)
            let placed = try await desk.place()
            #expect(placed.status == 201)
            let id = placed["id"] ?? ""
            _ = try await desk.place()

            desk.feed.fall(behind: .seconds(10))
            let refused = try await desk.place()
            #expect(refused.status == 503)
            #expect(refused.headers[.retryAfter] != nil)
            let cancelled = try await desk.api.send(.delete, "/v1/orders/\(id)", as: desk.token)
            #expect(cancelled.status == 200)
            #expect(cancelled["status"] == "cancelled")
            let rest = try await desk.api.send(.post, "/v1/orders/cancel-all", as: desk.token)
            #expect(rest.json == ["cancelled": 1])
            #expect(try await world.types() == [orderPlaced, orderPlaced, orderCancelled, orderCancelled])

            desk.feed.fall(behind: .zero)
            #expect(try await desk.place().status == 201)
        }
    }

    /// Up to fifteen minutes, and never with a token that is known to be revoked.
    @Test func cancellingHasItsBounds() async throws {
        try await withWorld { world in
            let desk = try Desk(world)
            let id = try #require(try await desk.place()["id"])
            desk.feed.fall(behind: .seconds(901))
            let late = try await desk.api.send(.delete, "/v1/orders/\(id)", as: desk.token)
            #expect(late.status == 503)
            desk.feed.fall(behind: .seconds(899))
            desk.revocations.apply(
                Revocation(target: .session(id: "ses_maria", subject: "usr_maria"), reason: "logout", at: world.now))
            let revoked = try await desk.api.send(.delete, "/v1/orders/\(id)", as: desk.token)
            #expect(revoked.status == 401)
            #expect(try await world.types() == [orderPlaced])
        }
    }
}
