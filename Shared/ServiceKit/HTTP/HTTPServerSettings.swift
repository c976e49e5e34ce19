import NIOCore

/// Where and how a service listens. Read from the environment and the configuration file; `docs/configuration.md` has
/// the table.
public struct HTTPServerSettings: Sendable {
    public struct Address: Sendable, Hashable, CustomStringConvertible {
        public var host: String
        public var port: Int

        public init(host: String, port: Int) {
            self.host = host
            self.port = port
        }

        /// `127.0.0.1:7001`, `[::1]:7001`, `7001` or `:7001` (every address).
        public init?(_ text: String) {
            let colon = text.lastIndex(of: ":")
            let digits = colon.map { text[text.index(after: $0)...] } ?? text[...]
            guard !digits.isEmpty, digits.allSatisfy({ ("0"..."9").contains($0) }), let port = Int(digits),
                (0...65_535).contains(port)
            else { return nil }
            var host = colon.map { text[..<$0] } ?? ""
            if host.hasPrefix("["), host.hasSuffix("]") {
                host = host.dropFirst().dropLast()
            } else if host.contains(":") {
                return nil
            }
            self.init(host: host.isEmpty ? "0.0.0.0" : String(host), port: port)
        }

        public var description: String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }
    }

    public var listen: Address
    /// A listener of its own for `/metrics`, which the main one then does not answer.
    public var adminListen: Address?
    public var tls: TLSSettings?
    /// Proxies whose `X-Forwarded-For` is believed.
    public var trustedProxies = TrustedProxies.none

    /// From a connection, or the first byte of a request, to the end of the request's head.
    public var headerTimeout: Duration = .seconds(10)
    /// For how long a body may stand still.
    public var bodyProgressTimeout: Duration = .seconds(10)
    /// From a request's head to the end of its body.
    public var bodyTimeout: Duration = .seconds(60)
    /// For how long a connection may be kept without a request.
    public var idleTimeout: Duration = .seconds(60)
    /// For how long a client may leave an answer unread.
    public var writeTimeout: Duration = .seconds(30)

    public var maximumConnections = 8_192
    public var maximumConnectionsPerAddress = 1_024
    public var maximumInFlight = 2_048
    public var maximumHeaderBytes = 32 * 1024
    public var maximumHeaderCount = 100
    /// Of any request, whatever its route takes.
    public var maximumBodyBytes = 10 << 20

    /// For how long `/readyz` says 503 before the listener closes, so that balancers look elsewhere first.
    public var drainDelay: Duration = .zero
    /// How long accepted requests have to finish.
    public var drainTimeout: Duration = .seconds(30)

    public init(listen: Address) { self.listen = listen }

    public var isTLS: Bool { tls != nil }

    public init(_ source: ConfigSource, defaultPort: Int) {
        let standard = Address(host: "127.0.0.1", port: defaultPort)
        listen = source.value("LISTEN", default: standard, expected: "an address such as 127.0.0.1:7001") {
            Address($0)
        }
        adminListen = source.value("ADMIN_LISTEN", default: nil, expected: "an address such as 127.0.0.1:9001") {
            Address($0).map { .some($0) }
        }
        tls = TLSSettings(source)
        let proxies = source.strings("TRUSTED_PROXIES")
        if let trusted = TrustedProxies(proxies) {
            trustedProxies = trusted
        } else {
            source.reject("TRUSTED_PROXIES", "addresses and networks such as 10.0.0.0/8 are expected")
        }
        headerTimeout = source.duration("HTTP_HEADER_TIMEOUT", default: "10s", in: "100ms"..."5m")
        bodyProgressTimeout = source.duration("HTTP_BODY_PROGRESS_TIMEOUT", default: "10s", in: "100ms"..."5m")
        bodyTimeout = source.duration("HTTP_BODY_TIMEOUT", default: "60s", in: "100ms"..."1h")
        idleTimeout = source.duration("HTTP_IDLE_TIMEOUT", default: "60s", in: "100ms"..."1h")
        writeTimeout = source.duration("HTTP_WRITE_TIMEOUT", default: "30s", in: "100ms"..."1h")
        maximumConnections = source.int("HTTP_MAX_CONNECTIONS", default: 8_192, in: 1...1_000_000)
        maximumConnectionsPerAddress = source.int(
            "HTTP_MAX_CONNECTIONS_PER_ADDRESS", default: 1_024, in: 1...1_000_000)
        maximumInFlight = source.int("HTTP_MAX_IN_FLIGHT", default: 2_048, in: 1...1_000_000)
        maximumHeaderBytes = source.int("HTTP_MAX_HEADER_BYTES", default: 32 * 1024, in: 1_024...1_048_576)
        maximumHeaderCount = source.int("HTTP_MAX_HEADER_COUNT", default: 100, in: 10...10_000)
        drainDelay = source.duration("DRAIN_DELAY", default: "0s", in: "0s"..."5m")
        drainTimeout = source.duration("DRAIN_TIMEOUT", default: "30s", in: "0s"..."1h")
    }
}

