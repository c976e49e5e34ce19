import EventBus
import HTTPTypes
import Hummingbird
import JOSE
import ServiceKit
import StrictJSON

@testable import SecurityClient

/// policy-service's bundle of roles, signed as it would sign it and as it would not, and somebody who keeps it.
final class RolesEndpoint: Sendable {
    struct State: Sendable {
        var bundle = RolesBundle(from: nil, sequence: 1, catalogue: nil, assignments: [])
        var key = TestKeys.ec
        var kind = PolicyStatement.Kind.roles
        var issuer = "policy-service"
        var issuedAt: Int64?
        /// What a statement says other than its bundle.
        var said: (sequence: Int64?, from: Int64?)?
        /// What becomes of a body after its statement was made.
        var change: @Sendable ([UInt8]) -> [UInt8] = { $0 }
        var status: HTTPResponse.Status?
        /// `after` and status of every request.
        var requests: [String] = []
        var tokens: [String] = []
    }

    /// Keeps what comes, as token-service's does.
    final class Kept: RolesTaker {
        struct State: Sendable {
            var sequence: Int64 = -1
            var taken: [RolesBundle] = []
            var outcome: RolesClient.Outcome?
            var fails = false
        }

        struct Failure: Error {}

        let state = Box(State())

        func sequence() async throws -> Int64 {
            guard !state.value.fails else { throw Failure() }
            return state.value.sequence
        }

        func take(_ bundle: RolesBundle) async throws -> RolesClient.Outcome {
            guard !state.value.fails else { throw Failure() }
            return state.update { state in
                if let outcome = state.outcome { return outcome }
                guard bundle.sequence > state.sequence else { return .known }
                if let from = bundle.from, from > state.sequence { return .incomplete }
                state.sequence = bundle.sequence
                state.taken.append(bundle)
                return .applied
            }
        }
    }

    /// Tokens by number.
    final class Tokens: ServiceTokenSource {
        let number = Box(1)
        func token() async throws(ServiceToken.Failure) -> Sensitive<String> {
            let number = number.value
            guard number > 0 else { throw .unavailable }
            return Sensitive("t\(number)")
        }
        func forget() { number.update { $0 += 1 } }
    }

    let state = Box(State())
    let clock = TestClock()
    let kept = Kept()
    let tokens = Tokens()
    let metrics = MetricsRegistry()
    let refusals = Box([String]())
    private let server: TestServer

    init() async throws {
        let (state, clock) = (state, clock)
        let catalogue = try RolesEndpoint.catalogue()
        state.update { $0.bundle.catalogue = catalogue }
        let router = Router(context: BasicRequestContext.self)
        router.get("v1/bundles/roles") { request, _ in
            let now = state.value
            let after = request.uri.queryParameters["after"].map(String.init) ?? "-"
            state.update { $0.tokens.append(request.headers[.authorization] ?? "") }
            if let status = now.status {
                state.update { $0.requests.append("\(after) \(status.code)") }
                return Response(status: status)
            }
            let body = now.bundle.body
            let statement = try PolicyStatement(
                now.kind, issuer: now.issuer, sequence: now.said?.sequence ?? now.bundle.sequence,
                from: now.said == nil ? now.bundle.from : now.said?.from, issuedAt: now.issuedAt ?? clock.seconds,
                digest: PolicyStatement.digest(of: body)
            ).signed(with: now.key)
            let tag = "\"\(PolicyStatement.digest(of: body))\""
            let headers: HTTPFields = [.eTag: tag, HTTPField.Name("Policy-Statement") ?? .accept: statement]
            let isKnown = request.headers[.ifNoneMatch] == tag
            state.update { $0.requests.append("\(after) \(isKnown ? 304 : 200)") }
            if isKnown { return Response(status: .notModified, headers: headers) }
            return Response(
                status: .ok, headers: headers, body: .init(byteBuffer: ByteBuffer(bytes: now.change(body))))
        }
        server = try await TestServer(router)
    }

    func stop() async { await server.stop() }

    static func catalogue(_ permissions: [String] = ["a:a", "b:b"]) throws -> RoleCatalogue {
        try RoleCatalogue(permissions: ["a:a", "b:b"], roles: ["a": RoleCatalogue.Role(permissions: permissions)])
    }

    /// What stands under a number from now on.
    func tell(from: Int64?, _ sequence: Int64, _ permissions: [String]? = nil) throws {
        let catalogue = from == nil || permissions != nil ? try RolesEndpoint.catalogue(permissions ?? ["a:a"]) : nil
        state.update {
            $0.bundle = RolesBundle(from: from, sequence: sequence, catalogue: catalogue, assignments: [])
        }
    }

    func client(refreshEvery: Duration = .seconds(300)) throws -> RolesClient {
        var configuration = PolicyClientConfiguration(ConfigSource(environment: [:], yaml: ""))
        configuration.refreshEvery = refreshEvery
        let client = RolesClient(
            configuration, url: server.url, transport: try HTTPTransport(), token: tokens,
            keys: LocalJWKS { [TestKeys.ec.publicJWK] }, taker: kept, kafka: nil, metrics: metrics, logger: quiet,
            clock: clock.read)
        client.onRefusal { [refusals] refusal in refusals.update { $0.append(refusal.code) } }
        return client
    }

    func event(_ sequence: Int64, type: String = "org.jts.policy.roles-changed") -> CloudEvent {
        CloudEvent(
            id: "1", source: "policy-service/main/1/t", type: type,
            data: JSONValue.object(["sequence": .int(sequence)]).encoded(), topic: "security.policy-changed")
    }
}
