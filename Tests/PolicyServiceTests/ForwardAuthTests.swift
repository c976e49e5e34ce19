import APISecurity
import Cedar
import Crypto
import Foundation
import JOSE
import ServiceKit
import StrictJSON
import TestSupport
import Testing

@testable import PolicyService

@Suite("Forward-auth")
struct ForwardAuthTests {
    private static let thumbprint = Base64URL.encode([UInt8](repeating: 7, count: 32))

    private static func callers() -> KnownCallers {
        KnownCallers([
            "trader": Identity(subject: "tess", sessionID: "s", roles: ["trader"]),
            "viewer": Identity(subject: "victor", sessionID: "s", roles: ["viewer"]),
            "odd": Identity(subject: "é 1", sessionID: "s", roles: ["trader"]),
            "bound": Identity(
                subject: "tess", sessionID: "s", roles: ["trader"], confirmation: .certificate(thumbprint)),
        ])
    }

    private static func world(halted: Bool = false) async throws -> PolicyWorld {
        let world = try await PolicyWorld()
        try await world.put([
            ["uid": ["type": "Platform", "id": "platform"], "attrs": ["halted": .bool(halted)], "parents": []]
        ])
        return world
    }

    /// A running server, asked as nginx asks.
    private struct Edge {
        let server: EdgeServer
        var http: TestHTTP { TestHTTP("http://127.0.0.1:\(server.port)") }

        func ask(
            _ token: String?, _ method: String, _ uri: String, _ headers: [String: String] = [:]
        ) async throws -> TestHTTP.Answer {
            let described = ["X-Original-Method": method, "X-Original-URI": uri]
            return try await http.call(
                "GET", "/v1/forward-auth", token: token, headers: described.merging(headers) { $1 })
        }
    }

    private func withEdge(
        _ world: PolicyWorld, _ callers: KnownCallers = callers(), trusting: [String] = [],
        certificates: ForwardAuthRequest.CertificateHeader = .none, _ body: (Edge) async throws -> Void
    ) async throws {
        let proxies = try #require(TrustedProxies(trusting))
        let server = try await EdgeServer(world, callers, trusting: proxies, certificates: certificates)
        do { try await body(Edge(server: server)) } catch {
            await server.stop()
            throw error
        }
        await server.stop()
    }

    @Test("roles decide, and what no route fits is refused")
    func decides() async throws {
        try await withEdge(try await ForwardAuthTests.world()) { (edge: Edge) async throws in
            let allowed = try await edge.ask("trader", "POST", "/v1/orders")
            #expect(allowed.status == 200 && allowed.bytes.isEmpty)
            #expect(allowed.header("x-auth-subject") == "tess" && allowed.header("x-auth-policy-version") == "1")
            #expect(allowed.header("cache-control") == "no-store")
            let denied = try await edge.ask("viewer", "POST", "/v1/orders")
            #expect(denied.status == 403 && denied.header("cache-control") == "no-store")
            #expect(denied.json["type"]?.string == "urn:jts:problem:denied-by-policy")
            #expect(try await edge.ask("viewer", "GET", "/v1/orders/o1?x=1").status == 200)
            #expect(try await edge.ask("odd", "GET", "/v1/orders").header("x-auth-subject") == "%C3%A9%201")
            for (method, path) in [
                ("GET", "/v1/other"), ("PATCH", "/v1/orders"), ("POST", "/v1/orders/"), ("POST", "//v1/orders"),
                ("DELETE", "/v1/orders/.."), ("DELETE", "/v1/orders/%2e%2e"), ("DELETE", "/v1/orders/a%2Fb"),
                ("DELETE", "/v1/orders/%zz"), ("post", "/v1/orders"), ("POST", "/v1/%6frders"), ("POST", "v1/orders"),
            ] {
                let answer = try await edge.ask("trader", method, path)
                #expect(answer.status == 403, "\(method) \(path)")
                #expect(answer.json["type"]?.string == "urn:jts:problem:no-such-route", "\(method) \(path)")
            }
            let undescribed = try await edge.http.call("GET", "/v1/forward-auth", token: "trader")
            #expect(undescribed.status == 403)
            let contradictory = try await edge.ask(
                "trader", "POST", "/v1/orders", ["X-Envoy-Original-Path": "/v1/orders/1"])
            #expect(contradictory.status == 403)
        }
    }

    @Test("who is not known is answered 401 with a challenge, whatever is wrong with the token")
    func unknown() async throws {
        try await withEdge(try await ForwardAuthTests.world()) { (edge: Edge) async throws in
            for token in [nil, "stranger"] as [String?] {
                let answer = try await edge.ask(token, "GET", "/v1/orders")
                #expect(answer.status == 401 && answer.header("www-authenticate") != nil, "\(answer.text)")
                #expect(answer.header("cache-control") == "no-store")
            }
            let malformed = try await edge.ask(nil, "GET", "/v1/orders", ["Authorization": "Bearer a b"])
            #expect(malformed.status == 401 && malformed.header("www-authenticate") != nil)
        }
    }

