/// Where Kafka is and how to be let in. Everything is passed to librdkafka; `extra` takes any further setting of its
/// CONFIGURATION.md, and goes over what this library sets.
package struct KafkaConfiguration: Sendable {
    package enum SecurityProtocol: String, Sendable, CaseIterable {
        case plaintext
        case ssl
        case saslPlaintext = "sasl_plaintext"
        case saslSSL = "sasl_ssl"
    }

    package struct SASL: Sendable {
        /// `PLAIN`, `SCRAM-SHA-256`, `SCRAM-SHA-512` or `OAUTHBEARER`.
        package var mechanism: String
        package var username: String
        package var password: String

        package init(mechanism: String, username: String, password: String) {
            self.mechanism = mechanism
            self.username = username
            self.password = password
        }
    }

    package struct TLS: Sendable {
        /// PEM file with the authorities that sign the brokers' certificates; nil for the system's.
        package var caFile: String?
        /// PEM files for client authentication.
        package var certificateFile: String?
        package var keyFile: String?
        package var keyPassword: String?

        package init(
            caFile: String? = nil, certificateFile: String? = nil, keyFile: String? = nil, keyPassword: String? = nil
        ) {
            self.caFile = caFile
            self.certificateFile = certificateFile
            self.keyFile = keyFile
            self.keyPassword = keyPassword
        }
    }

    /// `host:port`, several separated by commas.
    package var bootstrapServers: String
    package var securityProtocol: SecurityProtocol
    package var sasl: SASL?
    package var tls: TLS
    /// Names this program in the brokers' logs.
    package var clientID: String
    package var extra: [String: String]

    package init(
        bootstrapServers: String, securityProtocol: SecurityProtocol = .plaintext, sasl: SASL? = nil,
        tls: TLS = TLS(), clientID: String = "jts", extra: [String: String] = [:]
    ) {
        self.bootstrapServers = bootstrapServers
        self.securityProtocol = securityProtocol
        self.sasl = sasl
        self.tls = tls
        self.clientID = clientID
        self.extra = extra
    }

    /// Checks every setting without connecting.
    /// - Throws: `.configuration` that names the first bad one, without its value.
    package func validate() throws(KafkaError) {
        _ = try KafkaSettings(self, [:])
    }

    var settings: [String: String] {
        var settings = [
            "bootstrap.servers": bootstrapServers,
            "security.protocol": securityProtocol.rawValue,
            "client.id": clientID,
            // A broker that is back is found within half a second, not ten.
            "reconnect.backoff.ms": "50",
            "reconnect.backoff.max.ms": "500",
            "socket.nagle.disable": "true",
            "log.connection.close": "false",
        ]
        if let sasl {
            settings["sasl.mechanism"] = sasl.mechanism
            settings["sasl.username"] = sasl.username
            settings["sasl.password"] = sasl.password
        }
        settings["ssl.ca.location"] = tls.caFile
        settings["ssl.certificate.location"] = tls.certificateFile
        settings["ssl.key.location"] = tls.keyFile
        settings["ssl.key.password"] = tls.keyPassword
        return settings
    }
}

extension KafkaConfiguration: CustomStringConvertible, CustomDebugStringConvertible {
    /// Without credentials.
    package var description: String { "\(bootstrapServers) (\(securityProtocol.rawValue))" }
    package var debugDescription: String { description }
}
