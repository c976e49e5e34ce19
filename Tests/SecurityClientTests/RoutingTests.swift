import APISecurity
import Contracts
import Hummingbird
import HummingbirdTesting
import JOSE
import ServiceKit
import StrictJSON
import Testing

@testable import SecurityClient

private struct PlainContext: IdentityRequestContext {
    var coreContext: CoreRequestContextStorage
    var identity: Identity?
    init(source: ApplicationRequestContextSource) { coreContext = .init(source: source) }
}

/// The authenticator behind routes: `SecureRouter`'s and Hummingbird's own.
@Suite struct RoutingTests {
    let world = TestAuthenticator()

    private func headers(_ token: String) -> HTTPFields { [.authorization: "Bearer \(token)"] }

    @Test func routesStateWhatTheyAsk() async throws {
        let router = SecureRouter(
            authenticator: world.authenticator,
            options: SecureRouter.Options(metrics: MetricsRegistry(), clock: world.issuer.clock.read))
        router.post("/v1/orders", .permission(.placeOrders)) { _, context in
            .json(["subject": .string(try context.requireIdentity().subject)])
        }
        router.delete("/v1/orders/{order}", .permission(.cancelOrders)) { _, _ in .noContent }
        router.post("/v1/override", .permission(.overrideRisk)) { _, _ in .noContent }
        let token = try world.issuer.token()
        let (freshness, fields) = (world.freshness, headers(token))
        try await Application(router: router, logger: quiet).test(.router) { client in
            try await client.execute(uri: "/v1/orders", method: .post, headers: fields) { response in
                #expect(response.status == .ok)
                #expect(String(buffer: response.body) == #"{"subject":"usr_1"}"#)
            }
            try await client.execute(uri: "/v1/override", method: .post, headers: fields) {
                #expect($0.status == .forbidden)
            }
            try await client.execute(uri: "/v1/orders", method: .post) { #expect($0.status == .unauthorized) }
            // Placing adds exposure, cancelling takes it away.
            freshness.set(.seconds(60))
            try await client.execute(uri: "/v1/orders", method: .post, headers: fields) { response in
                #expect(response.status == .serviceUnavailable)
                #expect(response.headers[.retryAfter] != nil)
            }
            try await client.execute(uri: "/v1/orders/1", method: .delete, headers: fields) {
                #expect($0.status == .noContent)
            }
        }
    }

    @Test func groupsOfAPlainRouterStateWhatTheyAsk() async throws {
        let security = SecurityMiddleware<PlainContext>(world.authenticator, clock: world.issuer.clock.read)
        let router = Router(context: PlainContext.self)
        router.group("open").add(middleware: security.requiring(.public)).get { _, context in
            context.identity == nil ? "nobody" : "somebody"
        }
        router.group("orders").add(middleware: security.requiring(.permission("orders:view"))).get { _, context in
            context.identity?.subject ?? "nobody"
        }
        router.group("override").add(middleware: security.requiring(.permission("risk:override"))).get { _, _ in "" }
        router.group("keys").add(middleware: security.requiring(.privileged("orders:place"))).get { _, _ in "" }
        router.group("forgotten").add(middleware: security).get { _, _ in "secret" }
        let token = try world.issuer.token()
        let stale = try world.issuer.token { $0["auth_time"] = .int(world.issuer.clock.seconds - 400) }
        let (fields, staleFields) = (headers(token), headers(stale))
        try await Application(router: router, logger: quiet).test(.router) { client in
            try await client.execute(uri: "/open", method: .get) { #expect(String(buffer: $0.body) == "nobody") }
            try await client.execute(uri: "/orders", method: .get, headers: fields) {
                #expect(String(buffer: $0.body) == "usr_1")
            }
            try await client.execute(uri: "/orders", method: .get) { response in
                #expect(response.status == .unauthorized)
                #expect(response.headers[.wwwAuthenticate]?.hasPrefix("Bearer") == true)
                #expect(response.headers[.contentType] == "application/problem+json")
            }
            try await client.execute(uri: "/override", method: .get, headers: fields) {
                #expect($0.status == .forbidden)
            }
            try await client.execute(uri: "/keys", method: .get, headers: fields) { #expect($0.status == .ok) }
            try await client.execute(uri: "/keys", method: .get, headers: staleFields) {
                #expect($0.status == .unauthorized)
            }
            // A group that says nothing lets nobody through.
            try await client.execute(uri: "/forgotten", method: .get, headers: fields) { response in
                #expect(response.status == .forbidden)
                #expect(!String(buffer: response.body).contains("secret"))
            }
        }
    }
}
