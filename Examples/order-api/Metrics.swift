import Database
import EventBus
import ServiceKit

/// The pool and the outbox, as they are when somebody asks.
enum OrderMetrics {
    static func register(in metrics: MetricsRegistry, database: any Database, relay: OutboxRelay) {
        metrics.gauge("database_connections_active", help: "Transactions that run.") {
            Double(database.statistics.active)
        }
        metrics.gauge("database_transactions_waiting", help: "Transactions that wait for a connection.") {
            Double(database.statistics.waiting)
        }
        let labels: MetricLabels = ["outbox": OrderEvents.outbox.name]
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
