import HTTPTypes
import Hummingbird
import Synchronization
import Testing

@testable import APISecurity

/// Tokens as requests carry them, and what is answered when they do not do.
@Suite struct AuthorizationTests {
    private static let algorithms = #"algs="ES256 ES384 ES512 EdDSA RS256 PS256""#
    private static let seconds = TestAPI.now / 1_000

    /// Counts what got through.
    private final class Calls: Sendable {
        let count = Atomic<Int>(0)
    }

    private let calls = Calls()
    private let api: TestAPI

    init() {
        let calls = calls
        var tokens = KnownTokens()
        tokens.identities["fresh"] = Identity(
            subject: "anna", permissions: ["things:change"], authTime: Self.seconds - 10, amr: ["pwd", "otp"])
        tokens.identities["stale"] = Identity(
            subject: "anna", permissions: ["things:change"], authTime: Self.seconds - 900, amr: ["pwd", "otp"])
        tokens.identities["service"] = Identity(subject: "svc", permissions: ["things:change"], isService: true)
        tokens.identities["keyed"] = Identity(
            subject: "svc", permissions: ["things:change"], confirmation: .dpop("k"), isService: true)
        tokens.identities["mtls"] = Identity(
            subject: "svc", permissions: ["things:change"], confirmation: .certificate("c"), isService: true)
        api = TestAPI(authenticator: tokens) { router in
            @Sendable func count(_ response: Response) -> Response {
                calls.count.add(1, ordering: .relaxed)
                return response
            }
            router.get("/public", .public) { _, context in
                count(.json(["subject": context.identity.map { .string($0.subject) } ?? .null]))
            }
            router.get("/who", .authenticated) { _, context in
                count(.json(["subject": .string(try context.requireIdentity().subject)]))
            }
            router.get("/read", .permission("things:read")) { _, _ in count(.json(["a": 1])) }
            router.post("/change", .privileged("things:change")) { _, _ in count(.json(["a": 1])) }
            router.get("/forgetful", .public) { _, context in
                count(.json(["subject": .string(try context.requireIdentity().subject)]))
            }
        }
    }

    private func get(_ target: String, _ values: String...) async throws -> TestAPI.Answer {
        var headers = HTTPFields()
        for value in values { headers.append(HTTPField(name: .authorization, value: value)) }
        return try await api.send(.get, target, headers: headers)
    }

    private var passed: Int { calls.count.load(ordering: .relaxed) }

    // MARK: RFC 6750 section 2

    @Test(arguments: [
        "Bearer reader", "bearer reader", "BEARER reader", "bEaReR   reader", "DPoP reader", "dpop reader",
    ])
    func schemes(header: String) async throws {
        let answer = try await get("/who", header)
        #expect(answer["subject"] == "reader")
        #expect(passed == 1)
    }

    @Test(arguments: [
        "", "Bearer", "reader", "Basic cmVhZGVyOng=", "Bearerreader", "Token reader", "bear reader", "Negotiate",
    ])
    func noCredentials(header: String) async throws {
        let answer = try await get("/who", header)
        #expect(answer.status == 401)
        #expect(answer.problem == "authentication-required")
        #expect(answer.values("WWW-Authenticate") == [#"Bearer realm="jts""#, "DPoP \(Self.algorithms)"])
        #expect(passed == 0)
    }

    @Test(arguments: [
        "Bearer reader x", "Bearer reader,", "Bearer reader, Bearer reader", "Bearer \"reader\"", "Bearer re\tader",
        "Bearer é", "Bearer a=b", "Bearer =", "Bearer ===", "Bearer reader;x", "Bearer {}", "DPoP a b",
    ])
    func malformed(header: String) async throws {
        let answer = try await get("/who", header)
        #expect(answer.status == 400)
        #expect(answer.problem == "invalid-authorization")
        let scheme = header.hasPrefix("DPoP") ? "DPoP" : "Bearer"
        let challenge = #"\#(scheme) error="invalid_request", error_description="the token is malformed""#
        let tail = scheme == "DPoP" ? ", \(Self.algorithms)" : ""
        #expect(answer.values("WWW-Authenticate") == [challenge + tail])
        #expect(passed == 0)
    }

