import APISecurity
import Foundation
import HTTPTypes
import Hummingbird
import RateLimits
import RouteTesting
import ServiceKit
import StrictJSON
import Synchronization
import TestSupport
import Testing

@testable import RateLimitService

@Suite("Checks") struct CheckAPITests {
    private static let limits = """
        limits:
          - { name: default, per: [user], quantity: 50, window: 60s }
          - { name: burst, per: [user], quantity: 100, window: 60s, burst: 60 }
          - { name: tried, per: [user], quantity: 1, window: 60s, shadow: true }
        """

    private func replica() async throws -> Replica { try await Replica(try await Shared.redis().url, Self.limits) }

    private func ask(_ replica: Replica, _ body: JSONValue) async throws -> (status: Int, json: JSONValue) {
        let answer = try await replica.caller.send(.post, "/v1/check", body, as: Replica.service)
        return (answer.status, answer.json)
    }

    @Test func anAnswerHasEachLimitAndTheHeaderFields() async throws {
        let replica = try await replica()
        let question: JSONValue = ["descriptors": ["user": .string(unique())], "cost": 20]
        let (status, answer) = try await ask(replica, question)
        #expect(status == 200)
        #expect(answer["allowed"] == true)
        let limits = try #require(answer["limits"]?.array)
        #expect(limits.map { $0["name"]?.string } == ["default", "burst", "tried"])
        #expect(limits[0]["limit"] == 50 && limits[0]["remaining"] == 30)
        #expect((limits[0]["reset_ms"]?.int ?? 0) > 58_000)
        #expect(limits[2]["shadow"] == true && limits[2]["admitted"] == false)
        let headers = try #require(answer["headers"]?.object)
        #expect(headers["RateLimit"]?.string?.contains(#""default";r=30;t="#) == true)
        #expect(headers["RateLimit-Policy"]?.string?.contains(#""burst";q=100;w=60"#) == true)
        #expect(headers["RateLimit"]?.string?.contains("tried") == false)
        #expect(headers["X-RateLimit-Limit"]?.string == "100", "the one that is nearest to its end")
        #expect(headers["Retry-After"] == nil)
        #expect(answer["problem"] == nil)

        _ = try await ask(replica, question)
        let (again, refused) = try await ask(replica, question)
        #expect(again == 200, "a refusal is an answer")
        #expect(refused["allowed"] == false)
        let retry = try #require(refused["limits"]?.array?[0]["retry_after_ms"]?.int)
        let after = try #require(refused["headers"]?["Retry-After"]?.string.flatMap { Int64($0) })
        #expect(after * 1_000 >= retry && after <= (retry + 999) / 1_000 * 11 / 10)
        #expect(refused["problem"]?["status"] == 429)
        #expect(refused["problem"]?["type"]?.string?.hasSuffix("quota-exceeded") == true)
        #expect(refused["problem"]?["violated-policies"] == ["default"])
        await replica.stop()
    }

    @Test func manyAreDecidedEachByItself() async throws {
        let replica = try await replica()
        let (one, two) = (unique("one"), unique("two"))
        let checks: [JSONValue] = (0..<100).map {
            ["descriptors": ["user": .string($0 % 2 == 0 ? one : two)], "cost": .int($0 < 50 ? 1 : 2)]
        }
        let (status, answer) = try await ask(replica, ["checks": .array(checks)])
        #expect(status == 200)
        let results = try #require(answer["results"]?.array)
        #expect(results.count == 100)
        // Twenty-five of one and twelve of two fit into fifty.
        #expect(results.filter { $0["allowed"] == true }.count == 2 * (25 + 12))
        #expect(results.prefix(50).allSatisfy { $0["allowed"] == true })
        await replica.stop()
    }

