import APISecurity
import Cedar
import Contracts
import Foundation
import HTTPTypes
import Hummingbird
import RouteTesting
import SecurityClient
import ServiceKit
import StrictJSON
import Synchronization
import TestSupport
import Testing

@testable import PolicyService

/// Evaluation and forward-auth are hot routes: their two ways to an answer give the same one.
@Suite("Hot evaluation")
struct HotEvaluationTests {
    private func request(_ body: String, _ fields: [String], isPlain: Bool) -> String {
        let lines = ["Host: localhost", "Content-Type: application/json"] + fields + (isPlain ? [] : ["TE: trailers"])
        return "POST /access/v1/evaluation HTTP/1.1\r\n" + lines.map { $0 + "\r\n" }.joined()
            + "Content-Length: \(body.utf8.count)\r\n\r\n\(body)"
    }

    private func question(_ action: String, id: String = "alice") -> String {
        """
        {"subject":{"type":"User","id":"\(id)"},"action":{"name":"\(action)"},\
        "resource":{"type":"Desk","id":"fx"},"context":{"amr":["pwd"],"client_certificate":false}}
        """
    }

    @Test("both ways give the same answer, byte for byte")
    func sameBytes() async throws {
        let world = try await PolicyWorld()
        try await world.put([
            [
                "uid": ["type": "Desk", "id": "fx"],
                "attrs": ["halted": false, "order_limit": 1_000_000, "networks": []], "parents": [],
            ],
            ["uid": ["type": "User", "id": "alice"], "attrs": [:], "parents": [["type": "Desk", "id": "fx"]]],
        ])
        let callers = KnownCallers([
            "asks": Identity(subject: "svc", permissions: ["decisions:evaluate"]),
            "may-not": Identity(subject: "other"),
        ])
        let edge = try await EdgeServer(world, callers)
        let bearer = "Authorization: Bearer asks"
        let asserted = question("positions:view").replacing(
            #""id":"fx"}"#, with: #""id":"fx","properties":{"halted":false}}"#)
        let table: [(name: String, body: String, fields: [String], status: String, isHot: Bool)] = [
            ("allowed", question("positions:view"), [bearer], "200 OK", true),
            ("denied", question("positions:view", id: "bob"), [bearer], "200 OK", true),
            ("an unknown action", question("nothing"), [bearer], "400 Bad Request", false),
            ("a request id", question("positions:view"), [bearer, "X-Request-Id: mine-1"], "200 OK", true),
            ("what is not for the caller to say", asserted, [bearer], "400 Bad Request", false),
            ("no object", "[]", [bearer], "400 Bad Request", false),
            ("no JSON", "{", [bearer], "400 Bad Request", false),
            ("nobody", question("positions:view"), [], "401 Unauthorized", false),
            ("a stranger", question("positions:view"), ["Authorization: Bearer x"], "401 Unauthorized", false),
            ("no permission", question("x"), ["Authorization: Bearer may-not"], "403 Forbidden", false),
        ]
        for (name, body, fields, status, isHot) in table {
            let ordinary = try await edge.send(request(body, fields, isPlain: false))
            let before = edge.hot
            let plain = try await edge.send(request(body, fields, isPlain: true))
            let after = edge.hot
            #expect(LoopbackServer.normalised(plain) == LoopbackServer.normalised(ordinary), "\(name)")
            #expect(plain.hasPrefix("HTTP/1.1 \(status)"), "\(name): \(plain)")
            #expect(after.answered - before.answered == (isHot ? 1 : 0), "\(name)")
            #expect(after.passedOn - before.passedOn == (isHot ? 0 : 1), "\(name)")
        }
        await edge.stop()
    }

    @Test("forward-auth gives the same answer both ways")
    func forwardAuth() async throws {
        let world = try await PolicyWorld()
        try await world.put([
            ["uid": ["type": "Platform", "id": "platform"], "attrs": ["halted": false], "parents": []]
        ])
        let callers = KnownCallers([
            "trader": Identity(subject: "tess", sessionID: "s", roles: ["trader"]),
            "nobody": Identity(subject: "nora", sessionID: "s"),
        ])
        let edge = try await EdgeServer(world, callers)
        func ask(_ token: String, _ method: String, _ path: String, isPlain: Bool) async throws -> String {
            try await edge.send(
                "GET /v1/forward-auth HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer \(token)\r\n"
                    + "X-Original-Method: \(method)\r\nX-Original-URI: \(path)\r\n"
                    + (isPlain ? "" : "TE: trailers\r\n") + "\r\n")
        }
        let table: [(token: String, method: String, path: String, status: String, isHot: Bool)] = [
            ("trader", "POST", "/v1/orders", "200 OK", true), ("trader", "HEAD", "/v1/orders?a=1&a=2", "200 OK", true),
            ("nobody", "GET", "/v1/orders", "403 Forbidden", false),
            ("trader", "GET", "/v1/else", "403 Forbidden", false),
            ("stranger", "GET", "/v1/orders", "401 Unauthorized", false),
        ]
        for (token, method, path, status, isHot) in table {
            let ordinary = try await ask(token, method, path, isPlain: false)
            let before = edge.hot.answered
            let plain = try await ask(token, method, path, isPlain: true)
            #expect(
                LoopbackServer.normalised(plain) == LoopbackServer.normalised(ordinary), "\(token) \(method) \(path)")
            #expect(plain.hasPrefix("HTTP/1.1 \(status)"), "\(plain)")
            #expect(plain.contains("Cache-Control: no-store\r\n"), "\(plain)")
            #expect(edge.hot.answered - before == (isHot ? 1 : 0), "\(token) \(method) \(path)")
        }
        await edge.stop()
    }
}

