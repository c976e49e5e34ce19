import EventBus
import ServiceKit

extension KafkaConfiguration {
    /// Reads `KAFKA_*`.
    /// - Parameter clientID: names this program in the brokers' logs.
    package init(_ source: ConfigSource, clientID: String) {
        self.init(
            bootstrapServers: source.string("KAFKA_BOOTSTRAP_SERVERS", default: "127.0.0.1:9092"), source,
            clientID: clientID)
    }

    init(bootstrapServers: String, _ source: ConfigSource, clientID: String) {
        self.init(bootstrapServers: bootstrapServers, clientID: clientID)
        securityProtocol = source.value(
            "KAFKA_SECURITY_PROTOCOL", default: .plaintext, expected: "plaintext, ssl, sasl_plaintext or sasl_ssl"
        ) { SecurityProtocol(rawValue: $0.lowercased()) }
        tls = TLS(
            caFile: source.optionalString("KAFKA_CA_FILE"),
            certificateFile: source.optionalString("KAFKA_CERT_FILE"),
            keyFile: source.optionalString("KAFKA_KEY_FILE"),
            keyPassword: source.optionalSensitive("KAFKA_KEY_PASSWORD")?.exposed)
        switch securityProtocol {
        case .plaintext, .ssl: break
        case .saslPlaintext, .saslSSL:
            sasl = SASL(
                mechanism: source.value(
                    "KAFKA_SASL_MECHANISM", default: "SCRAM-SHA-512",
                    expected: "PLAIN, SCRAM-SHA-256, SCRAM-SHA-512 or OAUTHBEARER"
                ) { ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER"].contains($0) ? $0 : nil },
                username: source.requiredString("KAFKA_SASL_USERNAME"),
                password: source.requiredSensitive("KAFKA_SASL_PASSWORD").exposed)
        }
        // Whatever else librdkafka can be told, such as `sasl.oauthbearer.method=oidc`.
        for pair in source.strings("KAFKA_SETTINGS") {
            let parts = pair.split(separator: "=", maxSplits: 1)
            if parts.count == 2 {
                extra[String(parts[0])] = String(parts[1])
            } else {
                source.reject("KAFKA_SETTINGS", "name=value is expected, several between commas")
            }
        }
        do { try validate() } catch { source.reject("KAFKA_BOOTSTRAP_SERVERS", "\(error)") }
    }
}
