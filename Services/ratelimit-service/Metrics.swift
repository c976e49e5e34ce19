import EventBus
import ServiceKit

/// Decisions, Redis and the outbox, as they are when somebody asks.
enum ServiceMetrics {
    static func register(in metrics: MetricsRegistry, platform: Platform, publishing: Publishing, limiter: Limiter) {
        for source in [Decision.Source.shared, .local] {
            for isAllowed in [true, false] {
                metrics.counter(
                    "ratelimit_decisions_total", help: "Decisions, by where they were counted and how they ended.",
                    labels: ["outcome": isAllowed ? "allowed" : "refused", "source": source.rawValue]
                ) { Double(limiter.counts.count(source, isAllowed: isAllowed)) }
            }
        }
        metrics.gauge("ratelimit_limits", help: "Limits in force.") { Double(limiter.book.current.limits.count) }
        metrics.gauge("ratelimit_version", help: "The version of the limits in force.") {
            Double(limiter.book.current.version)
        }
        metrics.gauge("ratelimit_redis_available", help: "Whether limits are counted together: 1 or 0.") {
            limiter.gates.areOpen ? 1 : 0
        }
        metrics.counter("ratelimit_redis_failures_total", help: "Calls of Redis without an answer in time.") {
            Double(limiter.gates.all.reduce(0) { $0 + $1.failed })
        }
        metrics.gauge("ratelimit_local_counters", help: "Counters that this replica keeps by itself.") {
            Double(limiter.local.count)
        }
        let relay = publishing.main
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
