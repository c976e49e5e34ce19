import APISecurity
import EventBus
import Foundation
import SecurityClient
import ServiceKit

/// What ratelimit-service can be told beside what its HTTP server and SecurityClient read. `docs/ratelimit-service.md` has
/// the table.
struct RateLimitServiceConfiguration: Sendable {
    var databaseURL: Sensitive<String>
    var redisURL: Sensitive<String>
    var redisCAFile: String?
    var redisCertificateFile: String?
    var redisKeyFile: String?
    /// Credentials for the sentinels themselves.
    var redisSentinelUsername: String?
    var redisSentinelPassword: Sensitive<String>?
    /// Milliseconds within which Redis has to answer.
    var redisDeadline: Int64
    var stateDirectory: String
    /// The limits that are in force.
    var limitsFile: String
    /// By how many a limit is divided while they cannot count together.
    var replicas: Int
    /// Names this replica as the holder of leases.
    var replica: String
    var kafka: KafkaConfiguration
    /// Milliseconds.
    var outboxRetention: Int64
    /// What `/openapi.json` serves; nil when the file is not there.
    var openAPIFile: String?

    /// Bad values are noted at `source`.
    init(_ source: ConfigSource) {
        let stateDirectory = source.string("STATE_DIR", default: ".local/state/ratelimit-service")
        self.stateDirectory = stateDirectory
        let file = URL(fileURLWithPath: stateDirectory).standardizedFileURL.appendingPathComponent(
            "ratelimit-service.db")
        databaseURL = source.sensitive("DATABASE_URL", default: "sqlite://\(file.path)")
        redisURL = source.sensitive("REDIS_URL", default: "redis://127.0.0.1:6379")
        redisCAFile = source.optionalString("REDIS_CA_FILE")
        redisCertificateFile = source.optionalString("REDIS_CERT_FILE")
        redisKeyFile = source.optionalString("REDIS_KEY_FILE")
        redisSentinelUsername = source.optionalString("REDIS_SENTINEL_USERNAME")
        redisSentinelPassword = source.optionalSensitive("REDIS_SENTINEL_PASSWORD")
        redisDeadline = source.milliseconds("REDIS_DEADLINE", default: "25ms", in: "5ms"..."5s")
        limitsFile = source.string("LIMITS_FILE", default: "deploy/config/limits.yaml")
        replicas = source.int("REPLICAS", default: 1, in: 1...1_000)
        replica = source.string("REPLICA", default: UUID().uuidString.lowercased())
        kafka = KafkaConfiguration(source, clientID: Outboxes.service)
        outboxRetention = source.milliseconds("OUTBOX_RETENTION", default: "7d", in: "15m"..."90d")
        let document = source.string("OPENAPI_FILE", default: "docs/openapi/ratelimit-service.yaml")
        openAPIFile = FileManager.default.isReadableFile(atPath: document) ? document : nil
    }
}
