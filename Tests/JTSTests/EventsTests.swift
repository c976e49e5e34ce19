import Foundation
import TestSupport
import Testing

/// Where `jts events tail` takes settings of librdkafka from.
@Suite struct EventsTests {
    let folder: TemporaryDirectory

    init() throws { folder = try TemporaryDirectory("jts-events") }

    private func tail(_ arguments: [String], environment: [String: String] = [:]) async throws -> ChildProcess.Outcome {
        try await Command.run(["events", "tail", "--no-follow"] + arguments, environment: environment)
    }

    private func file(_ text: String, mode: mode_t = 0o600) throws -> String {
        let path = try folder.write(text, to: "kafka.conf")
        chmod(path, mode)
        return path
    }

    @Test(arguments: [
        "sasl.password", "SASL.Password", " sasl.password ", "ssl.key.password", "ssl.keystore.password",
        "sasl.oauthbearer.client.secret", "ssl.key.pem", "ssl.certificate.pem",
        "sasl.oauthbearer.assertion.private.key.passphrase", "sasl.oauthbearer.assertion.private.key.pem",
    ]) func takesNoSecretFromTheCommandLine(_ name: String) async throws {
        let outcome = try await tail(["--setting", "\(name)=hush-hush"])
        #expect(outcome.status == .exited(2))
        #expect(outcome.errors.contains("--kafka-config"), "\(outcome.errors)")
        #expect(!outcome.errors.contains("hush-hush"))
    }

    @Test(arguments: ["", "=", "a", "a=", "=b", " =b"]) func aSettingIsNameAndValue(_ pair: String) async throws {
        #expect(try await tail(["--setting", pair]).status == .exited(2))
    }

    @Test func readsAFile() async throws {
        let broker = try await KafkaBroker(topics: ["security.events": 1])
        let path = try file("# a comment\r\n\r\n bootstrap.servers = \(broker.bootstrapServers)\r\nclient.id=x=y\n")
        // The file goes over the environment.
        let outcome = try await tail(
            ["--kafka-config", path], environment: ["KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1"])
        #expect(outcome.status == .exited(0), "\(outcome.errors)")
    }

    @Test func theCommandLineGoesOverTheFile() async throws {
        let broker = try await KafkaBroker(topics: ["security.events": 1])
        let path = try file("bootstrap.servers=127.0.0.1:1\nclient.id=\n", mode: 0o600)
        #expect(try await tail(["--kafka-config", path]).errors.contains("line 2"))
        let good = try file("bootstrap.servers=127.0.0.1:1\nsocket.keepalive.enable=perhaps\n")
        let outcome = try await tail([
            "--kafka-config", good, "--bootstrap-servers", broker.bootstrapServers, "--setting",
            "socket.keepalive.enable=true",
        ])
        #expect(outcome.status == .exited(0), "\(outcome.errors)")
    }

    @Test func aSecretInAFileIsTakenAndNotShown() async throws {
        // librdkafka checks names and values at once; the bad one after the secrets is the one that is complained of.
        let path = try file("sasl.password=hush-hush\nssl.key.password=hush-hush\nno.such.setting=hush-hush\n")
        let outcome = try await tail(["--kafka-config", path], environment: ["JTS_KAFKA_PASSWORD": "hush-hush"])
        #expect(outcome.status == .exited(2))
        #expect(outcome.errors.contains("no.such.setting"), "\(outcome.errors)")
        #expect(!outcome.errors.contains("hush-hush"))
    }

    @Test(arguments: [0o644, 0o640, 0o602] as [mode_t]) func refusesAFileOfOthers(_ mode: mode_t) async throws {
        let outcome = try await tail(["--kafka-config", try file("client.id=a\n", mode: mode)])
        #expect(outcome.status == .exited(2))
        #expect(outcome.errors.contains("others"), "\(outcome.errors)")
    }

    @Test func refusesWhatIsNoPlainFile() async throws {
        let pipe = folder.file("pipe")
        try #require(mkfifo(pipe, 0o600) == 0)
        for path in [folder.path, pipe, folder.file("missing")] {
            #expect(try await tail(["--kafka-config", path]).status == .exited(2))
        }
    }
}
