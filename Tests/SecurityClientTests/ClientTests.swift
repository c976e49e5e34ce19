import APISecurity
import Contracts
import Foundation
import Hummingbird
import JOSE
import Logging
import ServiceKit
import StrictJSON
import TestSupport
import Testing

@testable import SecurityClient

@Suite struct ConfigurationTests {
    private func faults(_ environment: [String: String]) -> [String] {
        let source = ConfigSource(environment: environment, yaml: "")
        _ = SecurityClientConfiguration(source)
        do throws(ConfigurationError) {
            try source.finish()
            return []
        } catch { return error.faults }
    }

    @Test func defaultsFollowTheIssuer() throws {
        let source = ConfigSource(
            environment: ["ISSUER": "https://id.test/", "KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1"], yaml: "")
        let configuration = SecurityClientConfiguration(source)
        try source.finish()
        #expect(configuration.issuer == "https://id.test/", "an issuer is taken as it is written")
        #expect(configuration.audience == "jts")
        #expect(configuration.jwksURL == "https://id.test/.well-known/jwks.json")
        #expect(configuration.introspectionURL == "https://id.test/oauth2/introspect")
        #expect(configuration.staleAfter == .seconds(5))
        #expect(configuration.kafka?.bootstrapServers == "127.0.0.1:1")
        #expect(configuration.algorithms == [.RS256, .PS256, .ES256, .EdDSA])
    }

    @Test func whatIsBadIsNamed() {
        #expect(faults(["KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1"]) == [])
        #expect(faults(["REVOCATION_CHECK": "none"]) == [])
        #expect(faults(["CLIENT_ID": "a", "CLIENT_SECRET": "b"]) == [])
        let bad: [([String: String], String)] = [
            ([:], "KAFKA_BOOTSTRAP_SERVERS"), (["CLIENT_ID": "a"], "CLIENT_SECRET"),
            (["CLIENT_SECRET": "a"], "CLIENT_ID"),
            (["REVOCATION_CHECK": "none", "TOKEN_ALGORITHMS": "RS256,none"], "TOKEN_ALGORITHMS"),
            (["REVOCATION_CHECK": "none", "TOKEN_ALGORITHMS": "HS256"], "TOKEN_ALGORITHMS"),
            (["REVOCATION_CHECK": "none", "REVOCATION_STALE_AFTER": "31s"], "REVOCATION_STALE_AFTER"),
            (["REVOCATION_CHECK": "none", "JWKS_URL": "file:///etc/passwd"], "JWKS_URL"),
            (["REVOCATION_CHECK": "none", "CLIENT_CERT_FILE": "a.pem"], "CLIENT_KEY_FILE"),
            (["REVOCATION_CHECK": "maybe", "KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1"], "REVOCATION_CHECK"),
            (
                ["KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1", "KAFKA_SECURITY_PROTOCOL": "sasl_ssl"],
                "KAFKA_SASL_USERNAME"
            ),
        ]
        for (environment, name) in bad {
            #expect(faults(environment).contains { $0.hasPrefix(name + ":") }, "\(environment)")
        }
    }

    /// Keys, tokens and the secret do not travel in the clear unless somebody says so.
    @Test func httpToOtherMachines() {
        let none = ["REVOCATION_CHECK": "none"]
        func named(_ environment: [String: String]) -> [String] {
            faults(none.merging(environment) { $1 }).compactMap { $0.split(separator: ":").first.map(String.init) }
        }
        for url in [
            "http://127.0.0.1:7001", "http://127.8.9.1", "http://localhost:7001", "http://[::1]:7001",
            "https://id.test",
        ] {
            #expect(named(["ISSUER": url]) == [], "\(url)")
        }
        for url in [
            "http://id.test", "http://10.0.0.1:7001", "http://token-service:7001", "http://127.0.0.1.evil.test",
            "http://127.0.0.1@evil.test", "http://localhost.evil.test", "http://127.1", "http://[::2]", "http://",
            "http://127.0.0.1\\@evil.test", "http://127.0.0.256",
        ] {
            #expect(named(["TOKEN_SERVICE_URL": url]) == ["TOKEN_SERVICE_URL"], "\(url)")
            #expect(named(["TOKEN_SERVICE_URL": url, "ALLOW_INSECURE_HTTP": "true"]) == [], "\(url)")
        }
        #expect(named(["ISSUER": "http://id.test"]) == ["TOKEN_SERVICE_URL"], "which follows from it")
        #expect(named(["ISSUER": "http://id.test", "TOKEN_SERVICE_URL": "https://id.test"]) == [], "a mere name")
        #expect(named(["JWKS_URL": "http://id.test/jwks.json"]) == ["JWKS_URL"])
        #expect(named(["INTROSPECTION_URL": "http://id.test/introspect"]) == ["INTROSPECTION_URL"])
        #expect(
            named(["JWKS_URL": "http://id.test/a", "ALLOW_INSECURE_HTTP": "maybe"]).contains("ALLOW_INSECURE_HTTP"))
    }

    @Test func secretsAreNotPrinted() {
        let source = ConfigSource(
            environment: [
                "CLIENT_ID": "a", "CLIENT_SECRET": "s3cret-1", "KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1",
                "KAFKA_SECURITY_PROTOCOL": "sasl_plaintext", "KAFKA_SASL_USERNAME": "u",
                "KAFKA_SASL_PASSWORD": "s3cret-2",
            ], yaml: "")
        let configuration = SecurityClientConfiguration(source)
        #expect(configuration.kafka?.sasl?.password == "s3cret-2")
        #expect(!"\(configuration)".contains("s3cret"))
    }
}