/// Certificates and what is asked of clients.
public struct TLSSettings: Sendable, Hashable {
    public enum ClientCertificates: String, Sendable, CaseIterable {
        case none
        /// A certificate that is shown has to be good; none need be shown.
        case optional
        case required
    }

    /// PEM, the server's certificate first.
    public var certificateFile: String
    public var keyFile: String
    public var clientCertificates: ClientCertificates
    /// PEM: who may sign clients' certificates.
    public var clientCAFile: String?
    /// 1.3 alone unless clients need 1.2.
    public var allowsTLS12: Bool
    /// How often the files are looked at.
    public var reloadInterval: Duration

    public init(
        certificateFile: String, keyFile: String, clientCertificates: ClientCertificates = .none,
        clientCAFile: String? = nil, allowsTLS12: Bool = false, reloadInterval: Duration = .seconds(10)
    ) {
        self.certificateFile = certificateFile
        self.keyFile = keyFile
        self.clientCertificates = clientCertificates
        self.clientCAFile = clientCAFile
        self.allowsTLS12 = allowsTLS12
        self.reloadInterval = reloadInterval
    }

    /// - Returns: nil when no certificate is configured.
    public init?(_ source: ConfigSource) {
        let certificate = source.optionalString("TLS_CERT_FILE")
        let key = source.optionalString("TLS_KEY_FILE")
        let mode = source.value(
            "TLS_CLIENT_AUTH", default: ClientCertificates.none, expected: "none, optional or required"
        ) { ClientCertificates(rawValue: $0) }
        let authority = source.optionalString("TLS_CLIENT_CA_FILE")
        let allowsTLS12 = source.value("TLS_MIN_VERSION", default: false, expected: "1.2 or 1.3") { text in
            ["1.2": true, "1.3": false][text]
        }
        let interval = source.duration("TLS_RELOAD_INTERVAL", default: "10s", in: "100ms"..."24h")
        guard let certificate, let key else {
            if certificate != nil { source.reject("TLS_KEY_FILE", "is required beside TLS_CERT_FILE") }
            if key != nil { source.reject("TLS_CERT_FILE", "is required beside TLS_KEY_FILE") }
            if mode != .none { source.reject("TLS_CLIENT_AUTH", "needs TLS_CERT_FILE and TLS_KEY_FILE") }
            return nil
        }
        if mode != .none, authority == nil {
            source.reject("TLS_CLIENT_CA_FILE", "is required when TLS_CLIENT_AUTH is \(mode.rawValue)")
        }
        self.init(
            certificateFile: certificate, keyFile: key, clientCertificates: mode, clientCAFile: authority,
            allowsTLS12: allowsTLS12, reloadInterval: interval)
    }
}
