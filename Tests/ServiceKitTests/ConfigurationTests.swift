import Testing
import TestSupport

@testable import ServiceKit

@Suite struct ConfigurationTests {
    private func faults(_ environment: [String: String], yaml: String? = "", _ read: (ConfigSource) -> Void) -> [String]
    {
        let source = ConfigSource(environment: environment, yaml: yaml)
        read(source)
        do {
            try source.finish()
            return []
        } catch { return error.faults }
    }

    @Test func theEnvironmentPrecedesTheFileAndTheFileTheDefaults() throws {
        let source = ConfigSource(environment: ["A": "1", "EMPTY": ""], yaml: "a: 2\nb: 2\nempty: 7\n")
        #expect(source.int("A", default: 3) == 1)
        #expect(source.int("B", default: 3) == 2)
        #expect(source.int("C", default: 3) == 3)
        // Compose files set what is left out to nothing.
        #expect(source.int("EMPTY", default: 3) == 7)
        try source.finish()
    }

    @Test func theFileIsFoundByName() throws {
        let folder = try TemporaryDirectory()
        let path = try folder.write("log_level: debug\nlist: [a, b]\nflag: true\nwait: 15m\n", to: "config.yaml")
        let source = ConfigSource(environment: ["CONFIG_FILE": path])
        #expect(ServiceLog.level(source) == .debug)
        #expect(source.strings("LIST") == ["a", "b"])
        #expect(source.bool("FLAG", default: false))
        #expect(source.duration("WAIT", default: "1s") == .seconds(900))
        try source.finish()
    }

