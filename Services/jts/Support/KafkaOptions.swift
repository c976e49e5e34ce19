import ArgumentParser
import EventBus
import Foundation

/// Where Kafka is, and how to be let in without a secret on the command line, which every process of the machine can
/// read.
struct KafkaOptions: ParsableArguments {
    @Option(
        help:
            "Brokers, host:port; else bootstrap.servers of --kafka-config, else KAFKA_BOOTSTRAP_SERVERS, else 127.0.0.1:7092."
    )
    var bootstrapServers: String?
    @Option(help: "A librdkafka setting, name=value; may be repeated; none that holds a secret.")
    var setting: [String] = []
    @Option(help: ArgumentHelp("librdkafka settings, a line name=value each; mode 0600.", valueName: "file"))
    var kafkaConfig: String?

    /// What in a setting's name says that its value is, or holds, a secret: `sasl.password`, `ssl.key.password`,
    /// `ssl.keystore.password`, `sasl.oauthbearer.client.secret`, `ssl.key.pem`, a private key's passphrase.
    private static let secretWords = ["password", "passphrase", "secret", "pem"]

    /// The file, over it `JTS_KAFKA_PASSWORD`, over that the command line.
    func configuration() throws -> KafkaConfiguration {
        let environment = ProcessInfo.processInfo.environment
        var extra = try kafkaConfig.map(fileSettings) ?? [:]
        if let password = environment["JTS_KAFKA_PASSWORD"] { extra["sasl.password"] = password }
        try extra.merge(commandLineSettings()) { $1 }
        let servers = extra.removeValue(forKey: "bootstrap.servers") ?? environment["KAFKA_BOOTSTRAP_SERVERS"]
        let configuration = KafkaConfiguration(
            bootstrapServers: bootstrapServers ?? servers ?? "127.0.0.1:7092", clientID: "jts", extra: extra)
        do {
            try configuration.validate()
        } catch { throw CommandFault.usage(Console.printable("\(error)")) }
        return configuration
    }

    private func commandLineSettings() throws -> [String: String] {
        var settings: [String: String] = [:]
        for pair in setting {
            guard let (name, value) = Self.parse(pair) else { throw CommandFault.usage("--setting takes name=value") }
            guard !Self.secretWords.contains(where: name.lowercased().contains) else {
                // The value stays unsaid.
                throw CommandFault.usage(
                    "\(Console.printable(name)) is not taken from the command line, where others can read it: use "
                        + "--kafka-config, or JTS_KAFKA_PASSWORD for sasl.password")
            }
            settings[name] = value
        }
        return settings
    }

    private func fileSettings(_ path: String) throws -> [String: String] {
        let bytes: [UInt8]
        do { bytes = try PrivateFile.read(path, followsLinks: true) } catch {
            switch error {
            case .missing: throw CommandFault.usage("cannot read \(Console.printable(path))")
            case .unfit(let reason): throw CommandFault.usage(Console.printable(reason))
            }
        }
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw CommandFault.usage("\(Console.printable(path)) is not text")
        }
        var settings: [String: String] = [:]
        // A line end of CR LF is one Character, and a new line as well.
        let lines = text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline)
        for (index, line) in lines.enumerated() {
            let line = line.trimmingCharacters(in: .whitespaces)
            if line.isEmpty || line.hasPrefix("#") { continue }
            guard let (name, value) = Self.parse(line) else {
                throw CommandFault.usage("\(Console.printable(path)), line \(index + 1): not name=value")
            }
            settings[name] = value
        }
        return settings
    }

    private static func parse(_ pair: String) -> (name: String, value: String)? {
        guard let sign = pair.firstIndex(of: "=") else { return nil }
        let name = pair[..<sign].trimmingCharacters(in: .whitespaces)
        let value = pair[pair.index(after: sign)...].trimmingCharacters(in: .whitespaces)
        return name.isEmpty || value.isEmpty ? nil : (name, value)
    }
}
