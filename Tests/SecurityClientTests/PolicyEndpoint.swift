import Cedar
import HTTPTypes
import Hummingbird
import JOSE
import Logging
import ServiceKit
import StrictJSON
import Testing

@testable import SecurityClient

/// policy-service's bundles, signed as it would sign them and as it would not.
final class PolicyEndpoint: Sendable {
    struct State: Sendable {
        var sequence: Int64 = 1
        var version: Int64 = 1
        var files = PolicyEndpoint.files
        var entitySequence: Int64 = 1
        var entities = [PolicyEndpoint.desk(halted: false)]
        var key = TestKeys.ec
        /// What `jwks.json` has.
        var published = [TestKeys.ec.publicJWK]
        var issuer = "policy-service"
        /// Seconds since the epoch that statements say; nil: the clock's.
        var issuedAt: Int64?
        /// What becomes of a body after its statement was made.
        var change: @Sendable ([UInt8]) -> [UInt8] = { $0 }
        var isAway = false
        /// Status and kind of every answer.
        var answers: [String] = []
    }

    let state = Box(State())
    let clock = TestClock()
    private let server: TestServer

    init() async throws {
        let (state, clock) = (state, clock)
        let router = Router(context: BasicRequestContext.self)
        router.post("oauth2/token") { _, _ in
            Response(
                status: .ok, headers: [.contentType: "application/json"],
                body: .init(byteBuffer: ByteBuffer(string: #"{"access_token":"t","expires_in":900}"#)))
        }
        router.get("v1/bundles/{kind}") { request, context in
            let kind = context.parameters.get("kind") == "policies" ? PolicyStatement.Kind.policies : .entities
            let now = state.value
            guard !now.isAway else { return Response(status: .serviceUnavailable) }
            let (statement, body) = try PolicyEndpoint.bundle(kind, now, clock)
            let tag = "\"\(PolicyStatement.digest(of: body))\""
            let isKnown = request.headers[.ifNoneMatch] == tag
            state.update { $0.answers.append("\(isKnown ? 304 : 200) \(kind)") }
            let headers: HTTPFields = [
                .eTag: tag, HTTPField.Name("Policy-Statement") ?? .accept: statement,
            ]
            if isKnown { return Response(status: .notModified, headers: headers) }
            return Response(
                status: .ok, headers: headers, body: .init(byteBuffer: ByteBuffer(bytes: now.change(body))))
        }
        router.get(".well-known/jwks.json") { _, _ in
            let now = state.value
            state.update { $0.answers.append("keys") }
            guard !now.isAway else { return Response(status: .serviceUnavailable) }
            return Response(
                status: .ok, headers: [.contentType: "application/jwk-set+json"],
                body: .init(byteBuffer: ByteBuffer(bytes: JWKSet(keys: now.published).json().encoded())))
        }
        server = try await TestServer(router)
    }

    var url: String { server.url }

    func stop() async { await server.stop() }

    static func bundle(
        _ kind: PolicyStatement.Kind, _ state: State, _ clock: TestClock
    ) throws -> (statement: String, body: [UInt8]) {
        let body: [UInt8] =
            kind == .policies
            ? PolicyBundle(
                sequence: state.sequence, version: state.version, content: try PolicyContent(files: state.files)
            ).body
            : try EntityBundle(sequence: state.entitySequence, entities: state.entities).body
        let statement = PolicyStatement(
            kind, issuer: state.issuer, sequence: kind == .policies ? state.sequence : state.entitySequence,
            version: kind == .policies ? state.version : nil, issuedAt: state.issuedAt ?? clock.seconds,
            digest: PolicyStatement.digest(of: body))
        return (try statement.signed(with: state.key), body)
    }

    /// A client of this endpoint, by the endpoint's clock, and without a feed.
    func client(
        cache: String? = nil, keys: any VerificationKeys = LocalJWKS { [TestKeys.ec.publicJWK] },
        staleAfter: Duration = .seconds(900), metrics: MetricsRegistry = MetricsRegistry()
    ) throws -> PolicyClient {
        let source = ConfigSource(environment: [:], yaml: "")
        var configuration = PolicyClientConfiguration(source)
        configuration.cacheDirectory = cache
        configuration.staleAfter = staleAfter
        let transport = try HTTPTransport()
        return PolicyClient(
            configuration, url: server.url, transport: transport,
            token: ServiceToken(
                url: server.url + "/oauth2/token", clientID: "a", clientSecret: Sensitive("b"), transport: transport),
            keys: keys, kafka: nil, metrics: metrics, logger: quiet,
            clock: clock.read)
    }

    // MARK: What is decided by

    static func desk(halted: Bool) -> Entity { Entity(uid: PolicyEndpoint.fx, attributes: ["halted": .bool(halted)]) }
    static let fx = EntityUID(type: "Desk", id: "fx")

    static let files = [
        "schema.cedarschema": """
        entity Role;
        entity User in [Role];
        entity Desk { halted: Bool };
        action "risk-increasing", "risk-reducing";
        action "orders:place" in ["risk-increasing"] appliesTo { principal: [User], resource: [Desk] };
        action "orders:cancel" in ["risk-reducing"] appliesTo { principal: [User], resource: [Desk] };
        action "orders:view", "strategies:view", "risk:override" appliesTo { principal: [User], resource: [Desk] };
        """,
        "a.cedar": """
        @id("traders") permit (principal in Role::"trader", action, resource);
        @id("halted") @reason("The desk is halted.")
        forbid (principal, action in Action::"risk-increasing", resource) when { resource.halted };
        @id("watched") @audit("always") permit (principal, action == Action::"strategies:view", resource);
        """,
    ]
}

/// What a client reported as not taken.
final class Refusals: Sendable {
    private let seen = Box([String]())

    init(of client: PolicyClient) {
        client.onRefusal { [seen] kind, refusal in seen.update { $0.append("\(kind) \(refusal.code)") } }
    }

    /// Kind and code of each.
    var all: [String] { seen.value }
}