    @Test func twoHeaders() async throws {
        for second in ["Bearer reader", "Basic x", ""] {
            let answer = try await get("/who", "Bearer reader", second)
            #expect(answer.status == 400)
            #expect(
                answer.values("WWW-Authenticate")
                    == [#"Bearer error="invalid_request", error_description="more than one Authorization header""#])
        }
        #expect(passed == 0)
    }

    @Test func tokensOfAllBytes() throws {
        let token = "aZ09-._~+/=="
        #expect(try AuthorizationCredentials(header: "Bearer \(token)").token == token)
        #expect(try AuthorizationCredentials(header: "DPoP \(token)").scheme == .dpop)
    }

    /// A token in the query or in a body is not looked for (RFC 6750 sections 2.2 and 2.3).
    @Test func tokensElsewhere() async throws {
        #expect(try await api.send(.get, "/who?access_token=reader").status == 401)
        let body = try await api.post(
            "/change", "access_token=fresh", type: "application/x-www-form-urlencoded")
        #expect(body.status == 401)
        #expect(try await api.send(.get, "/who", headers: [.cookie: "access_token=reader"]).status == 401)
        #expect(passed == 0)
    }

    // MARK: Default deny

    @Test func publicRoutesLookAtNoToken() async throws {
        for header in ["Bearer reader", "Bearer expired", "Bearer bad-moment", "Bearer é"] {
            #expect(try await get("/public", header).json == ["subject": .null])
        }
        #expect(try await get("/forgetful", "Bearer reader").status == 401)
    }

    @Test func nothingWithoutAnAuthenticator() async throws {
        let api = TestAPI(authenticator: NoAuthenticator()) { router in
            router.get("/a", .authenticated) { _, _ in .noContent }
            router.get("/b", .permission("x")) { _, _ in .noContent }
            router.get("/c", .privileged("x")) { _, _ in .noContent }
            router.get("/d", .public) { _, _ in .noContent }
        }
        for path in ["/a", "/b", "/c"] {
            #expect(try await api.get(path, token: "reader").status == 401)
            #expect(try await api.send(.head, path).status == 401)
        }
        #expect(try await api.get("/d").status == 204)
    }

    // MARK: Challenges, RFC 6750 section 3, RFC 9449 section 7, RFC 9470 section 3

    @Test func tokensThatAreNotAccepted() async throws {
        let bearer = try await get("/who", "Bearer expired")
        #expect(bearer.status == 401)
        #expect(bearer.problem == "invalid-token")
        #expect(
            bearer.values("WWW-Authenticate")
                == [#"Bearer error="invalid_token", error_description="expired""#, "DPoP \(Self.algorithms)"])
        let dpop = try await get("/who", "DPoP expired")
        #expect(
            dpop.values("WWW-Authenticate")
                == [#"DPoP error="invalid_token", error_description="expired", \#(Self.algorithms)"#])
    }

    @Test func proofsThatAreNotAccepted() async throws {
        let answer = try await get("/who", "DPoP bad-proof")
        #expect(answer.status == 401)
        #expect(answer.problem == "invalid-dpop-proof")
        // No quotation marks within the description (RFC 6750 section 3).
        #expect(
            answer.values("WWW-Authenticate")
                == [#"DPoP error="invalid_dpop_proof", error_description="the proof is 'old'", \#(Self.algorithms)"#])
    }

    @Test func nobodyCanTell() async throws {
        let answer = try await get("/who", "Bearer bad-moment")
        #expect(answer.status == 503)
        #expect(answer.values("Retry-After") == ["7"])
        #expect(answer.values("WWW-Authenticate").isEmpty)
    }

    @Test func missingPermission() async throws {
        let answer = try await get("/read", "Bearer nobody")
        #expect(answer.status == 403)
        #expect(answer.problem == "permission-denied")
        #expect(
            answer.values("WWW-Authenticate") == [
                #"Bearer error="insufficient_scope", error_description="things:read is needed", scope="things:read""#
            ])
        #expect(try await get("/read", "Bearer reader").status == 200)
    }

    private func change(_ header: String) async throws -> TestAPI.Answer {
        try await api.send(.post, "/change", headers: [.authorization: header])
    }

    @Test func stepUp() async throws {
        let answer = try await change("Bearer stale")
        #expect(answer.status == 401)
        #expect(answer.problem == "step-up-required")
        #expect(
            answer.values("WWW-Authenticate") == [
                #"Bearer error="insufficient_user_authentication", "#
                    + #"error_description="a fresh second factor is needed", acr_values="urn:jts:acr:2", max_age="300""#
            ])
        #expect(passed == 0)
        #expect(try await change("Bearer fresh").status == 200)
    }

    @Test func boundTokens() async throws {
        let unbound = try await change("Bearer service")
        #expect(unbound.status == 403)
        #expect(unbound.problem == "bound-token-required")
        #expect(
            unbound.values("WWW-Authenticate")
                == [
                    #"Bearer error="insufficient_scope", error_description="a token bound to a client certificate is needed""#
                ])
        // No certificate was shown on this connection.
        let other = try await change("Bearer mtls")
        #expect(other.status == 401)
        #expect(
            other.values("WWW-Authenticate").first
                == #"Bearer error="invalid_token", error_description="bound to another certificate""#)
        #expect(passed == 0)
        #expect(try await change("DPoP keyed").problem == "bound-token-required")
    }
}