/// Knows some tokens at once, and may forget them. Tokens that name a certificate are bound to it.
final class KnownCallers: ImmediateAuthenticator, ForwardedAuthenticator {
    private let known: Mutex<[String: Identity]>

    init(_ known: [String: Identity]) { self.known = Mutex(known) }

    func revoke(_ token: String) { known.withLock { $0[token] = nil } }

    func identityAtHand(authorization: String, certificate: () -> String?) -> Identity? {
        guard let token = try? AuthorizationCredentials(header: authorization).token,
            let identity = known.withLock({ $0[token] })
        else { return nil }
        if case .certificate(let thumbprint)? = identity.confirmation, thumbprint != certificate() { return nil }
        return identity
    }

    func authenticate(
        _ request: Request, _ context: APIContext
    ) async throws(AuthenticationError) -> Identity {
        try await authenticate(request, risk: .neutral) { context.clientCertificateThumbprint }
    }

    func authenticate(
        _ request: Request, risk: @autoclosure () -> RiskClass, certificate: () -> String?
    ) async throws(AuthenticationError) -> Identity {
        let token = try AuthorizationCredentials(request).token
        guard let identity = known.withLock({ $0[token] }) else { throw .invalidToken("unknown") }
        if case .certificate(let thumbprint)? = identity.confirmation, thumbprint != certificate() {
            throw .invalidToken("bound to another certificate")
        }
        return identity
    }
}

/// Decisions of a world on a loopback port, for callers that the test makes up.
struct EdgeServer: Sendable {
    let server: LoopbackServer
    let shadow: ShadowEvaluation

    init(
        _ world: PolicyWorld, _ callers: KnownCallers, trusting proxies: TrustedProxies = .none,
        certificates: ForwardAuthRequest.CertificateHeader = .none
    ) async throws {
        let metrics = MetricsRegistry()
        let router = SecureRouter(
            authenticator: callers,
            options: SecureRouter.Options(
                metrics: metrics, clock: { world.now }, trustedProxies: proxies, accessLog: .none,
                problem: PolicyProblems.problem))
        let point = world.service.point
        shadow = ShadowEvaluation(point: point, clock: { world.now })
        AccessAPI(point: point, shadow: shadow, publicURL: "http://localhost", clock: { world.now })
            .register(on: router)
        let routes = try ForwardAuthRoutes.load(Project.file("deploy/config/forward-auth.json"))
        ForwardAuthAPI(
            routes: routes, certificates: certificates, point: point, shadow: shadow, authenticator: callers,
            record: nil
        ).register(on: router)
        server = try await LoopbackServer(router, metrics: metrics)
    }

    var port: Int { server.port }
    var hot: (answered: Int, passedOn: Int) { server.hot }
    func send(_ request: String) async throws -> String { try await server.send(request) }
    func stop() async { await server.stop() }
}