@Suite struct SecurityClientTests {
    @Test func aTradingServiceInAFewLines() async throws {
        let endpoint = try await JWKSEndpoint()
        let metrics = MetricsRegistry()
        let source = ConfigSource(
            environment: [
                "ISSUER": TestIssuer.name, "JWKS_URL": endpoint.url, "REVOCATION_CHECK": "none",
            ], yaml: "")
        let client = try SecurityClient(SecurityClientConfiguration(source), metrics: metrics, logger: quiet)
        try source.finish()
        let health = HealthChecks()
        client.registerHealth(on: health)
        let ready = await health.report()
        #expect(ready.dependencies.map(\.name) == ["signing-keys"])
        #expect(ready.dependencies.map(\.isUp) == [true])
        let clock = TestClock()
        clock.set(WallClock.milliseconds())
        let token = try TestIssuer(clock: clock).token()
        let request = try makeRequest([("authorization", "Bearer \(token)")])
        for _ in 0..<3 {
            let identity = try await client.tokenAuthenticator.authenticate(request, risk: .increasing) { nil }
            #expect(identity.subject == "usr_1")
        }
        let exposition = metrics.exposition()
        #expect(exposition.contains("security_token_cache_hits_total 2"))
        #expect(exposition.contains("security_jwks_fetches_total 1"))
        #expect(client.services.count == 1)
        await endpoint.stop()
    }

    @Test func withoutTheIssuersKeysItIsNotReady() async throws {
        let port = try freePort()
        let source = ConfigSource(
            environment: ["ISSUER": "http://127.0.0.1:\(port)", "KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:\(port)"],
            yaml: "")
        let client = try SecurityClient(
            SecurityClientConfiguration(source), metrics: MetricsRegistry(), logger: quiet)
        let health = HealthChecks()
        client.registerHealth(on: health)
        let report = await health.report()
        #expect(report.dependencies.map(\.isUp) == [false, false, false])
        #expect(report.dependencies.map(\.isRequired) == [true, true, false])
        #expect(client.services.count == 2)
    }

    /// Wrong credentials are found out at start, not when everything depends on them.
    @Test func wrongCredentialsAreToldAtStart() async throws {
        let endpoint = try await IntrospectionEndpoint()
        endpoint.state.update { $0.status = .unauthorized }
        let lines = Box([String]())
        let logger = Logger(label: "test") { _ in LinesHandler(lines: lines) }
        let metrics = MetricsRegistry()
        let source = ConfigSource(
            environment: [
                "ISSUER": endpoint.url, "CLIENT_ID": "order-api", "CLIENT_SECRET": "wr0ng",
                "INTROSPECTION_TIMEOUT": "5s",
            ], yaml: "")
        let client = try SecurityClient(SecurityClientConfiguration(source), metrics: metrics, logger: logger)
        try source.finish()
        let health = HealthChecks()
        client.registerHealth(on: health)
        let check = try #require(client.services.compactMap { $0 as? IntrospectionCheck }.first)
        let running = Task { try await check.run() }
        try await eventually("it was tried") { client.introspector?.condition == .failing(.refused) }
        let report = await health.report()
        let introspection = try #require(report.dependencies.first { $0.name == "introspection" })
        #expect(!introspection.isUp)
        #expect(!introspection.isRequired, "acts that reduce risk go on")
        #expect(lines.value.filter { $0.hasPrefix("error introspection is refused") }.count == 1)
        #expect(!lines.value.contains { $0.contains("wr0ng") })
        #expect(metrics.exposition().contains(#"security_introspection_failures_total{reason="refused"} 1"#))
        running.cancel()
        _ = try? await running.value
        await endpoint.stop()
    }
}

/// A log whose lines are kept: level and message.
struct LinesHandler: LogHandler {
    let lines: Box<[String]>
    var metadata: Logger.Metadata = [:]
    var logLevel = Logger.Level.info

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        lines.update { $0.append("\(event.level) \(event.message)") }
    }
}
