import EventBus
import SecurityClient
import ServiceKit

/// What is decided by, and the outbox, as they are when somebody asks.
enum ServiceMetrics {
    static func register(
        in metrics: MetricsRegistry, platform: Platform, publishing: Publishing, point: DecisionPoint
    ) {
        metrics.gauge("policy_sequence", help: "The number of the activation that is decided by.") {
            point.snapshotIfAny.map { Double($0.policies.sequence) }
        }
        metrics.gauge("policy_version", help: "The version that is decided by.") {
            point.snapshotIfAny.map { Double($0.policies.version) }
        }
        metrics.gauge("policy_entities", help: "Entities that are stored.") {
            point.snapshotIfAny.map { Double($0.store.count) }
        }
        let (database, relay) = (platform.database, publishing.main)
        metrics.gauge("database_connections_active", help: "Transactions that run.") {
            Double(database.statistics.active)
        }
        metrics.gauge("database_transactions_waiting", help: "Transactions that wait for a connection.") {
            Double(database.statistics.waiting)
        }
        let labels: MetricLabels = ["outbox": Outboxes.sql]
        metrics.gauge("outbox_backlog", help: "Events that wait to be published.", labels: labels) {
            Double(relay.statistics.backlog)
        }
        metrics.counter("outbox_published_total", help: "Events published.", labels: labels) {
            Double(relay.statistics.published)
        }
        metrics.counter("outbox_failures_total", help: "Attempts at relaying that failed.", labels: labels) {
            Double(relay.statistics.failures)
        }
    }
}