    @Test(
        "Envoy sends its own method and appends the path",
        arguments: ["GET", "POST", "DELETE"])
    func envoy(_ method: String) async throws {
        try await withEdge(try await ForwardAuthTests.world()) { (edge: Edge) async throws in
            // The parameters of the original request are its own affair.
            let original = method == "DELETE" ? "/v1/orders/o1?why=x" : "/v1/orders?a=b&c=1&c=2&original=x"
            // What the client says of another request counts for nothing.
            let answer = try await edge.http.call(
                method, "/v1/forward-auth?original=\(original)", token: "viewer",
                headers: ["X-Original-Method": "GET", "X-Original-URI": "/v1/orders"])
            #expect(answer.status == (method == "GET" ? 200 : 403), "\(answer.text)")
            let trader = try await edge.http.call(method, "/v1/forward-auth?original=\(original)", token: "trader")
            #expect(trader.status == 200, "\(trader.text)")
            let elsewhere = try await edge.http.call(method, "/v1/forward-auth?other=\(original)", token: "trader")
            #expect(elsewhere.status == 403)
        }
    }

    @Test("a revoked token counts for nothing at once, though its decision was kept")
    func revocation() async throws {
        let callers = ForwardAuthTests.callers()
        try await withEdge(try await ForwardAuthTests.world(), callers) { (edge: Edge) async throws in
            #expect(try await edge.ask("trader", "POST", "/v1/orders").status == 200)
            #expect(try await edge.ask("trader", "POST", "/v1/orders").status == 200)
            callers.revoke("trader")
            #expect(try await edge.ask("trader", "POST", "/v1/orders").status == 401)
        }
    }

    @Test("a halt and an activation count at once")
    func changes() async throws {
        let world = try await ForwardAuthTests.world()
        try await withEdge(world) { (edge: Edge) async throws in
            #expect(try await edge.ask("trader", "POST", "/v1/orders").status == 200)
            try await world.put([
                ["uid": ["type": "Platform", "id": "platform"], "attrs": ["halted": true], "parents": []]
            ])
            let answer = try await edge.ask("trader", "POST", "/v1/orders")
            #expect(answer.status == 403 && answer.json["policies"]?.strings == ["platform-halted"], "\(answer.text)")
            #expect(try await edge.ask("trader", "DELETE", "/v1/orders/o1").status == 200)
            try await world.activate(
                try PolicyWorld.files(
                    PolicyWorld.shipped,
                    [
                        "edge.cedar": "@id(\"closed\") forbid (principal, action in Action::\"edge\", resource);",
                        "tests/edge.json": "{\"tests\":[]}",
                    ]))
            let closed = try await edge.ask("trader", "DELETE", "/v1/orders/o1")
            #expect(closed.status == 403 && closed.json["policies"]?.strings == ["closed"], "\(closed.text)")
            #expect(closed.json["policy_version"]?.int == 2)
        }
    }

    @Test("addresses and certificates are those that a trusted proxy says, and nobody else")
    func proxies() async throws {
        let world = try await ForwardAuthTests.world()
        let named = ["X-Client-Cert-Thumbprint": ForwardAuthTests.thumbprint]
        try await withEdge(world, certificates: .thumbprint) { (edge: Edge) async throws in
            #expect(try await edge.ask("bound", "POST", "/v1/orders", named).status == 401)
        }
        try await withEdge(world, trusting: ["127.0.0.1"]) { (edge: Edge) async throws in
            #expect(try await edge.ask("bound", "POST", "/v1/orders", named).status == 401)
        }
        try await withEdge(world, trusting: ["127.0.0.1"], certificates: .thumbprint) { (edge: Edge) async throws in
            #expect(try await edge.ask("bound", "POST", "/v1/orders", named).status == 200)
            #expect(try await edge.ask("bound", "POST", "/v1/orders").status == 401)
        }
        try await world.activate(
            try PolicyWorld.files(
                PolicyWorld.shipped,
                [
                    "net.cedar":
                        "@id(\"net\") forbid (principal, action in Action::\"edge\", resource) unless { context has address && context.address == ip(\"10.1.1.1\") };",
                    "tests/edge.json": "{\"tests\":[]}",
                ]))
        let forwarded = ["X-Forwarded-For": "10.1.1.1"]
        try await withEdge(world) { (edge: Edge) async throws in
            #expect(try await edge.ask("trader", "POST", "/v1/orders", forwarded).status == 403)
        }
        try await withEdge(world, trusting: ["127.0.0.1"]) { (edge: Edge) async throws in
            #expect(try await edge.ask("trader", "POST", "/v1/orders", forwarded).status == 200)
            #expect(try await edge.ask("trader", "POST", "/v1/orders").status == 403)
        }
    }