    @Test(
        "what is no question is refused with its place",
        arguments: [
            (#"{}"#, "/descriptors"), (#"{"descriptors":{"user":1}}"#, "/descriptors/user"),
            (#"{"descriptors":{"us er":"x"}}"#, "/descriptors/us er"),
            (#"{"descriptors":{"user":""}}"#, "/descriptors/user"),
            (#"{"descriptors":{"user":"a\u0007b"}}"#, "/descriptors/user"), (#"{"descriptors":[]}"#, "/descriptors"),
            (#"{"descriptors":{},"cost":-1}"#, "/cost"), (#"{"descriptors":{},"cost":1000001}"#, "/cost"),
            (#"{"descriptors":{},"cost":"1"}"#, "/cost"), (#"{"descriptors":{},"what":1}"#, "/what"),
            (#"{"checks":[]}"#, "/checks"), (#"{"checks":[{"descriptors":{}},{"cost":1}]}"#, "/checks/1/descriptors"),
            (#"{"checks":[{"descriptors":{}}],"cost":1}"#, "/cost"),
        ])
    func faults(_ body: String, _ pointer: String) async throws {
        let replica = try await replica()
        let answer = try await replica.caller.send(
            .post, "/v1/check", bytes: Array(body.utf8), as: Replica.service)
        #expect(answer.status == 400)
        #expect(answer.problem == "invalid-body")
        #expect(answer["errors"]?.array?.first?["pointer"]?.string == pointer, "\(answer.json)")
        await replica.stop()
    }

    @Test func onlyServicesThatMayAsk() async throws {
        let replica = try await replica()
        for path in ["/v1/check", "/v1/reserve", "/v1/commit", "/v1/refund", "/v1/leases", "/v1/leases/return"] {
            #expect(try await replica.caller.send(.post, path, [:], as: nil).status == 401)
            #expect(try await replica.caller.send(.post, path, [:], as: "svc/limits:read").status == 403)
        }
        await replica.stop()
    }

    // MARK: Two ways to the same answer

    @Test("both ways give the same answer, byte for byte, but for what they count")
    func sameBytes() async throws {
        let replica = try await Replica(
            try await Shared.redis().url,
            """
            limits:
              - { name: never, match: { kind: never }, per: [user], quantity: 5, window: 60s }
              - { name: roomy, match: { kind: roomy }, per: [user], quantity: 500, window: day }
            """)
        let edge = try await LoopbackServer(checking: replica)
        let user = unique("hot")
        func request(_ body: String, token: String?, isPlain: Bool) -> String {
            let lines =
                ["Host: localhost", "Content-Type: application/json"]
                + (token.map { ["Authorization: Bearer \($0)"] } ?? []) + (isPlain ? [] : ["TE: trailers"])
            return "POST /v1/check HTTP/1.1\r\n" + lines.map { $0 + "\r\n" }.joined()
                + "Content-Length: \(body.utf8.count)\r\n\r\n\(body)"
        }
        func question(_ kind: String, _ cost: Int) -> String {
            #"{"descriptors":{"user":"\#(user)","kind":"\#(kind)"},"cost":\#(cost)}"#
        }
        let table: [(name: String, body: String, token: String?, status: String, isHot: Bool)] = [
            ("allowed", question("roomy", 0), "asks", "200 OK", true),
            ("no limit", question("none", 1), "asks", "200 OK", true),
            ("never", question("never", 6), "asks", "200 OK", true),
            ("many", #"{"checks":[\#(question("roomy", 0))]}"#, "asks", "200 OK", false),
            ("no question", #"{"descriptors":{"user":7}}"#, "asks", "400 Bad Request", false),
            ("no JSON", "{", "asks", "400 Bad Request", false),
            ("nobody", question("roomy", 0), nil, "401 Unauthorized", false),
            ("may not", question("roomy", 0), "may-not", "403 Forbidden", false),
        ]
        // The script is loaded by the first that comes the ordinary way.
        _ = try await edge.send(request(question("roomy", 0), token: "asks", isPlain: false))
        for (name, body, token, status, isHot) in table {
            let ordinary = try await edge.send(request(body, token: token, isPlain: false))
            let before = edge.hot
            let plain = try await edge.send(request(body, token: token, isPlain: true))
            let after = edge.hot
            #expect(LoopbackServer.normalised(plain) == LoopbackServer.normalised(ordinary), "\(name)")
            #expect(plain.hasPrefix("HTTP/1.1 \(status)"), "\(name): \(plain)")
            #expect(after.answered - before.answered == (isHot ? 1 : 0), "\(name)")
            #expect(after.passedOn - before.passedOn == (isHot ? 0 : 1), "\(name)")
        }
        // Charged once each, whichever way.
        for index in 0..<5 {
            let answer = try await edge.send(request(question("never", 1), token: "asks", isPlain: index % 2 == 0))
            #expect(answer.contains(#""remaining":\#(4 - index),"#), "\(answer)")
        }
        await edge.stop()
        await replica.stop()
    }
}

/// Knows some tokens at once.
private struct KnownCallers: ImmediateAuthenticator {
    let known: [String: Identity]

    func identityAtHand(authorization: String, certificate: () -> String?) -> Identity? {
        guard let token = try? AuthorizationCredentials(header: authorization).token else { return nil }
        return known[token]
    }

    func authenticate(_ request: Request, _ context: APIContext) async throws(AuthenticationError) -> Identity {
        let token = try AuthorizationCredentials(request).token
        guard let identity = known[token] else { throw .invalidToken("unknown") }
        return identity
    }
}

extension LoopbackServer {
    /// Checks of a replica, for callers that the test makes up.
    fileprivate convenience init(checking replica: Replica) async throws {
        let callers = KnownCallers(known: [
            "asks": Identity(subject: "svc", permissions: ["limits:check"]), "may-not": Identity(subject: "other"),
        ])
        let metrics = MetricsRegistry()
        let router = SecureRouter(
            authenticator: callers,
            options: SecureRouter.Options(metrics: metrics, accessLog: .none, problem: LimitProblems.problem))
        CheckAPI(limiter: replica.limiter).register(on: router)
        try await self.init(router, metrics: metrics)
    }
}
