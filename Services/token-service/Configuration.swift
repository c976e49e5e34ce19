import APISecurity
import EventBus
import Foundation
import JOSE
import SecurityClient
import ServiceKit

/// What token-service can be told. `docs/token-service.md` has the table; durations are milliseconds unless said
/// otherwise.
struct TokenServiceConfiguration: Sendable {
    /// `iss` of every token, and where clients see this service.
    var issuer: String
    var audience: [String]
    var databaseURL: Sensitive<String>
    var redisURL: Sensitive<String>
    var redisCAFile: String?
    var redisCertificateFile: String?
    var redisKeyFile: String?
    /// Credentials for the sentinels themselves.
    var redisSentinelUsername: String?
    var redisSentinelPassword: Sensitive<String>?
    var stateDirectory: String
    var keyFile: String
    var rolesFile: String
    var passwordBlocklistFile: String
    /// Where the first administrator's credentials are left.
    var adminFile: String
    /// What `/openapi.json` serves; nil when the file is not there.
    var openAPIFile: String?
    var kafka: KafkaConfiguration
    /// Where roles come from; without it, from `rolesFile` alone.
    var policies: PolicyClientConfiguration
    /// Of requests to policy-service.
    var policySecurity: HTTPTransportSecurity
    var algorithm: JWSAlgorithm
    var accessLifetime: Int64
    var refreshLifetime: Int64
    var sessionLifetime: Int64
    var refreshGrace: Int64
    var keyRotation: Int64
    var keyAnnouncement: Int64
    /// Seconds.
    var jwksMaxAge: Int
    var argonThreads: Int
    var argonQueue: Int
    var argonMemoryKiB: Int
    var argonIterations: Int
    var outboxRetention: Int64
    /// Names this replica in leases.
    var replica: String

    init(_ source: ConfigSource) throws {
        let stateDirectory = source.string("STATE_DIR", default: ".local/state/token-service")
        self.stateDirectory = stateDirectory
        issuer = source.value("ISSUER", default: "http://127.0.0.1:7001", expected: "an http or https URL") { text in
            guard let url = URLComponents(string: text), ["http", "https"].contains(url.scheme), url.host != nil,
                url.query == nil, url.fragment == nil, url.user == nil
            else { return nil }
            // Other URLs are made by appending paths.
            return text.hasSuffix("/") ? String(text.dropLast()) : text
        }
        audience = source.strings("AUDIENCE", default: ["jts"])
        let absolute = URL(fileURLWithPath: stateDirectory).standardizedFileURL.path
        databaseURL = source.sensitive("DATABASE_URL", default: "sqlite://\(absolute)/token-service.db")
        redisURL = source.sensitive("REDIS_URL", default: "redis://127.0.0.1:6379")
        redisCAFile = source.optionalString("REDIS_CA_FILE")
        redisCertificateFile = source.optionalString("REDIS_CERT_FILE")
        redisKeyFile = source.optionalString("REDIS_KEY_FILE")
        redisSentinelUsername = source.optionalString("REDIS_SENTINEL_USERNAME")
        redisSentinelPassword = source.optionalSensitive("REDIS_SENTINEL_PASSWORD")
        keyFile = source.string("SEALING_KEY_FILE", default: "\(stateDirectory)/sealing.keys")
        rolesFile = source.string("ROLES_FILE", default: "deploy/config/roles.yaml")
        passwordBlocklistFile = source.string(
            "PASSWORD_BLOCKLIST_FILE", default: "deploy/config/password-blocklist.txt")
        adminFile = source.string("ADMIN_FILE", default: "\(stateDirectory)/admin.json")
        let document = source.string("OPENAPI_FILE", default: "docs/openapi/token-service.yaml")
        openAPIFile = FileManager.default.isReadableFile(atPath: document) ? document : nil
        kafka = KafkaConfiguration(source, clientID: "token-service")
        policies = PolicyClientConfiguration(source)
        policySecurity = HTTPTransportSecurity(
            caFile: source.optionalString("POLICY_SERVICE_CA_FILE"),
            certificateFile: source.optionalString("CLIENT_CERT_FILE"),
            keyFile: source.optionalString("CLIENT_KEY_FILE"))
        algorithm = source.value("SIGNING_ALGORITHM", default: .RS256, expected: "a JWS algorithm such as RS256") {
            JWSAlgorithm(rawValue: $0)
        }
        accessLifetime = source.milliseconds("ACCESS_TOKEN_LIFETIME", default: "15m", in: "10s"..."15m")
        refreshLifetime = source.milliseconds("REFRESH_TOKEN_LIFETIME", default: "7d", in: "1m"..."30d")
        sessionLifetime = source.milliseconds("SESSION_LIFETIME", default: "30d", in: "1m"..."90d")
        refreshGrace = source.milliseconds("REFRESH_GRACE", default: "10s", in: "2s"..."60s")
        keyRotation = source.milliseconds("KEY_ROTATION_INTERVAL", default: "24h", in: "1s"..."90d")
        keyAnnouncement = source.milliseconds("KEY_ANNOUNCEMENT", default: "15m", in: "1s"..."24h")
        jwksMaxAge = source.int("JWKS_MAX_AGE", default: 300, in: 1...86_400)
        argonThreads = source.int("ARGON2_THREADS", default: 1, in: 1...64)
        argonQueue = source.int("ARGON2_QUEUE", default: 32, in: 1...10_000)
        argonMemoryKiB = source.int("ARGON2_MEMORY_KIB", default: 19_456, in: 8...4_194_304)
        argonIterations = source.int("ARGON2_ITERATIONS", default: 2, in: 1...100)
        outboxRetention = source.milliseconds("OUTBOX_RETENTION", default: "7d", in: "15m"..."90d")
        replica = source.string("REPLICA", default: RandomID.make(bytes: 9))
        if Int64(jwksMaxAge) * 1000 > keyAnnouncement {
            source.reject("JWKS_MAX_AGE", "must not be longer than KEY_ANNOUNCEMENT: caches would miss a new key")
        }
        policies.checkTransport(source)
        if (policySecurity.certificateFile == nil) != (policySecurity.keyFile == nil) {
            source.reject(
                policySecurity.keyFile == nil ? "CLIENT_KEY_FILE" : "CLIENT_CERT_FILE",
                "is required beside the other of the two")
        }
        try source.finish()
    }
}