    @Test("certificates in the words of nginx and of Envoy")
    func certificates() {
        let der = [UInt8](0..<100)
        let expected = Base64URL.encode(Array(SHA256.hash(data: der)))
        let pem = "-----BEGIN CERTIFICATE-----\n\(Data(der).base64EncodedString())\n-----END CERTIFICATE-----\n"
        let escaped = pem.addingPercentEncoding(withAllowedCharacters: .alphanumerics) ?? ""
        #expect(ForwardAuthRequest.thumbprint(escaped, .pem) == expected)
        #expect(ForwardAuthRequest.thumbprint("none", .pem) == nil)
        let hex = SHA256.hash(data: der).map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
        #expect(ForwardAuthRequest.thumbprint("By=spiffe://a;Hash=\(hex);Subject=\"CN=a\"", .envoy) == expected)
        #expect(ForwardAuthRequest.thumbprint("Hash=\(hex),Hash=\(hex)", .envoy) == nil)
        #expect(ForwardAuthRequest.thumbprint("Hash=\(hex);Hash=\(hex)", .envoy) == nil)
        #expect(ForwardAuthRequest.thumbprint("Hash=00", .envoy) == nil)
        #expect(ForwardAuthRequest.thumbprint(expected, .thumbprint) == expected)
        #expect(ForwardAuthRequest.thumbprint("short", .thumbprint) == nil)
        #expect(ForwardAuthRequest.thumbprint(expected, .none) == nil)
    }

    @Test("routes are the first that fits; what is wrong in their file is named")
    func routes() throws {
        let routes = try ForwardAuthRoutes([
            "routes": [
                ["method": "GET", "path": "/a/b", "action": "one", "resource": ["type": "T", "id": "x"]],
                ["method": "GET", "path": "/a/{id}", "action": "two", "resource": ["type": "T", "parameter": "id"]],
            ]
        ])
        #expect(routes.target("GET", "/a/b")?.action == "one")
        #expect(routes.target("HEAD", "/a/b%20c")?.resource == EntityUID(type: "T", id: "b c"))
        #expect(routes.target("GET", "/a") == nil && routes.target("GET", "/a/b/c") == nil)
        let resource: JSONValue = ["type": "T", "id": "x"]
        for bad in [
            [:], ["routes": [:]], ["routes": [], "more": 1], ["routes": [["path": "/a"]]],
            ["routes": [["method": "FETCH", "path": "/a", "action": "a", "resource": resource]]],
            ["routes": [["method": "GET", "path": "a", "action": "a", "resource": resource]]],
            ["routes": [["method": "GET", "path": "/a{b}", "action": "a", "resource": resource]]],
            ["routes": [["method": "GET", "path": "/a", "action": "a", "resource": resource, "risc": "x"]]],
            ["routes": [["method": "GET", "path": "/a", "action": "a", "resource": ["type": "T", "parameter": "b"]]]],
            ["routes": [["method": "GET", "path": "/a", "action": "a", "resource": ["type": "T"]]]],
        ] as [JSONValue] {
            #expect(throws: ForwardAuthRoutes.Fault.self, "\(bad)") { try ForwardAuthRoutes(bad) }
        }
    }

    @Test("what is kept is bounded, young, and of one epoch")
    func cache() {
        let cache = ForwardAuthCache<Int>(capacity: 8, lifetime: 5_000)
        func key(_ n: Int, path: String = "/") -> ForwardAuthCache<Int>.Key {
            .init(token: "t\(n)", certificate: nil, address: "a", method: "GET", path: path)
        }
        cache.keep(1, for: key(1), epoch: 3, now: 1_000)
        #expect(cache.value(key(1), epoch: 3, now: 5_999) == 1)
        #expect(cache.value(key(1), epoch: 3, now: 6_000) == nil)
        #expect(cache.value(key(1), epoch: 3, now: 999) == nil, "a clock that went back makes nothing younger")
        #expect(cache.value(key(1, path: "/b"), epoch: 3, now: 1_000) == nil)
        #expect(cache.value(key(1), epoch: 4, now: 1_000) == nil)
        cache.keep(2, for: key(2), epoch: 2, now: 1_000)
        #expect(cache.value(key(2), epoch: 2, now: 1_000) == nil, "what was decided by older policies is not kept")
        for n in 0..<100 { cache.keep(n, for: key(n), epoch: 5, now: 2_000) }
        #expect(cache.count <= 8)
        #expect(cache.value(key(99), epoch: 5, now: 2_000) == 99)
        #expect(cache.value(key(1), epoch: 3, now: 1_000) == nil)
    }
}