    @Test func aFileThatCannotBeReadIsNamed() {
        let source = ConfigSource(environment: ["CONFIG_FILE": "/nonexistent/config.yaml"])
        #expect(throws: ConfigurationError(["CONFIG_FILE: /nonexistent/config.yaml cannot be read"])) {
            try source.finish()
        }
    }

    @Test(arguments: ["a: [", "- a", "a: {b: 1}\nc"]) func aFileThatIsNoSuchYAMLIsNamed(_ yaml: String) {
        let found = faults([:], yaml: yaml) { _ in }
        #expect(found.count == 1)
        #expect(found.allSatisfy { $0.hasPrefix("CONFIG_FILE: ") && !$0.contains("\n") })
    }

    @Test func everyBadValueIsNamedInALineOfItsOwn() {
        let found = faults([
            "PORT": "http", "RANGE": "11", "FLAG": "maybe", "WAIT": "10", "LONG": "2h", "LOG_LEVEL": "loud",
            "BROKEN": "two\nlines",
        ]) { source in
            #expect(source.int("PORT", default: 1) == 1)
            #expect(source.int("RANGE", default: 2, in: 1...10) == 2)
            #expect(source.bool("FLAG", default: true))
            #expect(source.duration("WAIT", default: "3s") == .seconds(3))
            #expect(source.duration("LONG", default: "4s", in: "1s"..."1h") == .seconds(4))
            #expect(ServiceLog.level(source) == .info)
            _ = source.int("BROKEN", default: 0)
            #expect(source.requiredString("MISSING").isEmpty)
        }
        #expect(found.count == 8)
        let names = ["PORT", "RANGE", "FLAG", "WAIT", "LONG", "LOG_LEVEL", "BROKEN", "MISSING"]
        #expect(zip(found, names).allSatisfy { $0.hasPrefix("\($1): ") })
        #expect(found.allSatisfy { !$0.contains("\n") })
        #expect(found[1] == "RANGE: \"11\" is not a whole number from 1 to 10")
        #expect(found[3].contains("250ms"))
    }

    @Test(arguments: [
        ("250ms", 250), ("10s", 10_000), ("15m", 900_000), ("24h", 86_400_000), ("7d", 604_800_000), ("0s", 0),
    ]) func durations(_ text: String, _ milliseconds: Int64) {
        #expect(DurationText.milliseconds(text) == milliseconds)
    }

    @Test(arguments: [
        "", "10", "s", "-1s", "1.5s", "1 s", "1S", "99999999999999999999s", "9223372036854775807d", "1s2m",
    ])
    func noDurations(_ text: String) { #expect(DurationText.milliseconds(text) == nil) }

    @Test func secretsComeFromFilesToo() throws {
        let folder = try TemporaryDirectory()
        let path = try folder.write("hunter2\n", to: "secret")
        let source = ConfigSource(environment: ["PASSWORD_FILE": path, "OTHER": "direct"], yaml: "")
        #expect(source.requiredSensitive("PASSWORD").exposed == "hunter2")
        #expect(source.requiredSensitive("OTHER").exposed == "direct")
        #expect(source.optionalSensitive("THIRD") == nil)
        try source.finish()
    }

    @Test func secretsAreNeverShown() throws {
        let folder = try TemporaryDirectory()
        let path = try folder.write("hunter2\n", to: "secret")
        let empty = try folder.write("\n", to: "empty")
        let found = faults([
            "PASSWORD": "hunter2", "PASSWORD_FILE": path, "EMPTY_FILE": empty, "GONE_FILE": "/nonexistent",
            "REDIS_PORT": "redis://user:hunter2@host",
        ]) { source in
            _ = source.optionalSensitive("PASSWORD")
            _ = source.requiredSensitive("EMPTY")
            _ = source.optionalSensitive("GONE")
            _ = source.requiredSensitive("MISSING")
            _ = source.int("REDIS_PORT", default: 1)
        }
        #expect(found.contains("PASSWORD: is set beside PASSWORD_FILE"))
        #expect(found.contains("EMPTY_FILE: \(empty) is empty"))
        #expect(found.contains("GONE_FILE: /nonexistent cannot be read"))
        #expect(found.contains("MISSING: is required"))
        #expect(found.contains { $0.hasPrefix("REDIS_PORT: ") })
        #expect(!found.joined().contains("hunter2"))
    }

    @Test(arguments: [
        ("127.0.0.1:7001", "127.0.0.1", 7001), ("[::1]:80", "::1", 80), ("7001", "0.0.0.0", 7001),
        (":7001", "0.0.0.0", 7001), ("localhost:0", "localhost", 0),
    ]) func addresses(_ text: String, _ host: String, _ port: Int) {
        #expect(HTTPServerSettings.Address(text) == HTTPServerSettings.Address(host: host, port: port))
    }

    @Test(arguments: ["", ":", "a", "a:", "a:b", "::1:80", "a:65536", "a:-1", "[::1]"]) func noAddresses(_ text: String)
    {
        #expect(HTTPServerSettings.Address(text) == nil)
    }

    @Test func serverSettings() throws {
        let source = ConfigSource(
            environment: [
                "LISTEN": "0.0.0.0:8443", "ADMIN_LISTEN": "127.0.0.1:9001", "TRUSTED_PROXIES": "10.0.0.0/8,::1",
                "HTTP_HEADER_TIMEOUT": "2s", "HTTP_MAX_IN_FLIGHT": "9", "DRAIN_DELAY": "5s", "TLS_CERT_FILE": "c",
                "TLS_KEY_FILE": "k", "TLS_CLIENT_AUTH": "required", "TLS_CLIENT_CA_FILE": "ca",
                "TLS_MIN_VERSION": "1.2",
            ], yaml: "")
        let settings = HTTPServerSettings(source, defaultPort: 7001)
        try source.finish()
        #expect(settings.listen.description == "0.0.0.0:8443")
        #expect(settings.adminListen?.port == 9001)
        #expect(settings.trustedProxies.contains("10.1.2.3"))
        #expect(settings.headerTimeout == .seconds(2))
        #expect(settings.maximumInFlight == 9)
        #expect(settings.drainDelay == .seconds(5))
        #expect(
            settings.tls
                == TLSSettings(
                    certificateFile: "c", keyFile: "k", clientCertificates: .required, clientCAFile: "ca",
                    allowsTLS12: true))
        #expect(HTTPServerSettings(ConfigSource(environment: [:], yaml: ""), defaultPort: 7001).listen.port == 7001)
    }

    @Test func serverSettingsThatContradict() {
        let found = faults([
            "LISTEN": "nowhere", "TRUSTED_PROXIES": "10.0.0.0/40", "TLS_CERT_FILE": "c", "TLS_CLIENT_AUTH": "optional",
        ]) { _ = HTTPServerSettings($0, defaultPort: 1) }
        #expect(
            found.map { String($0.prefix { $0 != ":" }) } == [
                "LISTEN", "TLS_KEY_FILE", "TLS_CLIENT_AUTH", "TRUSTED_PROXIES",
            ])
    }

    @Test func clientsBehindProxies() throws {
        let proxies = try #require(TrustedProxies(["10.0.0.0/8", "::1"]))
        #expect(proxies.client(socket: "10.0.0.1", forwardedFor: "1.2.3.4, 10.9.9.9") == "1.2.3.4")
        #expect(proxies.client(socket: "5.5.5.5", forwardedFor: "1.2.3.4") == "5.5.5.5")
        #expect(proxies.client(socket: "10.0.0.1", forwardedFor: "forged, 1.2.3.4") == "1.2.3.4")
        #expect(proxies.client(socket: "10.0.0.1", forwardedFor: "1.2.3.4, nonsense") == "10.0.0.1")
        #expect(proxies.client(socket: "10.0.0.1", forwardedFor: nil) == "10.0.0.1")
        #expect(proxies.contains("::ffff:10.0.0.9"))
        #expect(TrustedProxies(["300.0.0.1"]) == nil)
    }
}
