import APISecurity
import Cedar
import HTTPTypes
import Hummingbird
import ServiceKit
import StrictJSON
import TestSupport
import Testing

@testable import SecurityClient

@Suite("The shadow set beside decisions in process")
struct ShadowClientTests {
    /// policy-service with a shadow set that can be exchanged, and all reports that it got.
    private final class Endpoint: Sendable {
        struct State: Sendable {
            var files: [String: String]?
            var version: Int64 = 7
            var kind = PolicyStatement.Kind.shadow
            var key = TestKeys.ec
            var reports: [JSONValue] = []
        }

        let state = Box(State())
        let server: TestServer

        init() async throws {
            let state = state
            let router = Router(context: BasicRequestContext.self)
            router.post("oauth2/token") { _, _ in
                Response(
                    status: .ok, headers: [.contentType: "application/json"],
                    body: .init(byteBuffer: ByteBuffer(string: #"{"access_token":"t","expires_in":900}"#)))
            }
            router.get("v1/bundles/shadow") { request, _ in
                let now = state.value
                guard let files = now.files else { return Response(status: .notFound) }
                let body = PolicyBundle(
                    sequence: now.version, version: now.version, content: try PolicyContent(files: files)
                ).body
                let digest = PolicyStatement.digest(of: body)
                if request.headers[.ifNoneMatch] == "\"\(digest)\"" { return Response(status: .notModified) }
                let statement = PolicyStatement(
                    now.kind, issuer: "policy-service", sequence: now.version, version: now.version, issuedAt: 1,
                    digest: digest)
                return Response(
                    status: .ok,
                    headers: [
                        .eTag: "\"\(digest)\"",
                        try #require(HTTPField.Name("Policy-Statement")): try statement.signed(with: now.key),
                    ], body: .init(byteBuffer: ByteBuffer(bytes: body)))
            }
            router.post("v1/policies/shadow/reports") { request, _ in
                let body = try await request.body.collect(upTo: 1 << 20)
                let json = try JSONValue(parsing: Array(body.readableBytesView))
                state.update { $0.reports.append(json) }
                return Response(status: .noContent)
            }
            server = try await TestServer(router)
        }

        func bundles() throws -> ShadowBundles {
            let transport = try HTTPTransport()
            return ShadowBundles(
                url: server.url, issuer: "policy-service", transport: transport,
                token: ServiceToken(
                    url: server.url + "/oauth2/token", clientID: "a", clientSecret: Sensitive("b"),
                    transport: transport),
                keys: LocalJWKS { [TestKeys.ec.publicJWK] })
        }
    }

    private func client(_ endpoint: Endpoint, _ policies: PolicyEndpoint) async throws -> (PolicyClient, ShadowClient) {
        let client = try policies.client()
        #expect(await client.fetch())
        let shadow = ShadowClient(
            client.replica, bundles: try endpoint.bundles(), interval: .milliseconds(20), logger: quiet,
            clock: policies.clock.read)
        return (client, shadow)
    }

    private func decide(_ authorizer: Authorizer, _ now: Int64) -> AuthorizationDecision {
        authorizer.decide(
            "orders:place", on: PolicyEndpoint.fx,
            by: AuthorizationSubject(Identity(subject: "alice", sessionID: "s", roles: ["trader"]), now: now))
    }

    @Test("what it would have decided otherwise is reported; what is decided stays as it is")
    func reports() async throws {
        let policies = try await PolicyEndpoint()
        let endpoint = try await Endpoint()
        let (client, shadow) = try await client(endpoint, policies)
        let authorizer = Authorizer(client, record: nil, shadow: shadow.evaluation, clock: policies.clock.read)
        let before = decide(authorizer, policies.clock.read())
        #expect(before.isAllowed)
        var files = PolicyEndpoint.files
        files["none.cedar"] = "@id(\"none\") forbid (principal, action, resource);"
        endpoint.state.update { [files] in $0.files = files }
        let running = Task { await shadow.run() }
        defer { running.cancel() }
        try await eventually { shadow.evaluation.report() != nil }
        for _ in 0..<5 { #expect(decide(authorizer, policies.clock.read()).isAllowed) }
        try await eventually { endpoint.state.value.reports.last?["report"]?["different"]?.int == 5 }
        let report = try #require(endpoint.state.value.reports.last?["report"])
        #expect(report["shadow_version"]?.int == 7 && report["active_sequence"]?.int == 1)
        #expect(report["differences"]?.array?.first?["shadow_policies"]?.strings == ["none"])
        // The set is taken away: nothing is compared any more.
        endpoint.state.update { $0.files = nil }
        try await eventually { !shadow.evaluation.hasWork && shadow.evaluation.report() == nil }
        #expect(decide(authorizer, policies.clock.read()).isAllowed)
        running.cancel()
        await running.value
        await policies.stop()
        await endpoint.server.stop()
    }

    @Test("a set that policy-service did not sign as its shadow is not evaluated")
    func untrusted() async throws {
        let policies = try await PolicyEndpoint()
        let endpoint = try await Endpoint()
        endpoint.state.update {
            $0.files = PolicyEndpoint.files
            $0.kind = .policies
        }
        let (_, shadow) = try await client(endpoint, policies)
        await shadow.follow()
        #expect(shadow.evaluation.report() == nil)
        endpoint.state.update {
            $0.kind = .shadow
            $0.key = TestKeys.otherEC
        }
        await shadow.follow()
        #expect(shadow.evaluation.report() == nil)
        endpoint.state.update { $0.key = TestKeys.ec }
        await shadow.follow()
        #expect(shadow.evaluation.report() != nil)
        await policies.stop()
        await endpoint.server.stop()
    }
}
