import Database
import EventBus
import Redis
import ServiceKit

/// Pools, queues and outboxes, as they are when somebody asks.
enum ServiceMetrics {
    static func register(
        in metrics: MetricsRegistry, platform: Platform, publishing: Publishing, hasher: PasswordHasher, ring: KeyRing
    ) {
        let (redis, database) = (platform.redis, platform.database)
        metrics.gauge("password_hashes_pending", help: "Password hashes computed or waiting.") { Double(hasher.load) }
        metrics.gauge("signing_keys_published", help: "Keys in the JWKS.") { Double(ring.document.keys.count) }
        let catalogue = platform.catalogue
        metrics.gauge("roles_sequence", help: "The last change of roles that is taken over.") {
            catalogue.sequence == RoleBook.unheard ? nil : Double(catalogue.sequence)
        }
        metrics.gauge("redis_connections", help: "Redis connections that take commands.") {
            Double(redis.statistics.connected)
        }
        metrics.gauge("redis_commands_pending", help: "Redis commands waiting or on their way.") {
            Double(redis.statistics.queued)
        }
        metrics.counter("redis_connections_lost_total", help: "Redis connections lost.") {
            Double(redis.statistics.lost)
        }
        metrics.counter("redis_commands_refused_total", help: "Redis commands refused for a full queue.") {
            Double(redis.statistics.refused)
        }
        metrics.counter("redis_commands_timed_out_total", help: "Redis commands not answered in time.") {
            Double(redis.statistics.timedOut)
        }
        metrics.gauge("database_connections_active", help: "Transactions that run.") {
            Double(database.statistics.active)
        }
        metrics.gauge("database_transactions_waiting", help: "Transactions that wait for a connection.") {
            Double(database.statistics.waiting)
        }
        for (name, relay) in [(Outboxes.sql, publishing.main), (Outboxes.redis, publishing.sessions)] {
            register(relay, name, in: metrics)
        }
    }

    private static func register(_ relay: OutboxRelay, _ name: String, in metrics: MetricsRegistry) {
        let labels: MetricLabels = ["outbox": name]
        metrics.gauge("outbox_leading", help: "1 when this replica relays the outbox.", labels: labels) {
            relay.statistics.isLeading ? 1 : 0
        }
        metrics.gauge("outbox_backlog", help: "Events that wait to be published.", labels: labels) {
            Double(relay.statistics.backlog)
        }
        metrics.gauge(
            "outbox_watermark_seconds", help: "Everything committed until then is published.", labels: labels
        ) { relay.statistics.watermark.map { Double($0) / 1000 } }
        metrics.counter("outbox_published_total", help: "Events published.", labels: labels) {
            Double(relay.statistics.published)
        }
        metrics.counter("outbox_failures_total", help: "Attempts at relaying that failed.", labels: labels) {
            Double(relay.statistics.failures)
        }
        metrics.counter("outbox_republications_total", help: "Brokers found without their state.", labels: labels) {
            Double(relay.statistics.republications)
        }
    }
}
