import APISecurity
import Contracts
import Crypto
import Foundation
import Hummingbird
import JOSE
import ServiceKit
import ServiceLifecycle
import StrictJSON
import TestSupport
import Testing

@testable import SecurityClient

/// Everything over mutual TLS with the real server: keys are fetched from it, and tokens bound to a certificate count
/// only on a connection with that certificate (RFC 8705 section 3).
@Suite struct CertificateTests {
    @Test func aTokenCountsWithItsCertificateAlone() async throws {
        let certificates = try await TestCertificates()
        let (mine, other) = (try await certificates.client("order-api"), try await certificates.client("other"))
        let clock = TestClock()
        clock.set(WallClock.milliseconds())
        let thumbprint = try thumbprint(of: mine.file)
        let bound = try TestIssuer(clock: clock).token { $0["cnf"] = ["x5t#S256": .string(thumbprint)] }
        let plain = try TestIssuer(clock: clock).token()

        let (port, group, running) = try await serve(certificates)
        let url = "https://127.0.0.1:\(port)"
        func security(_ client: (file: String, key: String)?) -> HTTPTransportSecurity {
            HTTPTransportSecurity(
                caFile: certificates.authority, certificateFile: client?.file, keyFile: client?.key)
        }
        let keys = try RemoteJWKS(url: url + "/jwks.json", security: security(nil), logger: quiet)
        #expect(try await keys.key("rsa-1", algorithm: .RS256) != nil)
        // An authority that the client does not know.
        let strange = try RemoteJWKS(url: url + "/jwks.json", logger: quiet)
        await #expect(throws: KeysUnavailable.self) { try await strange.key("rsa-1", algorithm: .RS256) }

        let cases: [(client: (file: String, key: String)?, token: String, status: Int)] = [
            (mine, bound, 200), (other, bound, 401), (nil, bound, 401), (mine, plain, 200), (nil, plain, 200),
        ]
        for (client, token, status) in cases {
            let transport = try HTTPTransport(security(client))
            let answer = try await transport.send(
                "POST", url + "/v1/orders", headers: [("Authorization", "Bearer \(token)")], limit: 10_000,
                timeout: .seconds(10))
            #expect(answer.status == status)
        }
        await group.triggerGracefulShutdown()
        try await running.value
    }

    /// The issuer's keys and a protected route on one server.
    private func serve(
        _ certificates: TestCertificates
    ) async throws -> (port: Int, group: ServiceGroup, running: Task<Void, any Error>) {
        let keys = [TestKeys.rsa.publicJWK]
        let verifier = TokenVerifier(
            TokenVerifier.Options(issuer: TestIssuer.name, audience: "jts"), keys: LocalJWKS { keys },
            revocations: RevocationSet())
        let router = SecureRouter(
            authenticator: TokenAuthenticator(verifier: verifier, freshness: AlwaysFresh()),
            options: SecureRouter.Options(metrics: MetricsRegistry()))
        router.get("/jwks.json", .public) { _, _ in .json(JWKSet(keys: keys).json()) }
        router.post("/v1/orders", .permission("orders:place")) { _, _ in .json(["placed": true]) }
        var settings = HTTPServerSettings(listen: HTTPServerSettings.Address(host: "127.0.0.1", port: 0))
        settings.tls = TLSSettings(
            certificateFile: certificates.certificate, keyFile: certificates.key, clientCertificates: .optional,
            clientCAFile: certificates.authority)
        let port = Box<Int?>(nil)
        let server = try HTTPServer(
            settings, responder: router.buildResponder(), health: HealthChecks(), metrics: MetricsRegistry(),
            logger: quiet
        ) { listening in port.update { $0 = listening } }
        let group = ServiceGroup(services: [server], logger: quiet)
        let running = Task { try await group.run() }
        return (try await eventuallyValue("the server listens") { port.value }, group, running)
    }

    /// `x5t#S256` of a PEM file.
    private func thumbprint(of file: String) throws -> String {
        let lines = try String(contentsOfFile: file, encoding: .utf8).split(separator: "\n")
        let body = lines.drop { !$0.hasPrefix("-----BEGIN CERTIFICATE") }.dropFirst().prefix { !$0.hasPrefix("-----") }
        let der = try #require(Data(base64Encoded: body.joined()))
        return Base64URL.encode(Array(SHA256.hash(data: der)))
    }
}
